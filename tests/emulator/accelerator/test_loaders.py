"""Kernel memory: both loaders, read-back, and what a layer reads from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator, AcceleratorAccessError
from mxdeploy.emulator.accelerator.memory import KernelMemory

# The start of a trained network's kernels: word 0 and word 1, most significant byte first.
PACKED = (0x33110429, 0xF6EA2CF4, 0xF7760E1B, 0xF080E006, 0x15410000)
WORD_0 = (0x33, 0x11, 0x04, 0x29, 0xF6, 0xEA, 0x2C, 0xF4, 0xF7)
WORD_1 = (0x76, 0x0E, 0x1B, 0xF0, 0x80, 0xE0, 0x06, 0x15, 0x41)


def wide_view(accelerator: Accelerator, processor: int, word: int) -> list[int]:
    base = mem.kernel_address(processor, word)
    return [accelerator.read(base + offset) for offset in (0, 4, 8, 12)]


def test_packed_loader(bench) -> None:
    bench.initialize()
    base = mem.kernel_address(5)
    bench.accelerator.write(base + 4 * 16 + 1, 1, 1)
    for index, value in enumerate(PACKED):
        bench.accelerator.write(base + 4 * index, value)
    assert wide_view(bench.accelerator, 5, 16) == [0x33, 0x110429F6, 0xEA2CF4F7, 0]
    assert wide_view(bench.accelerator, 5, 17) == [0x76, 0x0E1BF080, 0xE0061541, 0]
    # Two bytes of padding are left over: they do not touch the following word.
    assert wide_view(bench.accelerator, 5, 18) == [0, 0, 0, 0]


def test_packed_loader_leaves_the_next_word_alone(bench) -> None:
    bench.initialize()
    bench.kernels(0, [[9] * 9], first=1)
    bench.kernels(0, [list(WORD_0)], first=0)  # 9 bytes and 3 of padding
    assert wide_view(bench.accelerator, 0, 1) == [9, 0x09090909, 0x09090909, 0]


def test_wide_loader(bench) -> None:
    bench.put(reg.Ctrl(clk_en=1))  # the packed loader is off
    base = mem.kernel_address(40, 3)
    for offset, value in ((0, 0x33), (4, 0x110429F6), (8, 0xEA2CF4F7)):
        bench.accelerator.write(base + offset, value)
    assert wide_view(bench.accelerator, 40, 3) == [0, 0, 0, 0]  # not yet executed
    bench.accelerator.write(base + 12, 0)
    assert wide_view(bench.accelerator, 40, 3) == [0x33, 0x110429F6, 0xEA2CF4F7, 0]


def test_loader_overrun(bench) -> None:
    bench.initialize()
    base = mem.kernel_address(0)
    bench.accelerator.write(base + 4 * 767 + 1, 1, 1)
    values = np.zeros(5, np.uint32)
    with pytest.raises(AcceleratorAccessError, match="past the last kernel word"):
        bench.accelerator.write_block(base, values, 4)


@given(st.integers(0, 700), st.lists(st.binary(min_size=9, max_size=9), min_size=1, max_size=6))
def test_loaders_agree(first: int, words: list[bytes]) -> None:
    data = np.frombuffer(b"".join(words), np.uint8).reshape(-1, 9)
    packed, wide = KernelMemory(), KernelMemory()
    packed.set_address(9, first)
    stores = layouts.words_to_packed(data)
    for value in stores.tolist():
        packed.store_packed(9, value.to_bytes(4, "big"))
    wide.store_wide(9, 4 * first, layouts.words_to_wide(data).reshape(-1))
    np.testing.assert_array_equal(packed.stream, wide.stream)
    start = first * 9
    assert packed.stream[9, start : start + 9].tolist() == list(reversed(words[0]))


def naive_weight(
    words: np.ndarray, *, position: int, skipped: int, elements: int, element: int, bits: int
) -> int:
    """The reader rule, one weight at a time, from 72-bit words (W[0] first)."""
    byte = (position >> 3) * elements + skipped + (elements - 1 - element)
    value = int(words[byte // 9, 8 - byte % 9]) >> (position & 7) & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value


def loaded(words: dict[int, np.ndarray]) -> tuple[Accelerator, reg.Ctrl]:
    """An accelerator with these kernel words from word 0 on, by processor, and its CTRL."""
    accelerator = Accelerator()
    accelerator.power_on()
    control = reg.Ctrl(clk_en=1, mexpress=1)
    accelerator.write(reg.Ctrl.address(0), control.encode())
    for processor, content in words.items():
        accelerator.write(mem.kernel_loader_address(processor), 1, 1)
        stores = layouts.words_to_packed(content)
        accelerator.write_block(mem.kernel_address(processor), stores, 4)
    return accelerator, control


def reading_layer(
    kind: str,
    elements: int,
    processors: list[int],
    counts: tuple[int, int],
    place: tuple[int, int, int],
) -> tuple[reg.LayerRegister, ...]:
    """A layer of one output pixel; its 32-bit outputs are the sums of products themselves."""
    (passes, slots), (start, skipped, bits) = counts, place
    rows = elements if kind == "1d" else {"3x3": 3, "1x1": 1}[kind]
    columns = 1 if kind == "1d" else rows
    oned = {"3x3": {}, "1x1": {"oned_width": 1}, "1d": {"oned_width": elements, "oned_en": 1}}[kind]
    enable = sum(1 << p for p in processors)
    return (
        reg.RowCount(last_row=rows - 1),
        reg.ColumnCount(last_column=columns - 1),
        reg.OneDimensional(oned_sad=skipped, **oned),
        reg.WritePointerBase(word=4096),
        reg.WritePointerMaskOffset(offset_words=0x2000),
        reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1, bigdwrt=1),
        reg.LayerControl1(inpchexp=passes - 1, xpch_max=(slots - 1) * bits),
        reg.MaskCount(mcnt_sad=start, mcnt_max=start + (slots * passes - 1) * bits),
        reg.Enable(pro_en=enable, mask_en=enable),
        reg.PostProcessing(mask_size={8: 0, 1: 1, 2: 2, 4: 3}[bits]),
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_layers_read_kernels_by_the_rule(data: st.DataObject) -> None:
    """Random kernel memories, starts and widths, through registers, against the rule in loops."""
    draw = data.draw
    bits = draw(st.sampled_from([8, 4, 2, 1]))
    kind, elements = draw(
        st.sampled_from([("3x3", 9), ("1x1", 1), *[("1d", k) for k in range(1, 10)]])
    )
    processors = sorted(draw(st.sets(st.integers(0, 15), min_size=1, max_size=3)))
    passes, slots = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    skipped = draw(st.integers(0, 9))
    start = draw(st.integers(0, 40)) * 8 + draw(st.integers(0, 8 // bits - 1)) * bits
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    words = {p: rng.integers(0, 256, (80, 9)).astype(np.uint8) for p in processors}

    accelerator, control = loaded(words)
    layer = reading_layer(kind, elements, processors, (passes, slots), (start, skipped, bits))
    for value in layer:
        accelerator.write(value.address(0, 0), value.encode())
    # One input byte is 1 and all others are 0: the sums are the weights themselves.
    for _ in range(3):
        processor = draw(st.sampled_from(processors))
        input_pass = draw(st.integers(0, passes - 1))
        element = draw(st.integers(0, elements - 1))
        accelerator.data_memory[:] = 0
        accelerator.data_memory[processor >> 2, element * passes + input_pass] = 1 << 8 * (
            processor & 3
        )
        accelerator.write(reg.Ctrl.address(0), control.encode())
        accelerator.write(reg.Ctrl.address(0), control.encode() | 1)
        accelerator.complete()
        expected = [
            naive_weight(
                words[processor],
                position=start + (slot * passes + input_pass) * bits,
                skipped=skipped,
                elements=elements,
                element=element,
                bits=bits,
            )
            for slot in range(slots)
        ]
        places = [(slot >> 2, 4096 + (slot & 3)) for slot in range(slots)]
        got = [int(accelerator.data_memory.view(np.int32)[place]) for place in places]
        assert got == expected
