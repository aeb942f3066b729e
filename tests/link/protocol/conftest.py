"""Compiled firmware of small networks, on virtual boards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.ir.program import Program
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import emit
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests.builders import inputs_for

PROMPT = b"\n> "
DEFAULTS = MapOptions()


@dataclass(frozen=True)
class Ready:
    """A network whose firmware has passed its own test and waits."""

    program: Program
    machine: AcceleratorMachine
    board: Any

    @property
    def network(self) -> QuantNetwork:
        return self.program.plan.network


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ready]:
    """``start(network, options)``: compile its firmware and boot it on a virtual board."""
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    cache: Path = tmp_path_factory.mktemp("cache")
    images: dict[tuple[str, MapOptions], tuple[Program, bytes]] = {}

    def boot(network: QuantNetwork, options: MapOptions = DEFAULTS) -> Ready:
        from mxdeploy.emulator.board import VirtualBoard

        key = (network.digest, options)
        if key not in images:
            program, x = lower(map_network(network, options)), inputs_for(network)
            outputs = AcceleratorMachine(program).run(x).outputs
            answer = KnownAnswer(input=Tensor(x), outputs=outputs, source="random numbers")
            project = emit(program, answer, load_board("max78000fthr"))
            images[key] = program, compile_project(project, cache=cache).elf
        program, elf = images[key]
        board = VirtualBoard("max78000fthr", elf)
        board.run(until=PROMPT)
        return Ready(program=program, machine=AcceleratorMachine(program), board=board)

    return boot


def random_input(network: QuantNetwork, seed: int) -> np.ndarray:
    """Random numbers that are not the sample's."""
    shape = network.value(network.input).shape
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)
