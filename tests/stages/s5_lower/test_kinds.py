"""Registers of element-wise layers, transposed convolutions, write gaps: words worked out by hand.

The rules are those of the recorded programs (``test_recorded``); here they stand one by one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ops.layer import Eltwise, EltwiseFunction, Kind, LayerSpec, Pool, PoolKind
from mxdeploy.stages.s5_lower.configure import layer_registers
from mxdeploy.stages.s5_lower.placed import PlacedLayer
from tests.fuzz.case import Case, Layer, Place

WINDOW = Pool(kind=PoolKind.MAX, size=(2, 2), stride=2)


def lowered(case: Case, quadrant: int = 0) -> dict[type[reg.LayerRegister], reg.LayerRegister]:
    """The last layer's registers by type."""
    plan = case.plan()
    placed = PlacedLayer(layer=plan.network.layers[-1], plan=plan.layers[-1])
    return {type(value): value for value in layer_registers(placed, quadrant)}


def single(shape, processors, layer: Layer, quadrants=(0,)) -> Case:
    at = Place(processors=processors, word=0)
    return Case(shape=shape, at=at, layers=(layer,), quadrants=quadrants)


def combined(channels: int, processors: int, operands: int, quadrants=(0,), **spec) -> Case:
    """Pass-through copies of the input, interleaved, and a layer that combines them."""
    common = {"in_channels": channels, "in_size": (4, 6), "out_channels": channels}
    copies = [
        Layer(
            spec=LayerSpec(kind=Kind.PASSTHROUGH, **common),
            reads=(0,),
            to=Place(processors=processors, word=100 + number, gap=operands - 1),
        )
        for number in range(operands)
    ]
    last = Layer(
        spec=LayerSpec(operands=operands, **(common | spec)),
        reads=tuple(range(1, operands + 1)),
        to=Place(processors=processors, word=4096),
    )
    at = Place(processors=processors, word=0)
    return Case(shape=(channels, 4, 6), at=at, layers=(*copies, last), quadrants=quadrants)


def eltwise(name: str, *, pool_first: bool = True) -> Eltwise:
    return Eltwise(function=EltwiseFunction(name), pool_first=pool_first)


@pytest.mark.parametrize(("name", "code"), [("sub", 0), ("add", 1), ("or", 2), ("xor", 3)])
@pytest.mark.parametrize("operands", [2, 3, 16])
def test_operands_pass_through(name, code, operands):
    case = combined(6, 0x3F, operands, kind=Kind.PASSTHROUGH, eltwise=eltwise(name))
    found = lowered(case)
    assert found[reg.OneDimensional] == reg.OneDimensional(
        tscnt_max=1, ewise_en=1, ewise_func=code, ewise_cnt=operands - 1
    )
    assert found[reg.PostProcessing] == reg.PostProcessing(ts_en=1)
    assert found[reg.Enable] == reg.Enable(pro_en=0x3F)
    assert found[reg.ReadPointerBase].encode() == 100
    assert found[reg.LayerControl1].encode() == 0
    assert found[reg.WritePointerTimeSlotOffset].encode() == 0x2000


@pytest.mark.parametrize(
    ("pool", "pool_first", "prepool"),
    [(None, True, 0), (WINDOW, True, 1), (WINDOW, False, 0)],
)
def test_order_of_pooling(pool, pool_first, prepool):
    function = eltwise("add", pool_first=pool_first)
    case = combined(6, 0x3F, 2, kind=Kind.CONV2D, eltwise=function, pool=pool)
    found = lowered(case)
    assert found[reg.OneDimensional] == reg.OneDimensional(
        oned_width=1, ewise_en=1, ewise_func=1, prepool=prepool, two_d_conv=1, ewise_cnt=1
    )
    assert found[reg.LayerControl0].pool_en == int(pool is not None)
    assert found[reg.PostProcessing] == reg.PostProcessing()
    assert found[reg.Enable] == reg.Enable(pro_en=0x3F, mask_en=0x3F)


def test_two_operands_in_two_passes():
    case = combined(8, 0xF, 2, kind=Kind.PASSTHROUGH, eltwise=eltwise("add"))
    found = lowered(case)
    assert found[reg.RowCount] == reg.RowCount(last_row=3)
    assert found[reg.LayerControl1] == reg.LayerControl1(inpchexp=1)
    assert found[reg.MaskCount] == reg.MaskCount(mcnt_max=8)
    assert found[reg.WritePointerTimeSlotOffset].encode() == 0x2000


@pytest.mark.parametrize(("operands", "channels"), [(2, 12), (3, 8)])
def test_other_passes_become_rows(operands, channels):
    passes = channels // 4
    case = combined(channels, 0xF, operands, kind=Kind.PASSTHROUGH, eltwise=eltwise("add"))
    found = lowered(case)
    assert found[reg.RowCount] == reg.RowCount(last_row=4 * passes - 1)
    assert found[reg.ColumnCount] == reg.ColumnCount(last_column=5)
    assert found[reg.LayerControl1].encode() == 0
    assert found[reg.MaskCount].encode() == 0


def test_transposed():
    """The count includes the inserted zeros; the padding is the chip's own."""
    spec = LayerSpec(
        kind=Kind.CONV_TRANSPOSE2D,
        in_channels=3,
        in_size=(5, 7),
        out_channels=4,
        kernel=(3, 3),
        pad=(1, 2),
    )
    layer = Layer(spec=spec, reads=(0,), to=Place(processors=0xF, word=512), shift=-2)
    found = lowered(single((3, 5, 7), 7, layer))
    assert spec.out_size == (10, 16)
    assert found[reg.RowCount] == reg.RowCount(last_row=11, pad=1)
    assert found[reg.ColumnCount] == reg.ColumnCount(last_column=17, pad=2)
    assert found[reg.TramPointer] == reg.TramPointer(tptr_max=15)
    assert found[reg.PostProcessing] == reg.PostProcessing(scale_reg=2, scale_shft=1, deconv_en=1)
    assert found[reg.Stride].encode() == 0


@pytest.mark.parametrize(("bits", "words"), [(8, 3), (32, 12)])
def test_gaps(bits, words):
    """Two output passes, two words left free: six words per pixel, or six times four."""
    spec = LayerSpec(
        kind=Kind.CONV2D, in_channels=1, in_size=(2, 2), out_channels=8, output_bits=bits
    )
    layer = Layer(spec=spec, reads=(0,), to=Place(processors=0xF0, word=9, gap=2))
    found = lowered(single((1, 2, 2), 1, layer))
    assert found[reg.LayerControl1] == reg.LayerControl1(wptr_inc=5, xpch_max=24)
    assert found[reg.WritePointerChannelOffset].encode() == words
    assert found[reg.WritePointerBase] == reg.WritePointerBase(word=9, instance=1)


def test_gap_of_a_pass_through():
    spec = LayerSpec(kind=Kind.PASSTHROUGH, in_channels=8, in_size=(2, 2), out_channels=8)
    layer = Layer(spec=spec, reads=(0,), to=Place(processors=0xF0, word=9, gap=15))
    found = lowered(single((8, 2, 2), 0xF, layer))
    assert found[reg.LayerControl1] == reg.LayerControl1(inpchexp=1, wptr_inc=15)


def test_layers_that_leave_out_the_leading_quadrant():
    """It adds the sums of the others, and writes; its own processors are off."""
    spec = LayerSpec(kind=Kind.CONV2D, in_channels=2, in_size=(2, 2), out_channels=2)
    layer = Layer(spec=spec, reads=(0,), to=Place(processors=3 << 48, word=9), bias=(3, 7))
    case = single((2, 2, 2), 1 << 20 | 1 << 33, layer, quadrants=(0, 1, 2, 3))
    found = lowered(case)
    assert found[reg.Enable].encode() == 0
    assert found[reg.LayerControl0].cnnsi_en == 0b1110
    assert found[reg.WritePointerBase] == reg.WritePointerBase(word=9, instance=12)
    assert lowered(case, 1)[reg.Enable] == reg.Enable(pro_en=1 << 4, mask_en=1 << 4)
    assert lowered(case, 3)[reg.PostProcessing] == reg.PostProcessing(bptr_en=1, bptr_sad=7)


def test_pooled_operands_in_many_passes_are_not_taken_apart():
    """Rows of different passes must not be pooled together; the chip has no setting for it."""
    function = eltwise("add")
    case = combined(12, 0xF, 3, kind=Kind.PASSTHROUGH, eltwise=function)
    last = case.layers[-1]
    pooled = replace(last, spec=replace(last.spec, pool=WINDOW))
    found = lowered(replace(case, layers=(*case.layers[:-1], pooled)))
    assert found[reg.RowCount] == reg.RowCount(last_row=3)
    assert found[reg.LayerControl1].inpchexp == 2
