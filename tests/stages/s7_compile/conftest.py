"""What the tests of compiled firmware share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of objects for the whole run, not the user's own."""
    return tmp_path_factory.mktemp("cache")
