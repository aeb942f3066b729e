"""What a firmware prints on the virtual board becomes a result, or an error that says why not."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.errors import DeviceError
from mxdeploy.ir.project import Firmware, FirmwareSize
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import emit
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.board import run_on_virtual_board
from tests.builders import build, conv, inputs_for, linear
from tests.emulator.board.probe import probe_image
from tests.tiny_program import ANSWER, tiny_program

pytest.importorskip("unicorn")
PLAN = tiny_program().plan


def firmware(scenario: str) -> Firmware:
    """The probe firmware that prints what the scenario says."""
    size = FirmwareSize(flash_bytes=0, sram_bytes=0, kernel_bytes=0)
    elf = probe_image(scenario)
    return Firmware(elf=elf, binary=b"", hex="", srec="", size=size, compiler="zig")


def test_a_passed_test_with_32_bit_output() -> None:
    run = run_on_virtual_board(firmware("wire_pass"), PLAN, "max78000fthr")
    assert run.passed
    assert run.time_us == 42
    assert run.text == "probe on a board\n  cat 99 %\nPASS\n"
    assert run.result.machine == "board"
    ((name, tensor),) = run.result.outputs
    assert name == "logits/0"
    assert tensor == Tensor(np.array(ANSWER, np.int32).reshape(6, 1, 1))


def test_a_failed_test_with_bytes_on_several_lines() -> None:
    run = run_on_virtual_board(firmware("wire_fail"), PLAN, "max78000fthr")
    assert not run.passed
    assert run.time_us is None
    expected = np.array([1, -1, 127, -128, 0, -2], np.int8).reshape(2, 1, 3)
    assert run.result.outputs[0][1] == Tensor(expected)


def test_incomplete_output_is_refused() -> None:
    with pytest.raises(DeviceError, match="6 elements announced, 4 hexadecimal digits") as caught:
        run_on_virtual_board(firmware("wire_short"), PLAN, "max78000fthr")
    assert caught.value.diagnostics[0].code == "MX7080"


def test_a_firmware_without_a_verdict_is_refused() -> None:
    with pytest.raises(DeviceError, match="the program waits for input") as caught:
        run_on_virtual_board(firmware("echo"), PLAN, "max78000fthr")
    found = caught.value.diagnostics[0]
    assert found.code == "MX7079"
    assert found.why.endswith("ready")


@pytest.mark.parametrize("wrong", [False, True])
def test_a_generated_firmware_judges_itself(*, wrong: bool) -> None:
    """The whole way: the firmware's numbers are the accelerator model's, and it can fail."""
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    network = build((3, 8, 8), [conv(8, pad=1), linear(10, flatten=True, output_bits=32)])
    program, x = lower(map_network(network)), inputs_for(network)
    model = AcceleratorMachine(program).run(x)
    ((name, right),) = model.outputs
    claimed = right.array.copy()
    claimed[0, 0, 0] ^= int(wrong)
    answer = KnownAnswer(input=Tensor(x), outputs=((name, Tensor(claimed)),), source="random")
    project = emit(program, answer, load_board("max78000evkit"))
    run = run_on_virtual_board(compile_project(project), program.plan, "max78000evkit")
    assert run.passed is not wrong
    assert run.result.outputs == model.outputs
    assert run.result.cycles is not None
    assert run.time_us == pytest.approx(run.result.cycles / 50, abs=5)
    assert run.diagnostics == ()
