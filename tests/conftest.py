"""What all tests share: where the recorded programs, models and data lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.command import Mxdeploy

REPOSITORY = Path(__file__).resolve().parent.parent

# The same cases in every run: a change is not held up by what an older line does with a new case.
# ``pytest --hypothesis-profile default`` searches on; so does ``python -m tests.fuzz``.
hypothesis.settings.register_profile("fixed", derandomize=True)
hypothesis.settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this test suite."""
    parser.addoption(
        "--update-golden", action="store_true", help="write the texts under tests/golden anew"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)``: the text must be what lies in ``tests/golden/name``."""

    def check(name: str, text: str) -> None:
        file = REPOSITORY / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.exists(), f"{file} is missing: run pytest --update-golden and read the result"
        assert text == file.read_text(encoding="utf-8"), f"differs from {file}; --update-golden?"

    return check


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


@pytest.fixture(scope="session")
def mxdeploy() -> Mxdeploy:
    """The command line, called in this process: ``mxdeploy("build", path, "-o", folder)``."""
    from tests.command import call

    return call
