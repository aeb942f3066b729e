"""The vendor's SDK (MSDK) on this machine: where it is, and whether it can build for the chip."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SDK_VARIABLE = "MAXIM_PATH"
CHIP = "MAX78000"
_DEVICE = Path("Libraries/CMSIS/Device/Maxim") / CHIP / "Source/GCC"
_BOARDS = Path("Libraries/Boards") / CHIP


@dataclass(frozen=True, slots=True, kw_only=True)
class Msdk:
    """An SDK folder.

    Attributes:
        path: the folder that MAXIM_PATH names.
        boards: its boards with this chip, as its variable BOARD takes them.
        problem: why nothing can be built with it; empty when it can be used.
    """

    path: Path
    boards: tuple[str, ...] = ()
    problem: str = ""


def find_msdk(environment: Mapping[str, str] = os.environ) -> Msdk | None:
    """The SDK that MAXIM_PATH names; None when the variable is not set."""
    text = environment.get(SDK_VARIABLE, "")
    if not text:
        return None
    path = Path(text)
    if not path.is_dir():
        return Msdk(path=path, problem=f"{SDK_VARIABLE} names a folder that does not exist")
    rules = path / _DEVICE / f"{CHIP.lower()}.mk"
    if not rules.is_file():
        return Msdk(path=path, problem=f"it has no {rules.relative_to(path)}")
    boards = tuple(sorted(file.parent.name for file in (path / _BOARDS).glob("*/board.mk")))
    problem = "" if boards else f"it has no board in {_BOARDS}"
    return Msdk(path=path, boards=boards, problem=problem)
