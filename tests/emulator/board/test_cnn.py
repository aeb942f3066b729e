"""The accelerator on the board: firmware plays recorded programs and compares their answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mxdeploy.emulator.board import StopReason, VirtualBoard
from mxdeploy.emulator.board.image import load_image
from mxdeploy.errors import DeviceError, ModelError
from tests.emulator.board.probe import probe_image
from tests.emulator.board.tables import (
    QUADRANTS,
    WAIT,
    WRITE_WORDS,
    entry,
    image_with_table,
    replay_table,
)

pytest.importorskip("unicorn")
QUADRANT_0 = 0x5010_0000
POWER_ON = (
    (0x4000_580C, 0xF),
    (0x4000_5804, 0xF),
    (0x4000_5800, 0xF),
    (0x4000_5808, 0),
    (0x4000_580C, 0),
)


def board_with(table: bytes) -> VirtualBoard:
    image = image_with_table(load_image(probe_image("cnn")).flash, table)
    return VirtualBoard("max78000evkit", image)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["d-dotprod", "d-mnist-extrasmall", "d-mnist", "sdk-cifar-10"])
def test_recorded_programs_give_their_known_answers(shared: Path, name: str) -> None:
    table, comparisons = replay_table(shared / "traces" / f"{name}.npz")
    board = board_with(table)
    assert board.run(b"end\n", wall_seconds=60) is StopReason.UNTIL
    text = board.uart_output.decode()
    assert f"compared={comparisons}\nwrong=0\n" in text
    assert board.inferences == 1
    assert board.exceptions == 1  # the accelerator's interrupt woke the core from WFI
    measured = int(re.findall(r"cnn_us=(\d+)", text)[0])
    assert board.inference_cycles is not None
    assert measured == pytest.approx(board.inference_cycles / 50, abs=25)


@pytest.mark.shared
def test_a_wrong_weight_is_noticed(shared: Path) -> None:
    """The comparison in the firmware can fail."""
    table, _ = replay_table(shared / "traces" / "d-mnist-extrasmall.npz")
    words = bytearray(table)
    middle = words.index((0x5018_0000).to_bytes(4, "little")) + 16
    words[middle] ^= 0x5A
    board = board_with(bytes(words))
    board.run(b"end\n", wall_seconds=60)
    assert re.search(rb"wrong=[1-9]", board.uart_output)


def run_writes(*writes: tuple[int, int]) -> VirtualBoard:
    parts = [entry(QUADRANTS, 1)]
    parts += [entry(WRITE_WORDS, address, value) for address, value in writes]
    parts.append(entry(WAIT, 0))
    board = board_with(b"".join(part.tobytes() for part in parts))
    board.run(b"end\n", limit_seconds_virtual=1)
    return board


def test_registers_without_clock_do_not_answer() -> None:
    with pytest.raises(DeviceError) as caught:
        run_writes(*POWER_ON, (QUADRANT_0, 0x0010_0008))
    assert "0x50100000, firmware at 0x" in caught.value.diagnostics[0].where
    assert "clock" in caught.value.diagnostics[0].why
    assert "CNN quadrant 0+0x00" in caught.value.diagnostics[0].why


def test_kernel_memory_without_power_does_not_answer() -> None:
    clocks_on = (0x4000_0024, 0xFDFF_7DFE)
    no_memory_power = [w for w in POWER_ON if w[0] != 0x4000_5804]
    with pytest.raises(DeviceError) as caught:
        run_writes(*no_memory_power, clocks_on, (QUADRANT_0 + 0x8_0000, 1))
    assert "GCFR REG1" in caught.value.diagnostics[0].why


def test_data_memory_is_closed_while_the_accelerator_runs(shared: Path) -> None:
    table, _ = replay_table(shared / "traces" / "d-mnist-extrasmall.npz")
    wait = entry(WAIT, 0).tobytes()
    position = table.rindex(wait)
    poke = entry(WRITE_WORDS, 0x5040_0000, 0).tobytes()
    board = board_with(table[:position] + poke + table[position:])
    with pytest.raises(DeviceError) as caught:
        board.run(b"end\n", wall_seconds=60)
    assert caught.value.diagnostics[0].code == "MX7063"


def test_what_the_model_does_not_know_is_refused_by_name() -> None:
    clocks_on = (0x4000_0024, 0xFDFF_7DFE)
    simple_logic = 1 << 21 | 1 << 3 | 1
    with pytest.raises(ModelError) as caught:
        run_writes(*POWER_ON, clocks_on, (QUADRANT_0, 1 << 3), (QUADRANT_0, simple_logic))
    assert "firmware at 0x" in caught.value.diagnostics[0].where
