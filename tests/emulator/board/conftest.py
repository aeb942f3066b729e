"""Boards that play a scenario of the probe firmware."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mxdeploy.emulator.board import VirtualBoard
from tests.emulator.board.probe import probe_image

BoardOf = Callable[..., VirtualBoard]


@pytest.fixture
def board_of() -> BoardOf:
    """``board_of(name)``: a board that is about to play the scenario."""

    def board(name: str, *, lenient: bool = False) -> VirtualBoard:
        return VirtualBoard("max78000fthr", probe_image(name), lenient=lenient)

    return board
