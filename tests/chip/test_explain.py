"""``explain`` names every address of the map and decodes words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.explain import explain
from mxdeploy.chip.explanation import Kind
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg


def fields(explanation):
    return {f.name: f.value for f in explanation.fields}


def test_a_layer_register_with_its_word():
    found = explain(0x5010_0010, 0x0001_001D)
    assert found.kind is Kind.REGISTER
    assert found.mnemonic == "Ly_RCNT"
    assert dict(found.place) == {"quadrant": 0, "layer": 0}
    assert fields(found) == {"last_row": 29, "pad": 1}
    assert found.undeclared_bits == ()
    assert found.meaning == ("28 rows before pooling, 1 zero row above and below",)
    text = found.to_text()
    assert text.startswith("0x50100010  Ly_RCNT of layer 0, quadrant 0: RowCount (register)")
    assert "17:16  pad      = 1  -- zero rows above and below" in text


def test_worked_address():
    found = explain(0x5090_07A0)
    assert found.mnemonic == "Ly_POST"
    assert dict(found.place) == {"quadrant": 2, "layer": 4}
    assert all(f.value is None for f in found.fields)


def test_enumerated_values_are_named():
    found = explain(0x5090_07A0, 0x0080_C000)
    names = {f.name: f.value_name for f in found.fields}
    assert names["mask_size"] == "2 bit"
    assert names["scale_shft"] == "left"
    assert found.meaning == ("2 bit weights, output shifted left by 6",)


def test_undeclared_bits_are_listed():
    found = explain(0x5010_0290, 0x0000_0013)
    assert found.mnemonic == "Ly_STRIDE"
    assert found.undeclared_bits == (4,)
    assert fields(found) == {"stride": 3}
    assert "WARNING: undeclared bit set: 4" in found.to_text()


@pytest.mark.parametrize(
    ("address", "value", "sentence"),
    [
        (0x5010_0710, 0x0001_0001, "processors 0"),
        (0x5050_0710, 0xFFF0_FFF0, "processors 20-31"),
        (0x5010_0310, 0x0001_0000, "output begins at 0x50c00000: data memory 8"),
        (0x5010_0510, 0x800, "input begins at byte offset 0x2000"),
        (0x5010_0590, 0xEAA0, "HWC input, average pooling, ReLU, 8-bit output; sums of quadrants"),
        (0x5010_0590, 0x10920, "no ReLU, 32-bit output"),
        (0x5010_0A10, 0x480F, "16 input passes"),
        (0x5010_0610, 0x2400_28F8, "160 kernels"),
        (0x5010_0110, 0x1300, "1-D kernel of 3 taps"),
        (0x5010_0110, 0x0004_6000, "element-wise add of 2 operands, before pooling"),
        (0x5010_0190, 1, "pooling window of 2 rows"),
        (0x5010_0008, 4, "5 layers"),
        (0x5000_0000, 0x7908, "FIFOs 0-2 on"),
        (0xE000_E10C, 0x20, "interrupts: CNN"),
        (0x4000_0008, 0x3E18_0808, "system clock: IPO divided by 1"),
        (0x4004_2010, 64, "115200 baud from IBRO"),
    ],
)
def test_words_in_words(address, value, sentence):
    assert any(sentence in line for line in explain(address, value).meaning)


def test_kernel_memory():
    found = explain(0x5018_0004, 0x1104_29F6)
    assert found.kind is Kind.KERNEL_MEMORY
    assert dict(found.place) == {"quadrant": 0, "processor": 0, "word": 0, "part": 1}
    assert found.meaning[0] == "W[1] = 17, W[2] = 4, W[3] = 41, W[4] = -10"
    assert found.meaning[1] == "packed loader: bytes 17, 4, 41, -10"
    assert explain(0x5018_0000, 0x33).meaning[0] == "W[0] = 51"
    assert explain(0x5018_000C, 0).meaning[0] == "executes the write of the word"
    loader = explain(mem.kernel_loader_address(37, 60), 1)
    assert dict(loader.place) == {"quadrant": 2, "processor": 37, "word": 60}
    assert "packed loader" in loader.name


def test_data_memory():
    found = explain(0x5040_802E, 0x80FF_0102)
    assert found.kind is Kind.DATA_MEMORY
    assert dict(found.place) == {
        "quadrant": 0, "memory": 1, "word": 11, "lane": 2, "processor": 6, "offset": 44,
        "pointer": 8192 + 11,
    }  # fmt: skip
    assert found.meaning[0].endswith("processor 4: 2, processor 5: 1, processor 6: -1, "
                                     "processor 7: -128")  # fmt: skip
    assert explain(0x5040_0000, 0xFFFF_FFFE).meaning[1] == "32-bit output: -2"


def test_bias_and_tram():
    bias = explain(0x5050_800C, 0x80)
    assert bias.kind is Kind.BIAS_MEMORY
    assert dict(bias.place) == {"quadrant": 1, "entry": 3}
    assert bias.meaning[0].startswith("bias -128 ")
    assert explain(0x5050_800C, 0x180).undeclared_bits == (8,)
    tram = explain(mem.tram_address(63, 3071))
    assert tram.kind is Kind.TRAM
    assert dict(tram.place) == {"quadrant": 3, "processor": 63, "entry": 3071}


def test_microcontroller():
    power = explain(0x4000_5804, 0x1F)
    assert power.kind is Kind.PERIPHERAL
    assert power.mnemonic == "GCFR_REG1"
    assert power.undeclared_bits == (4,)
    data = explain(0x4002_903C)
    assert data.name == "FLC_DATA[3] of FLC0: Data"
    adc = explain(0x4003_4004)
    assert adc.kind is Kind.UNDESCRIBED
    assert "not described" in adc.text
    hole = explain(0x4000_0010)
    assert hole.kind is Kind.UNDESCRIBED
    assert hole.nearest.startswith("GCR_PM of GCR at 0x4000000c")
    flash = explain(0x1000_2004)
    assert flash.kind is Kind.FLASH
    assert dict(flash.place) == {"offset": 0x2004, "page": 1, "page_offset": 4}
    assert explain(0x2001_C000).name == "sysram3 + 0x0"
    assert explain(0).kind is Kind.ROM
    alias = explain(0x2200_0084)
    assert alias.kind is Kind.ALIAS
    assert alias.meaning == ("bit 1 of the word at 0x20000004",)


@pytest.mark.parametrize(
    ("address", "nearest"),
    [
        (0x5010_0830, "Sz_STRM0 of layer 7, quadrant 0 at 0x5010082c"),
        (0x501B_3000, "kernel memory of processor 12"),
        (0x5010_8800, "bias memory of quadrant 0"),
        (0x4000_4300, "SIMO_VREGO_A of SIMO at 0x40004404"),
        (0xFFFF_FFFF, "FPU_FPCAR"),
        (0x0002_0000, "ROM"),
    ],
)
def test_unmapped_addresses_name_the_nearest_thing(address, nearest):
    found = explain(address)
    assert found.kind is Kind.UNMAPPED
    assert found.nearest.startswith(nearest)
    assert "nearest: " in found.to_text()


def test_slots_of_streams_that_do_not_exist_say_so():
    assert "Sz_STRM0 of layer 8 would be here" in explain(0x5010_0830).text
    assert "Sz_STRM1 of layer 31 would be here" in explain(0x5090_090C).text
    assert "would be here" not in explain(0x5010_1004).text


def test_numbers_of_more_than_32_bits_are_refused():
    with pytest.raises(ValueError, match="32 bits"):
        explain(1 << 32)
    with pytest.raises(ValueError, match="32 bits"):
        explain(0, 1 << 32)


addresses = st.one_of(
    st.integers(0, 2**32 - 1),
    st.integers(0x4000_0000, 0x4010_0000),
    st.integers(0x5000_0000, 0x5120_0000),
    st.integers(0xE000_0000, 0xE010_0000),
    st.integers(0x1000_0000, 0x2400_0000),
)


@given(addresses, st.none() | st.integers(0, 2**32 - 1))
def test_every_address_and_word_has_an_explanation(address, value):
    found = explain(address, value)
    assert found.address == address
    assert found.to_text().startswith(f"0x{address:08x}  ")
    described = json.loads(json.dumps(found.to_dict()))
    assert described["kind"] == found.kind
    assert described["value"] == value
    if found.kind is Kind.UNMAPPED:
        assert found.nearest
    if value is not None and found.fields:
        shown = sum(f.value << int(f.span.split(":")[-1]) for f in found.fields)
        assert shown + sum(1 << bit for bit in found.undeclared_bits) == value


@given(st.integers(0, 3), st.integers(0, 31), st.sampled_from(reg.LAYER_REGISTERS))
def test_every_layer_register_is_found(quadrant, layer, register):
    found = explain(register.address(quadrant, layer))
    assert found.mnemonic == register.mnemonic
    assert dict(found.place) == {"quadrant": quadrant, "layer": layer}


@given(st.integers(0, 15), st.integers(0, 8191), st.integers(0, 3))
def test_every_data_word_is_found(memory, word, lane):
    place = dict(explain(mem.data_address(memory, word, lane)).place)
    assert (place["memory"], place["word"], place["lane"]) == (memory, word, lane)
    assert place["processor"] == 4 * memory + lane


@given(st.integers(0, 63), st.integers(0, 767))
def test_every_kernel_word_is_found(processor, word):
    place = dict(explain(mem.kernel_address(processor, word)).place)
    assert (place["processor"], place["word"]) == (processor, word)
    place = dict(explain(mem.kernel_loader_address(processor, word)).place)
    assert (place["processor"], place["word"]) == (processor, word)
