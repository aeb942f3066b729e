"""Templates and boards are found in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy import resources


@pytest.fixture
def checkout(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as it lies in the checkout, even when an installed one is tested."""
    monkeypatch.setattr(resources, "_PACKAGE", repository / "toolchain" / "mxdeploy")
    monkeypatch.setattr(resources, "_CHECKOUT", repository)
    return repository


def test_boards_lie_in_the_checkout(checkout: Path) -> None:
    assert resources.boards_folder() == checkout / "boards"
    assert (resources.boards_folder() / "max78000fthr.toml").is_file()


def test_templates_lie_in_the_checkout(checkout: Path) -> None:
    assert resources.templates_folder() == checkout / "firmware_templates"
    assert (resources.templates_folder() / "bsp" / "startup.c").is_file()


def test_a_wheel_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "mxdeploy" / "_data" / "boards"
    inside.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "mxdeploy")
    assert resources.boards_folder() == inside


def test_an_incomplete_installation_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_folder is missing"):
        resources.resource_folder("no_such_folder")
