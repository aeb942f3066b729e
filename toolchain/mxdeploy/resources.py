"""Files that travel with the package: firmware templates and board descriptions.

They lie at the top of a checkout and in ``mxdeploy/_data`` of an installed wheel.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def resource_folder(name: str) -> Path:
    """The folder ``boards`` or ``firmware_templates``.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    candidates = (_PACKAGE / "_data" / name, _CHECKOUT / name)
    for folder in candidates:
        if folder.is_dir():
            return folder
    looked = " and ".join(str(c) for c in candidates)
    raise FileNotFoundError(f"{name} is missing from this installation; looked in {looked}")


def boards_folder() -> Path:
    """Where the descriptions of known boards lie."""
    return resource_folder("boards")


def templates_folder() -> Path:
    """Where the templates of the C project lie."""
    return resource_folder("firmware_templates")
