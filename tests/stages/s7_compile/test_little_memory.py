"""Networks whose input or outputs the firmware cannot hold: generated, read and told in parts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.generated import generated_input
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.outputs import checksum
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import EmitOptions, emit
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.board import run_on_virtual_board
from tests.builders import build, conv, inputs_for, max_pool

LITTLE = EmitOptions(stack_bytes=96_000, start_delay_ms=500)
"""26,880 bytes of SRAM are left."""
BY_WORDS, BY_PIXELS = MapOptions(), MapOptions(input_order=DataOrder.CHW)
FIFO = MapOptions(fifo=True)


@pytest.mark.parametrize(
    ("channels", "outputs", "options", "generated"),
    [
        (5, 20, BY_WORDS, True),
        (5, 4, BY_PIXELS, False),
        (5, 4, FIFO, True),
        (3, 4, FIFO, True),
    ],
)
def test_the_known_answer(
    channels: int, outputs: int, options: MapOptions, generated: bool, cache: Path
) -> None:
    """32,000 bytes of input have no room, 19,200 do; 32,000 bytes of output have none, 6,400 do."""
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    network = build((channels, 80, 80), [conv(outputs, pad=1, pool=max_pool(2))])
    plan = map_network(network, options)
    program = lower(plan)
    x = generated_input((channels, 80, 80)) if generated else inputs_for(network)
    result = AcceleratorMachine(program).run(x)
    answer = KnownAnswer(
        input=Tensor(x), outputs=result.outputs, source="a test", is_generated=generated
    )
    project = emit(program, answer, load_board("max78000fthr"), LITTLE)
    by_element = b"cnn_load_input_by" in project.content("src/cnn.h")
    assert by_element == (channels == 5)
    run = run_on_virtual_board(compile_project(project, cache=cache), plan, "max78000fthr")
    assert run.passed, run.text
    expected = result.outputs[0][1]
    if outputs == 4:
        assert run.result.outputs[0][1] == expected
        assert run.checksums == ()
    else:
        assert run.result.outputs == ()
        assert run.checksums == ((0, checksum(expected.array)),)
    assert run.model == ()


def test_a_wrong_checksum_is_noticed(cache: Path) -> None:
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    network = build((5, 80, 80), [conv(20, pad=1, pool=max_pool(2))])
    plan = map_network(network)
    program = lower(plan)
    x = generated_input((5, 80, 80))
    wrong = AcceleratorMachine(program).run(x).outputs[0][1].array.copy()
    wrong[3, 2, 1] ^= 1
    answer = KnownAnswer(
        input=Tensor(x), outputs=(("y0", Tensor(wrong)),), source="a test", is_generated=True
    )
    project = emit(program, answer, load_board("max78000fthr"), LITTLE)
    run = run_on_virtual_board(compile_project(project, cache=cache), plan, "max78000fthr")
    assert not run.passed
    assert re.search(r"(?m)^FAIL Output 0: 32000 elements, checksum [0-9a-f]{8}$", run.text)


def test_generated_numbers_are_spread() -> None:
    """All values about equally often, no channel like another."""
    x = generated_input((4, 64, 64))
    counts = np.bincount(x.reshape(-1).astype(int) + 128, minlength=256)
    assert counts.min() > 25
    assert counts.max() < 110
    assert len({channel.tobytes() for channel in x}) == 4
    assert np.abs(np.corrcoef(x.reshape(4, -1).astype(float)) - np.eye(4)).max() < 0.06


def test_a_sample_that_has_no_room_is_refused() -> None:
    """Kernels, code and answer leave less than 475,136 bytes: an input of 476,160 is too large."""
    network = build((64, 124, 60), [conv(1, kernel=1, pool=max_pool(4))])
    program = lower(map_network(network))
    x = inputs_for(network)
    answer = KnownAnswer(
        input=Tensor(x), outputs=AcceleratorMachine(program).run(x).outputs, source="a test"
    )
    with pytest.raises(ValueError, match="does not fit the flash"):
        emit(program, answer, load_board("max78000fthr"))
