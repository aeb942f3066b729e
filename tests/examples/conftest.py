"""The scripts of an example are no package: they are imported from their folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = ("data", "draw_sample", "export", "network", "rounding", "train")


@pytest.fixture(scope="session")
def cifar10(repository: Path) -> Iterator[SimpleNamespace]:
    """The modules of ``examples/cifar10`` and their ``folder``."""
    folder = repository / "examples" / "cifar10"
    before = {name: sys.modules.pop(name) for name in SCRIPTS if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        modules = {name: importlib.import_module(name) for name in SCRIPTS}
        yield SimpleNamespace(folder=folder, **modules)
    finally:
        sys.path.remove(str(folder))
        for name in SCRIPTS:
            sys.modules.pop(name, None)
        sys.modules.update(before)
