"""Peripherals: places against the memory map, reset words against the user guide, no overlaps."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.bits import UndeclaredBitsError
from mxdeploy.chip.max78000 import peripherals as per
from mxdeploy.chip.max78000.peripherals import core, dma, flash, gcr, gpio, power, timers, uart


@pytest.mark.parametrize(
    ("address", "instance", "register", "index"),
    [
        (0x4000_0018, "GCR", gcr.PeripheralClockDivider, 0),
        (0x4000_0024, "GCR", gcr.PeripheralClockDisable0, 0),
        (0x4000_5800, "GCFR", power.CnnPower, 0),
        (0x4000_580C, "GCFR", power.CnnReset, 0),
        (0x4008_000C, "LPGCR", power.LowPowerClockDisable, 0),
        (0x4002_A700, "ICC0", power.CacheInvalidate, 0),
        (0x4004_2020, "UART0", uart.Fifo, 0),
        (0x4008_1404, "UART3", uart.Status, 0),
        (0x4002_903C, "FLC0", flash.Data, 3),
        (0x4002_9088, "FLC0", flash.WriteLock, 1),
        (0x4000_9024, "GPIO1", gpio.Input, 0),
        (0x4008_0600, "GPIO3", gpio.En0, 0),
        (0x4001_3018, "TMR3", timers.Control1, 0),
        (0x4002_8124, "DMA", dma.ChannelStatus, 1),
        (0xE000_E10C, "NVIC", core.InterruptSetEnable, 3),
        (0xE000_ED08, "SCB", core.VectorTable, 0),
        (0xE000_1004, "DWT", core.DwtCycleCount, 0),
    ],
)
def test_find_names_the_register(address, instance, register, index):
    place = per.find(address)
    assert place is not None
    assert (place.instance.name, place.register, place.index) == (instance, register, index)
    assert register.address(place.instance.base, index) == address
    inside = per.find(address + 3)
    assert inside is not None
    assert inside.register is register


def test_find_outside_of_all_registers():
    assert per.find(0x4000_0400 - 4).register is None
    assert per.find(0x4003_4010).register is None
    assert per.find(0x4003_4010).instance.name == "ADC"
    assert per.find(0x4005_0000) is None
    assert per.find(0x5010_0000) is None


@pytest.mark.parametrize(
    ("register", "word"),
    [
        (gcr.SystemControl, 0x0002_1002),
        (gcr.PowerManagement, 0x0003_F000),
        (gcr.PeripheralClockDisable0, 0xFFFF_FFFF),
        (gcr.PeripheralClockDisable1, 0xFFFF_FFFF),
        (gcr.MemoryControl, 0x5),
        (gcr.Revision, 0xA1),
        (flash.ClockDivider, 0x64),
        (flash.Address, 0x1000_0000),
        (uart.Status, 0x50),
        (uart.Control, 0xC0),
        (uart.Pins, 3),
        (power.CnnPower, 0),
        (core.CpuId, 0x410F_C241),
        (core.FpuContextControl, 0xC000_0000),
    ],
)
def test_reset_words(register, word):
    assert register.reset_word() == word


def test_clock_control_after_reset_selects_the_running_iso():
    state = gcr.ClockControl.decode(gcr.ClockControl.reset_word())
    assert (state.sysclk_sel, state.iso_en, state.iso_rdy, state.ipo_en) == (0, 1, 1, 0)
    # printed in the user guide without the ready bits
    ready = 1 << 29 | 1 << 28 | 1 << 26 | 1 << 13
    assert gcr.ClockControl.reset_word() & ~ready == 0x8014_0008


def test_known_words():
    assert gcr.PeripheralClockDivider(cnnclkdiv=4).encode() == 4 << 14
    console = uart.Control(
        rx_thd_val=1, par_md=0, cts_dis=0, char_size=3, bclken=1, bclksrc=2, bclkrdy=1
    )
    assert console.encode() == 0x000A_8C01
    erase = flash.Control(unlock=flash.UNLOCKED, erase_code=flash.ERASE_PAGE, pge=1)
    assert erase.encode() == 0x2000_5504
    with pytest.raises(UndeclaredBitsError, match="GCFR_REG0"):
        power.CnnPower.decode(0x10)


def test_interrupts():
    cnn = per.interrupt("CNN")
    assert (cnn.number, cnn.vector, cnn.vector_offset, cnn.riscv_number) == (101, 117, 0x1D4, 57)
    uart0 = per.interrupt("UART0")
    assert (uart0.number, uart0.vector_offset, uart0.riscv_number) == (14, 0x78, 15)
    numbers = [line.number for line in per.INTERRUPTS]
    assert numbers == sorted(set(numbers))
    assert max(numbers) < core.NVIC_LINES


def test_windows_do_not_overlap():
    spans = sorted((i.base, i.base + i.size_bytes) for i in per.INSTANCES)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert len({i.name for i in per.INSTANCES}) == len(per.INSTANCES)


@pytest.mark.parametrize("block", [b for b in per.BLOCKS if b.registers], ids=lambda b: b.name)
def test_registers_of_a_block_do_not_overlap_and_lie_in_its_window(block):
    offsets = [
        register.offset + i * register.stride
        for register in block.registers
        for i in range(register.count)
    ]
    assert len(set(offsets)) == len(offsets)
    assert all(offset % 4 == 0 for offset in offsets)
    assert len({r.mnemonic for r in block.registers}) == len(block.registers)
    places = [i for i in per.INSTANCES if i.block == block.name]
    assert places
    assert all(max(offsets) < place.size_bytes for place in places)
    assert all(register.block == block.name for register in block.registers)


def test_every_instance_has_its_block():
    names = [b.name for b in per.BLOCKS]
    assert len(set(names)) == len(names)
    assert {i.block for i in per.INSTANCES} == set(names)


ALL_REGISTERS = [register for block in per.BLOCKS for register in block.registers]


@given(st.sampled_from(ALL_REGISTERS), st.integers(0, 2**32 - 1))
def test_every_peripheral_register_round_trips(register, word):
    word &= register.declared_mask()
    assert register.decode(word).encode() == word


def test_regions():
    assert per.find_region(0x1000_0000).name == "flash"
    assert per.find_region(0x2001_BFFF).name == "sysram2"
    assert per.find_region(0x2001_C000).name == "sysram3"
    assert per.find_region(0x1080_0010).name == "information block"
    assert per.find_region(0x5110_0000) is None
    total = sum(r.size_bytes for r in per.REGIONS if r.kind == "sram")
    assert total == 128 * 1024
    with pytest.raises(ValueError, match="4 time"):
        flash.Data.address(0x4002_9000, 4)
