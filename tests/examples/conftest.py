"""The scripts of an example are no package: they are imported from their folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest


@contextmanager
def scripts(folder: Path, *names: str) -> Iterator[SimpleNamespace]:
    """The modules of these names in a folder, which is kept in ``folder``."""
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        modules = {name: importlib.import_module(name) for name in names}
        yield SimpleNamespace(folder=folder, **modules)
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)


@pytest.fixture(scope="session")
def cifar10(repository: Path) -> Iterator[SimpleNamespace]:
    """``examples/cifar10``."""
    with scripts(repository / "examples" / "cifar10", "draw_sample") as modules:
        yield modules


@pytest.fixture(scope="session")
def screws(repository: Path) -> Iterator[SimpleNamespace]:
    """``examples/screws``."""
    folder = repository / "examples" / "screws"
    with scripts(folder, "geometry", "rendering", "generate") as modules:
        yield modules


@pytest.fixture(scope="session")
def keywords(repository: Path) -> Iterator[SimpleNamespace]:
    """``examples/keywords``."""
    with scripts(repository / "examples" / "keywords", "join", "say") as modules:
        yield modules
