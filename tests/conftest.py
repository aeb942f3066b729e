"""What all tests share: where the recorded programs, models and data lie."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recorded programs, real models and real data, beside the checkout."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "traces").is_dir():
        pytest.skip(
            f"NOT TESTED against recorded programs and real models: {folder} is not there "
            "(tests marked 'shared' need it)"
        )
    return folder
