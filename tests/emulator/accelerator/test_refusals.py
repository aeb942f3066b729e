"""What is not modelled is refused by register, field and value; what contradicts itself too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator, NotModelledError

PLAIN = {"master": 1, "maxpl_en": 1, "sramlsrc": 1}
LAYER: tuple[Register, ...] = (
    reg.RowCount(last_row=3),
    reg.ColumnCount(last_column=3),
    reg.OneDimensional(oned_width=1),
    reg.WritePointerBase(word=1024),
    reg.WritePointerMaskOffset(offset_words=0x2000),
    reg.LayerControl0(**PLAIN),
    reg.Enable(pro_en=1, mask_en=1),
)


def run(bench, *changes: Register, quadrants: tuple[int, ...] = (0,), **mode: int) -> None:
    bench.initialize(quadrants=quadrants)
    bench.layer(0, (*LAYER, *changes), quadrants)
    bench.start(quadrants, **mode)


def refusal(bench, *changes: Register, **mode: int) -> NotModelledError:
    with pytest.raises(NotModelledError) as caught:
        run(bench, *changes, **mode)
    assert caught.value.exit_code == 3
    assert caught.value.field in str(caught.value)
    return caught.value


def test_the_plain_layer_runs(bench) -> None:
    run(bench)
    assert bench.accelerator.layers[0].description.out_size == (4, 4)


@pytest.mark.parametrize(
    ("change", "register", "field"),
    [
        (reg.LayerControl0(**PLAIN, sslave=1), "Ly_LCTRL0", "sslave"),
        (reg.LayerControl0(**PLAIN, mslave=1), "Ly_LCTRL0", "mslave"),
        (reg.LayerControl0(**PLAIN, cpad_only=1), "Ly_LCTRL0", "cpad_only"),
        (reg.LayerControl0(**(PLAIN | {"master": 0})), "Ly_LCTRL0", "master"),
        (reg.LayerControl0(**(PLAIN | {"sramlsrc": 0})), "Ly_LCTRL0", "sramlsrc"),
        (reg.LayerControl0(**PLAIN, cnnsi_en=2), "Ly_LCTRL0", "cnnsi_en"),
        (reg.LayerControl0(**PLAIN, bigdwrt=1, act_en=1), "Ly_LCTRL0", "bigdwrt"),
        (reg.Enable(), "Ly_EN", "pro_en"),
        (reg.Enable(pro_en=3, mask_en=1), "Ly_EN", "mask_en"),
        (reg.Enable(pro_en=1, mask_en=0), "Ly_POST", "ts_en"),
        (reg.PostProcessing(onexone_en=1), "Ly_POST", "onexone_en"),
        (reg.PostProcessing(xpmp_cnt=1), "Ly_POST", "xpmp_cnt"),
        (reg.PostProcessing(flatten_en=1), "Ly_POST", "flatten_en"),
        (reg.PostProcessing(deconv_en=1), "Ly_POST", "deconv_en"),
        (reg.PostProcessing(bptr_en=1, bptr_sad=512), "Ly_POST", "bptr_sad"),
        (reg.OneDimensional(oned_width=2), "Ly_ONED", "oned_width"),
        (reg.OneDimensional(oned_width=10, oned_en=1), "Ly_ONED", "oned_width"),
        (reg.OneDimensional(oned_width=2, oned_en=1), "Ly_CCNT", "last_column"),
        (reg.OneDimensional(oned_width=1, ewise_cnt=1), "Ly_ONED", "ewise_cnt"),
        (reg.OneDimensional(oned_width=1, ewise_en=1, ewise_cnt=1), "Ly_ONED", "two_d_conv"),
        (reg.RowCount(last_row=3, pad=1), "Ly_RCNT", "pad"),
        (reg.RowCount(last_row=1, pad=1), "Ly_RCNT", "last_row"),
        (reg.PoolRowCount(last_row=1), "Ly_PRCNT", "last_row"),
        (reg.MaskCount(mcnt_sad=16, mcnt_max=8), "Ly_MCNT", "mcnt_max"),
        (reg.MaskCount(mcnt_max=12), "Ly_MCNT", "mcnt_max"),
        (reg.MaskCount(mcnt_sad=0xFFF8, mcnt_max=0xFFF8), "Ly_MCNT", "mcnt_sad"),
        (reg.LayerControl1(inpchexp=1), "Ly_MCNT", "mcnt_max"),
        (reg.LayerControl1(xpch_max=4), "Ly_LCTRL1", "xpch_max"),
        (reg.ReadPointerBase(word=8190), "Ly_RPTR_BASE", "word"),
        (reg.WritePointerBase(word=8190, instance=15), "Ly_WPTR_BASE", "word"),
    ],
)
def test_layer_settings(bench, change: Register, register: str, field: str) -> None:
    error = refusal(bench, change)
    assert (error.register, error.field) == (register, field)
    assert error.value == getattr(change, field, error.value)
    assert "layer 0" in str(error)


@pytest.mark.parametrize("field", ["calcmax", "pool_en", "bigdata", "oneshot", "simple1b"])
def test_modes(bench, field: str) -> None:
    error = refusal(bench, **{field: 1})
    assert (error.register, error.field, error.value) == ("CTRL", field, 1)


def test_chw_input_of_other_processors(bench) -> None:
    error = refusal(bench, reg.LayerControl0(**PLAIN, parallel=1), reg.Enable(pro_en=2, mask_en=2))
    assert error.field == "parallel"


def test_too_small_for_the_kernel(bench) -> None:
    error = refusal(
        bench, reg.OneDimensional(), reg.RowCount(last_row=1), reg.ColumnCount(last_column=1)
    )
    assert (error.field, error.value) == ("last_row", 1)


def test_large_padding(bench) -> None:
    error = refusal(bench, reg.OneDimensional(), reg.RowCount(last_row=9, pad=3))
    assert (error.register, error.field, error.value) == ("Ly_RCNT", "pad", 3)


def test_element_wise_layers_of_three_operands_and_two_passes(bench) -> None:
    three = reg.OneDimensional(oned_width=1, ewise_en=1, ewise_cnt=2, two_d_conv=1)
    error = refusal(bench, three, reg.LayerControl1(inpchexp=1), reg.MaskCount(mcnt_max=8))
    assert (error.field, error.value) == ("ewise_cnt", 2)


def test_quadrants_must_agree(bench) -> None:
    bench.initialize(quadrants=(0, 1))
    bench.layer(0, LAYER, (0, 1))
    bench.put(reg.ColumnCount(last_column=4), 1, 0)
    with pytest.raises(NotModelledError, match="quadrant 1: Ly_CCNT") as caught:
        bench.start((0, 1))
    assert (caught.value.field, caught.value.value) == ("last_column", 4)


def test_layer_counts_must_agree(bench) -> None:
    bench.initialize(quadrants=(0, 1))
    bench.layer(0, LAYER, (0, 1))
    bench.put(reg.LayerCountMax(lcnt=1), 1)
    with pytest.raises(NotModelledError, match="LCNT_MAX"):
        bench.start((0, 1))


def test_products_that_nobody_adds(bench) -> None:
    error = refusal(bench, quadrants=(0, 1))
    assert error.field == "cnnsi_en"  # quadrant 1 computes, quadrant 0 does not take its sum


def test_two_biases(bench) -> None:
    bench.initialize(quadrants=(0, 1))
    values = (*LAYER, reg.PostProcessing(bptr_en=1))
    bench.layer(0, values, (0, 1))
    bench.put(reg.LayerControl0(**PLAIN, cnnsi_en=2), 0, 0)
    with pytest.raises(NotModelledError, match="bptr_en"):
        bench.start((0, 1))


def test_output_to_a_quadrant_without_power(bench) -> None:
    bench.accelerator.set_power(power=1, ram=1, isolation=0xE, reset=0, clock=True)
    error = refusal(bench, reg.WritePointerBase(word=0, instance=4))
    assert error.register == "Ly_WPTR_BASE"


def test_another_leader(bench) -> None:
    bench.initialize(quadrants=(1,))
    bench.layer(0, LAYER, (1,))
    with pytest.raises(NotModelledError, match="quadrant 0"):
        bench.put(reg.Ctrl(clk_en=1, cnn_en=1), 1)


def test_streaming_without_fifo(bench) -> None:
    error = refusal(bench, reg.StreamBuffer(fbuf_max=2), stream_en=1, lilbuf=1)
    assert error.field == "fbuf_max"


def test_fifo_without_frame_or_lock_step(bench) -> None:
    assert refusal(bench, fifo_en=1).field == "ifrm_reg"
    bench.put(reg.InputFrame(ifrm_reg=16))
    assert refusal(bench, fifo_en=1).field == "fifo_cpl"
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1))
    assert refusal(bench, fifo_en=1).field == "fifo_en"


def test_independent_quadrants_need_the_fast_fifo(bench) -> None:
    assert refusal(bench, qupac=1).field == "qupac"


def test_a_second_start_before_completion(bench) -> None:
    run(bench)
    bench.put(reg.Ctrl(clk_en=1))
    with pytest.raises(NotModelledError, match="not complete"):
        bench.start()


@st.composite
def anything(draw: st.DrawFn) -> list[Register]:
    """A plain layer with some fields of some registers set to anything, mostly small."""
    registers = {type(value): value for value in LAYER}
    for cls in draw(st.lists(st.sampled_from(reg.LAYER_REGISTERS), max_size=6, unique=True)):
        fields = dict(vars(registers.get(cls, cls())))
        for name in draw(st.sets(st.sampled_from(sorted(cls.bit_fields())), max_size=4)):
            top = cls.bit_fields()[name].maximum
            fields[name] = draw(st.one_of(st.integers(0, min(top, 4)), st.integers(0, top)))
        registers[cls] = cls(**fields)
    return list(registers.values())


@settings(max_examples=150, deadline=None)
@given(anything(), st.sampled_from([{}, {"poolrnd": 1}, {"stream_en": 1}, {"fifo_en": 1}]))
def test_any_registers_run_or_are_refused(values: list[Register], mode: dict[str, int]) -> None:
    """Whatever the registers say: results, or a refusal that names one of them."""
    accelerator = Accelerator()
    accelerator.power_on()
    noise = np.random.default_rng(len(values)).integers(0, 1 << 32, 8192, np.uint32)
    accelerator.data_memory[:] = noise
    for value in values:
        accelerator.write(value.address(0, 0), value.encode())
    control = reg.Ctrl(clk_en=1, cnn_en=1, **mode)
    names = {cls.mnemonic for cls in (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS)}
    refused = ""
    try:
        accelerator.write(reg.Ctrl.address(0), control.encode())
    except NotModelledError as error:
        refused = error.register
    if refused:
        assert refused in names | {"IFRM", "FIFO_CTRL", "CTRL"}
    else:
        assert len(accelerator.layers) == 1
