"""What the bus refuses: no power, no clock, nothing there, undeclared bits, wrong widths."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator, AcceleratorAccessError

DATA = mem.data_address(0)
READY = {"power": 0xF, "ram": 0xF, "isolation": 0, "reset": 0, "clock": True}


def powered() -> Accelerator:
    accelerator = Accelerator()
    accelerator.power_on()
    return accelerator


def test_before_power_nothing_answers() -> None:
    accelerator = Accelerator()
    with pytest.raises(AcceleratorAccessError, match="clock does not run") as caught:
        accelerator.read(DATA)
    assert caught.value.address == DATA
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"power": 0xD}, "quadrant 1 has no power"),
        ({"isolation": 0x2}, "quadrant 1 is isolated"),
        ({"reset": 0x2}, "quadrant 1 is held in reset"),
        ({"clock": False}, "clock does not run"),
    ],
)
def test_a_quadrant_that_is_not_ready(change: dict[str, int], reason: str) -> None:
    accelerator = powered()
    accelerator.set_power(**(READY | change))
    with pytest.raises(AcceleratorAccessError, match=reason):
        accelerator.write(mem.data_address(4), 1)
    with pytest.raises(AcceleratorAccessError, match=reason):
        accelerator.read(reg.LayerCountMax.address(1))
    if "clock" not in change:
        accelerator.write(DATA, 1)  # quadrant 0 still works


def test_a_quadrant_needs_a_reset_after_power_up() -> None:
    accelerator = Accelerator()
    accelerator.set_power(**READY)
    with pytest.raises(AcceleratorAccessError, match="was not reset"):
        accelerator.read(DATA)
    accelerator.set_power(**(READY | {"reset": 0xF}))
    accelerator.set_power(**READY)
    assert accelerator.read(DATA) == 0


def test_kernel_memory_has_its_own_power() -> None:
    accelerator = powered()
    accelerator.set_power(**(READY | {"ram": 0xE}))
    with pytest.raises(AcceleratorAccessError, match="REG1"):
        accelerator.read(mem.kernel_address(0))
    assert accelerator.read(mem.kernel_address(16)) == 0
    assert accelerator.read(DATA) == 0


def test_power_loss_and_reset() -> None:
    accelerator = powered()
    accelerator.write(DATA, 0x12345678)
    accelerator.write(mem.bias_address(0, 3), 0x80)
    accelerator.write(reg.LayerCountMax.address(0), 7)
    accelerator.set_power(**(READY | {"reset": 0xF}))
    accelerator.set_power(**READY)
    assert accelerator.read(reg.LayerCountMax.address(0)) == 0
    assert accelerator.read(DATA) == 0x12345678
    assert accelerator.read(mem.bias_address(0, 3)) == 0x80
    accelerator.set_power(**(READY | {"power": 0, "reset": 0xF}))
    accelerator.set_power(**(READY | {"reset": 0xF}))
    accelerator.set_power(**READY)
    assert accelerator.read(DATA) == 0
    assert accelerator.read(mem.bias_address(0, 3)) == 0


@pytest.mark.parametrize(
    "address",
    [
        0x5000_0018,  # behind the FIFO ports
        0x5010_0A90,  # behind the last layer register
        0x5010_8800,  # behind the bias memory
        0x5011_3000,  # behind the TRAM of processor 0
        0x5018_3000,  # behind the kernel memory of processor 0
        0x5042_0000,  # behind the data memories of quadrant 0
        0x5110_0000,  # behind quadrant 3
    ],
)
def test_undeclared_addresses(address: int, caplog: pytest.LogCaptureFixture) -> None:
    accelerator = powered()
    with pytest.raises(AcceleratorAccessError, match="no register and no memory"):
        accelerator.write(address, 1)
    with pytest.raises(AcceleratorAccessError, match="no register and no memory"):
        accelerator.read(address)
    lenient = Accelerator(lenient=True)
    lenient.power_on()
    with caplog.at_level(logging.WARNING):
        lenient.write(address, 1)
    assert lenient.read(address) == 0
    assert f"0x{address:08x}" in caplog.text


def test_undeclared_bits(caplog: pytest.LogCaptureFixture) -> None:
    address = reg.RowCount.address(2, 5)
    accelerator = powered()
    with pytest.raises(AcceleratorAccessError, match=r"RowCount .* undeclared bits 10, 18"):
        accelerator.write(address, 1 << 10 | 1 << 18 | 3)
    assert accelerator.read(address) == 0
    lenient = Accelerator(lenient=True)
    lenient.power_on()
    with caplog.at_level(logging.WARNING):
        lenient.write(address, 1 << 10 | 3)
    assert lenient.read(address) == 3
    assert "undeclared" in caplog.text


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    "address", [DATA, mem.bias_address(0, 0), reg.RowCount.address(0, 0), 0x5000_0000]
)
def test_narrow_accesses(address: int, size: int) -> None:
    accelerator = powered()
    with pytest.raises(AcceleratorAccessError, match=rf"store.* of {size} byte"):
        accelerator.write(address, 1, size)
    with pytest.raises(AcceleratorAccessError, match=f"load of {size} byte"):
        accelerator.read(address, size)


def test_misaligned_access() -> None:
    with pytest.raises(AcceleratorAccessError, match="aligned"):
        powered().write(DATA + 2, 1)


def test_byte_stores_set_the_loader_address_only() -> None:
    accelerator = powered()
    with pytest.raises(AcceleratorAccessError, match="kernel memory"):
        accelerator.write(mem.kernel_address(0) + 1, 1, 1)  # the packed loader is off
    accelerator.write(reg.Ctrl.address(0), reg.Ctrl(mexpress=1).encode())
    accelerator.write(mem.kernel_address(0) + 1, 1, 1)
    with pytest.raises(AcceleratorAccessError, match="kernel memory"):
        accelerator.write(mem.kernel_address(0) + 2, 1, 1)


def test_half_words_are_refused_in_kernel_memory_and_tram() -> None:
    accelerator = powered()
    for address in (mem.kernel_address(0), mem.tram_address(0, 0)):
        with pytest.raises(AcceleratorAccessError, match="of 2 byte"):
            accelerator.write(address, 1, 2)


def test_entries_of_bias_memory_and_tram_are_narrow() -> None:
    accelerator = powered()
    with pytest.raises(AcceleratorAccessError, match="8 bits"):
        accelerator.write(mem.bias_address(1, 2), 0x100)
    values = np.array([1, 0x10000], np.uint32)
    with pytest.raises(AcceleratorAccessError, match="16 bits") as caught:
        accelerator.write_block(mem.tram_address(1, 2), values, 4)
    assert caught.value.address == mem.tram_address(1, 3)


def test_tram_takes_words_and_bytes() -> None:
    accelerator = powered()
    accelerator.write(mem.tram_address(17, 5), 0xBEEF)
    assert accelerator.read(mem.tram_address(17, 5)) == 0xBEEF
    zeros = np.zeros(8, np.uint32)
    accelerator.write_block(mem.tram_address(17, 4), zeros, 1, size=1)
    assert accelerator.read(mem.tram_address(17, 5)) == 0
    with pytest.raises(AcceleratorAccessError, match="aligned"):
        accelerator.read(mem.tram_address(17, 5) + 1)


def test_reset_values() -> None:
    accelerator = powered()
    assert accelerator.read(reg.Ctrl.address(0)) == 0x6
    assert accelerator.read(0x5000_0000) == 0x3
    assert accelerator.read(0x5000_1000) == 0x3
    assert accelerator.read(reg.RowCount.address(3, 31)) == 0


@pytest.mark.parametrize("field", ["pd", "ds"])
def test_sleeping_memories_do_not_answer(field: str) -> None:
    """SRAM: power-down loses the content, deep sleep keeps it."""
    accelerator = powered()
    accelerator.write(DATA, 7)
    accelerator.write(reg.Sram.address(0), reg.Sram(**{field: 1}).encode())
    with pytest.raises(AcceleratorAccessError, match="down or asleep"):
        accelerator.read(DATA)
    assert accelerator.read(mem.data_address(4)) == 0  # quadrant 1
    accelerator.write(reg.Sram.address(0), reg.Sram().encode())
    assert accelerator.read(DATA) == (7 if field == "ds" else 0)


@pytest.mark.parametrize("field", ["pd", "dsleep"])
def test_sleeping_kernel_memories_do_not_answer(field: str) -> None:
    """AOD_CTRL: the kernel memories alone, one bit for each quadrant."""
    accelerator = powered()
    kernel = mem.kernel_address(16)
    accelerator.write_block(kernel, np.array([1, 2, 3, 0], np.uint32), 4)
    control = reg.AlwaysOnControl(**{field: 2})
    accelerator.write(reg.AlwaysOnControl.address(), control.encode())
    with pytest.raises(AcceleratorAccessError, match="down or asleep"):
        accelerator.read(kernel)
    assert accelerator.read(mem.kernel_address(0)) == 0
    accelerator.write(reg.AlwaysOnControl.address(), reg.AlwaysOnControl().encode())
    assert accelerator.read(kernel) == (1 if field == "dsleep" else 0)


def test_data_memory_of_the_caller_is_used_in_place() -> None:
    buffer = np.zeros((16, 8192), np.uint32)
    accelerator = Accelerator(data_memory=buffer)
    accelerator.power_on()
    accelerator.write(mem.data_address(9, 77), 0xCAFE_F00D)
    assert buffer[9, 77] == 0xCAFE_F00D
    buffer[15, 8191] = 5
    assert accelerator.read(0x5101_FFFC) == 5
    assert accelerator.data_memory is buffer


@pytest.mark.parametrize(
    "buffer",
    [
        np.zeros((16, 8191), np.uint32),
        np.zeros((16, 8192), np.int32),
        np.zeros((8192, 16), np.uint32).T,
    ],
)
def test_wrong_data_memory(buffer: np.ndarray) -> None:
    with pytest.raises(ValueError, match="C-contiguous uint32"):
        Accelerator(data_memory=buffer)


def test_blocks_mean_the_same_as_single_stores() -> None:
    values = np.arange(1, 20, dtype=np.uint32) * 0x01020304
    single, block = powered(), powered()
    for accelerator in (single, block):
        accelerator.write(reg.Ctrl.address(0), reg.Ctrl(mexpress=1).encode())
        accelerator.write(mem.kernel_address(3) + 4 * 7 + 1, 1, 1)
    targets = (mem.data_address(2, 8180), mem.kernel_address(3), mem.kernel_address(20, 5))
    for address in targets:
        block.write_block(address, values, 4)
        for index, value in enumerate(values.tolist()):
            single.write(address + 4 * index, value)
    np.testing.assert_array_equal(single.data_memory, block.data_memory)
    assert single.data_memory[2, 8180:].tolist() == values[:12].tolist()
    assert single.data_memory[3, :7].tolist() == values[12:].tolist()
    for word in range(20):
        for part in range(0, 16, 4):
            for processor in (3, 20):
                address = mem.kernel_address(processor, word) + part
                assert single.read(address) == block.read(address)
    assert block.read_block(mem.data_address(2, 8180), 19).tolist() == values.tolist()
    last = block.read_block(mem.data_address(3, 8190), 2)
    assert last.tolist() == [0, 0]
