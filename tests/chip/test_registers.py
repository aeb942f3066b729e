"""The accelerator's registers: addresses, worked decodes, and every recorded register write."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg

ALL = reg.QUADRANT_REGISTERS + reg.LAYER_REGISTERS + reg.STREAM_REGISTERS + reg.BLOCK_REGISTERS


@given(st.sampled_from(ALL), st.integers(0, 2**32 - 1))
def test_every_register_round_trips(register, word):
    word &= register.declared_mask()
    value = register.decode(word)
    assert value.encode() == word
    assert register(**{name: getattr(value, name) for name in register.bit_fields()}) == value


@pytest.mark.parametrize("register", ALL, ids=lambda r: r.__name__)
def test_fields_are_described_in_order_and_reset_fits(register):
    fields = register.bit_fields()
    for name, spec in fields.items():
        assert spec.doc, name
        assert 0 <= spec.reset <= spec.maximum
        assert all(0 <= value <= spec.maximum for value, _ in spec.values)
    assert register.mnemonic
    assert register.source
    assert register.__doc__.strip().endswith(".")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (reg.PostProcessing.address(2, 4), 0x5090_07A0),
        (reg.LayerControl1.address(0, 0), 0x5010_0A10),
        (reg.RowCount.address(0, 0), 0x5010_0010),
        (reg.ColumnCount.address(3, 31), 0x50D0_0090 + 31 * 4),
        (reg.OneDimensional.offset_of(0), 0x110),
        (reg.PoolRowCount.offset_of(0), 0x190),
        (reg.PoolColumnCount.offset_of(0), 0x210),
        (reg.Stride.offset_of(0), 0x290),
        (reg.WritePointerBase.offset_of(0), 0x310),
        (reg.WritePointerTimeSlotOffset.offset_of(0), 0x390),
        (reg.WritePointerMaskOffset.offset_of(0), 0x410),
        (reg.WritePointerChannelOffset.offset_of(0), 0x490),
        (reg.ReadPointerBase.offset_of(0), 0x510),
        (reg.LayerControl0.offset_of(0), 0x590),
        (reg.MaskCount.offset_of(0), 0x610),
        (reg.TramPointer.offset_of(0), 0x690),
        (reg.Enable.offset_of(0), 0x710),
        (reg.PostProcessing.offset_of(0), 0x790),
        (reg.Stream0.offset_of(0), 0x810),
        (reg.Stream1.offset_of(0), 0x890),
        (reg.StreamBuffer.offset_of(0), 0x910),
        (reg.Ctrl.address(1), 0x5050_0000),
        (reg.Test.address(3), 0x50D0_000C),
        (reg.InputFrame.address(0), 0x5010_0990),
        (reg.Mlat.address(0), 0x5010_1000),
        (reg.FifoControl.address(), 0x5000_0000),
        (reg.FifoWrite3.address(), 0x5000_0014),
        (reg.AlwaysOnControl.address(), 0x5000_1000),
        (reg.FastFifoData.address(), 0x400C_0410),
    ],
)
def test_addresses(address, expected):
    assert address == expected


def test_addresses_are_unique_and_indices_are_checked():
    addresses = [c.address() for c in reg.BLOCK_REGISTERS]
    for quadrant in range(4):
        addresses += [c.address(quadrant) for c in reg.QUADRANT_REGISTERS]
        for register in reg.LAYER_REGISTERS + reg.STREAM_REGISTERS:
            addresses += [register.address(quadrant, n) for n in range(register.count)]
    assert len(set(addresses)) == len(addresses)
    with pytest.raises(ValueError, match=r"0\.\.31"):
        reg.RowCount.address(0, 32)
    with pytest.raises(ValueError, match=r"0\.\.7"):
        reg.Stream0.address(0, 8)
    with pytest.raises(ValueError, match=r"0\.\.3"):
        reg.Ctrl.address(4)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (mem.bias_address(1, 3), 0x5050_800C),
        (mem.tram_address(17, 2), 0x5051_4008),
        (mem.kernel_address(63, 0), 0x50DB_C000),
        (mem.kernel_address(0, 128), 0x5018_0800),
        (mem.kernel_loader_address(4, 60), 0x5019_00F1),
        (mem.data_address(0), 0x5040_0000),
        (mem.data_address(3), 0x5041_8000),
        (mem.data_address(4), 0x5080_0000),
        (mem.data_address(15, 8191, 3), 0x5101_FFFF),
    ],
)
def test_memory_addresses(address, expected):
    assert address == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda: mem.bias_address(0, 512),
        lambda: mem.tram_address(64, 0),
        lambda: mem.kernel_address(0, 768),
        lambda: mem.data_address(16),
        lambda: mem.data_address(0, -1),
    ],
)
def test_memory_addresses_outside(call):
    with pytest.raises(ValueError, match=r"outside 0\.\."):
        call()


MNIST = {
    reg.RowCount: [
        (0x1001D, {"last_row": 29, "pad": 1}),
        (0x2001F, {"last_row": 31, "pad": 2}),
    ],
    reg.WritePointerBase: [(0x2800, {"word": 0x800, "instance": 1})],
    reg.LayerControl0: [
        (0xB60, {"sramlsrc": 1, "act_en": 1, "maxpl_en": 1, "parallel": 1, "master": 1}),
        (
            0xEAA0,
            {"cnnsi_en": 14, "sramlsrc": 1, "act_en": 1, "pool_en": 1, "master": 1},
        ),
        (0x10920, {"bigdwrt": 1, "sramlsrc": 1, "maxpl_en": 1, "master": 1}),
    ],
    reg.MaskCount: [
        (0x1D8, {"mcnt_max": 59 * 8}),
        (0x2400_28F8, {"mcnt_sad": 1152 * 8, "mcnt_max": 1311 * 8}),
    ],
    reg.PostProcessing: [
        (0x22000, {"scale_shft": 1, "scale_reg": 1}),
        (0x1000, {"bptr_en": 1}),
        (0x80C000, {"mask_size": 2, "scale_reg": 6}),
        (0x40E000, {"mask_size": 1, "scale_reg": 7}),
        (0x300_0000, {"ts_en": 1, "onexone_en": 1}),
    ],
    reg.LayerControl1: [
        (0x1D800, {"xpch_max": 59 * 8}),
        (0x480F, {"xpch_max": 72, "inpchexp": 15}),
        (0x19811, {"inpchexp": 1, "wptr_inc": 1, "xpch_max": 51 * 8}),
    ],
    reg.OneDimensional: [
        (0x100, {"oned_width": 1}),
        (0x1300, {"oned_width": 3, "oned_en": 1}),
    ],
    reg.Enable: [(0x10001, {"pro_en": 1, "mask_en": 1})],
    reg.TramPointer: [(0x7800B3, {"tptr_sad": 120, "tptr_max": 179})],
    reg.Stream0: [(0x174, {"strm_isval": 372})],
    reg.Stream1: [(0x7C0021, {"strm_dsval2": 124, "strm_dsval1": 2, "strm_invol": 1})],
    reg.StreamBuffer: [(0x1EE, {"fbuf_max": 494})],
    reg.FifoControl: [
        (0x1908, {"full_thresh": 2, "empty_thresh": 2, "fifo_cpl": 1, "fifo_en": 1, "rdy_sel": 0})
    ],
    reg.Sram: [(0x40E, {"rmargin_en": 1, "rmargin": 3, "wneg_en": 1})],
    reg.Ctrl: [
        (0x00100808, {"clk_en": 1, "ext_sync_en": 1, "mexpress": 1, "rdy_sel": 0}),
        (
            0x0018C809,
            {
                "cnn_en": 1, "clk_en": 1, "ext_sync_en": 1, "stream_en": 1, "fifo_en": 1,
                "lilbuf": 1, "mexpress": 1, "rdy_sel": 0,
            },
        ),
    ],
    reg.FastFifoControl: [(0xA0, {"threshold": 10})],
}  # fmt: skip
WORKED = [(register, *case) for register, cases in MNIST.items() for case in cases]


@pytest.mark.parametrize(("register", "word", "fields"), WORKED)
def test_worked_decodes(register, word, fields):
    assert register(**fields).encode() == word
    value = register.decode(word)
    assert {n: v for n in register.bit_fields() if (v := getattr(value, n))} == {
        n: v for n, v in fields.items() if v
    }


def declared_addresses():
    known = {register.address(): register for register in reg.BLOCK_REGISTERS}
    for quadrant in range(mem.QUADRANTS):
        known |= {c.address(quadrant): c for c in reg.QUADRANT_REGISTERS}
        for register in reg.LAYER_REGISTERS + reg.STREAM_REGISTERS:
            known |= {register.address(quadrant, n): register for n in range(register.count)}
    return known


def register_writes(path):
    """Addresses and words of all register writes of a recorded program, two arrays."""
    trace = np.load(path)
    length = trace["run_len"].astype(np.int64)
    start = np.concatenate([[0], np.cumsum(length)[:-1]])
    step = np.arange(length.sum()) - np.repeat(start, length)
    address = np.repeat(trace["run_addr"].astype(np.int64), length)
    address += step * np.repeat(trace["run_stride"].astype(np.int64), length)
    inside = (address - mem.QUADRANT_BASE) % mem.QUADRANT_STRIDE
    quadrants = (address >= mem.QUADRANT_BASE) & (address < 0x5110_0000)
    control = (address >= mem.CNN_BASE) & (address < mem.QUADRANT_BASE)
    chosen = control | (quadrants & (inside < mem.BIAS_OFFSET))
    return address[chosen], trace["writes_val"][chosen]


@pytest.mark.shared
def test_every_recorded_register_write_decodes(shared):
    """No recorded program sets an undeclared bit or writes an undeclared register.

    The one exception: two programs write zeros to the slots of streams 8..31, which do not exist.
    """
    known = declared_addresses()
    pairs, writes = set(), 0
    for path in sorted((shared / "traces").glob("*.npz")):
        addresses, words = register_writes(path)
        writes += len(words)
        pairs |= set(zip(addresses.tolist(), words.tolist(), strict=True))
    assert writes > 250_000
    for address, word in pairs:
        register = known.get(address)
        if register is None:
            inside = (address - mem.QUADRANT_BASE) % mem.QUADRANT_STRIDE
            assert 0x830 <= inside < 0x890 or 0x8B0 <= inside < 0x910
            assert word == 0
        else:
            assert register.decode(word).encode() == word
