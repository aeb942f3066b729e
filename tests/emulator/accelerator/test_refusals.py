"""What is not modelled is refused by register, field and value; what contradicts itself too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator, NotModelledError
from mxdeploy.emulator.accelerator import unmodelled as un

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


def caught(bench, *changes: Register, **mode: int) -> NotModelledError:
    with pytest.raises(NotModelledError) as found:
        run(bench, *changes, **mode)
    assert found.value.exit_code == 3
    assert found.value.field in str(found.value)
    return found.value


def test_the_plain_layer_runs(bench) -> None:
    run(bench)
    assert bench.accelerator.layers[0].description.out_size == (4, 4)


CONVOLUTION = reg.OneDimensional(oned_width=1, ewise_en=1, ewise_cnt=1, two_d_conv=1)
CARRY = (reg.Enable(pro_en=1), reg.PostProcessing(ts_en=1, onexone_en=1))
PAIR = (  # of 2 in 3 passes
    CONVOLUTION, reg.LayerControl1(inpchexp=2), reg.MaskCount(mcnt_max=16),
)  # fmt: skip
TRANSPOSED = reg.PostProcessing(deconv_en=1)

# Each refusal, and changes to the plain layer (or modes of the start) that meet it.
CASES: tuple[tuple[un.Unmodelled, tuple[Register, ...], dict[str, int]], ...] = (
    (un.GLOBAL_MAX_POOLING, (), {"calcmax": 1}),
    (un.GLOBAL_POOLING, (), {"pool_en": 1}),
    (un.GLOBAL_CHW, (), {"bigdata": 1}),
    (un.SIMPLE_ONE_BIT, (), {"simple1b": 1}),
    (un.POOLING_WAIT_STATE, (), {"timeshft": 1}),
    (un.ONE_SHOT_STREAM, (), {"oneshot": 1, "stream_en": 1}),
    (un.SHARED_FIELD_GROUP, (reg.LayerControl0(**PLAIN, sslave=1),), {}),
    (un.SHARED_FIELD_QUADRANT, (reg.LayerControl0(**PLAIN, mslave=1),), {}),
    (un.PAD_COLUMNS_ALONE, (reg.LayerControl0(**PLAIN, cpad_only=1),), {}),
    (un.NO_SUM_OF_ITS_OWN, (reg.LayerControl0(**(PLAIN | {"master": 0})),), {}),
    (un.LOCAL_WRITES, (reg.LayerControl0(**(PLAIN | {"sramlsrc": 0})),), {}),
    (
        un.CHW_PROCESSORS,
        (reg.LayerControl0(**PLAIN, parallel=1), reg.Enable(pro_en=2, mask_en=2)), {},
    ),
    (un.CHW_OPERANDS, (reg.LayerControl0(**PLAIN, parallel=1), CONVOLUTION), {}),
    (un.KERNELS_AND_PROCESSORS, (reg.Enable(pro_en=3, mask_en=1),), {}),
    (un.WINDOW_WITHOUT_POOLING_ROWS, (reg.PoolRowCount(last_row=1),), {}),
    (un.WINDOW_WITHOUT_POOLING_COLUMNS, (reg.PoolColumnCount(last_column=1),), {}),
    (un.POOLING_BEFORE_ZEROS, (reg.OneDimensional(), TRANSPOSED, reg.Stride(stride=1)), {}),
    (un.LARGE_ROW_PAD, (reg.OneDimensional(), reg.RowCount(last_row=9, pad=3)), {}),
    (un.LARGE_COLUMN_PAD, (reg.OneDimensional(), reg.ColumnCount(last_column=9, pad=3)), {}),
    (un.ROW_PAD_WITHOUT_KERNEL, (reg.RowCount(last_row=3, pad=1),), {}),
    (un.COLUMN_PAD_WITHOUT_KERNEL, (reg.ColumnCount(last_column=3, pad=1),), {}),
    (un.WIDE_ONE_DIMENSION, (reg.OneDimensional(oned_width=2, oned_en=1),), {}),
    (un.LONG_FLATTEN_PIXELS, (reg.PostProcessing(flatten_en=1),), {}),
    (un.PASSES_WITHOUT_FLATTEN, (reg.PostProcessing(xpmp_cnt=1),), {}),
    (un.OPERANDS_AND_PASSES, PAIR, {}),
    (
        un.ELTWISE_ONE_DIMENSION,
        (reg.OneDimensional(oned_width=1, oned_en=1, ewise_en=1, ewise_cnt=1, two_d_conv=1),
         reg.ColumnCount()), {},
    ),
    (
        un.ELTWISE_TRANSPOSED,
        (reg.OneDimensional(ewise_en=1, ewise_cnt=1, two_d_conv=1), TRANSPOSED), {},
    ),
    (un.ELTWISE_CONVOLUTION, (reg.OneDimensional(oned_width=1, ewise_en=1, ewise_cnt=1),), {}),
    (un.ELTWISE_CONVOLUTION, (*CARRY, reg.OneDimensional(oned_width=1, two_d_conv=1)), {}),
    (un.POOL_ORDER_WITHOUT_ELTWISE, (reg.OneDimensional(oned_width=1, prepool=1),), {}),
    (un.CONVOLUTION_WITHOUT_ELTWISE, (reg.OneDimensional(oned_width=1, two_d_conv=1),), {}),
    (un.OPERANDS_WITHOUT_ELTWISE, (reg.OneDimensional(oned_width=1, ewise_cnt=1),), {}),
    (un.KERNEL_WIDTH, (reg.OneDimensional(oned_width=2),), {}),
    (un.TRANSPOSED_KERNEL, (TRANSPOSED,), {}),
    (
        un.TRANSPOSED_KERNEL,
        (reg.Enable(pro_en=1), reg.PostProcessing(ts_en=1, onexone_en=1, deconv_en=1)), {},
    ),
    (un.TIME_SLOTS, (reg.Enable(pro_en=1, mask_en=0),), {}),
    (un.TIME_SLOTS, (reg.PostProcessing(ts_en=1),), {}),
    (un.ONE_BY_ONE, (reg.PostProcessing(onexone_en=1),), {}),
    (un.ONE_BY_ONE, (reg.Enable(pro_en=1), reg.PostProcessing(ts_en=1)), {}),
    *(
        (refusal, (CARRY[0], reg.PostProcessing(ts_en=1, onexone_en=1, **{refusal.field: 1})), {})
        for refusal in (un.SCALED_PASSTHROUGH, un.ABSOLUTE_PASSTHROUGH, un.BIASED_PASSTHROUGH)
    ),
    *(
        (refusal, (*CARRY, reg.LayerControl0(**PLAIN, **{refusal.field: 1})), {})
        for refusal in (
            un.RECTIFIED_PASSTHROUGH, un.WIDE_PASSTHROUGH, un.SUMMED_PASSTHROUGH
        )
    ),
    *(
        (refusal, (*CARRY, change), {})
        for refusal, change in (
            (un.KERNEL_LINE_OF_PASSTHROUGH, reg.OneDimensional(oned_width=1, oned_en=1)),
            (un.KERNEL_BYTE_OF_PASSTHROUGH, reg.OneDimensional(oned_width=1, oned_sad=2)),
            (un.KERNEL_WIDTH_OF_PASSTHROUGH, reg.OneDimensional(oned_width=3)),
            (un.KERNEL_START_OF_PASSTHROUGH, reg.MaskCount(mcnt_sad=8)),
            (un.PASSES_OF_PASSTHROUGH, reg.MaskCount(mcnt_max=8)),
        )
    ),
    (un.ACTIVATED_WIDE, (reg.LayerControl0(**PLAIN, bigdwrt=1, act_en=1),), {}),
)  # fmt: skip
ELSEWHERE = {  # met by the tests below, and by those of the Mlator, one-shot mode and self-tests
    un.OTHER_LEADER, un.FIFO_NOT_COUPLED, un.SEVERAL_BIASES, un.OTHERS_SUM, un.ONE_SHOT_LEFT,
    un.SELF_TEST_STATUS, un.MLATOR_STEP, un.MLATOR_STEP_PASSES,
}  # fmt: skip


def test_every_refusal_is_met() -> None:
    assert {case[0] for case in CASES} | ELSEWHERE == set(un.REFUSALS)
    assert len(set(un.REFUSALS)) == len(un.REFUSALS)


@pytest.mark.parametrize(("refusal", "changes", "mode"), CASES)
def test_refused_by_name(bench, refusal: un.Unmodelled, changes, mode: dict[str, int]) -> None:
    error = caught(bench, *changes, **mode)
    assert (error.register, error.field) == (refusal.register.mnemonic, refusal.field)
    assert refusal.why in str(error)
    assert "MX7001" in str(error)
    place = "start" if refusal.register is reg.Ctrl else "layer 0"
    assert error.diagnostics[0].where == place


@pytest.mark.parametrize(
    ("change", "register", "field"),
    [
        (reg.LayerControl0(**PLAIN, cnnsi_en=2), "Ly_LCTRL0", "cnnsi_en"),
        (reg.Enable(), "Ly_EN", "pro_en"),
        (reg.PostProcessing(bptr_en=1, bptr_sad=512), "Ly_POST", "bptr_sad"),
        (reg.OneDimensional(oned_width=10, oned_en=1), "Ly_ONED", "oned_width"),
        (reg.RowCount(last_row=1, pad=1), "Ly_RCNT", "last_row"),
        (reg.MaskCount(mcnt_sad=16, mcnt_max=8), "Ly_MCNT", "mcnt_max"),
        (reg.MaskCount(mcnt_max=12), "Ly_MCNT", "mcnt_max"),
        (reg.MaskCount(mcnt_sad=0xFFF8, mcnt_max=0xFFF8), "Ly_MCNT", "mcnt_sad"),
        (reg.LayerControl1(inpchexp=1), "Ly_MCNT", "mcnt_max"),
        (reg.LayerControl1(xpch_max=4), "Ly_LCTRL1", "xpch_max"),
        (reg.MaskCount(mcnt_max=8 * 1024), "Ly_MCNT", "mcnt_max"),
        (reg.ReadPointerBase(word=8190), "Ly_RPTR_BASE", "word"),
        (reg.WritePointerBase(word=8190, instance=15), "Ly_WPTR_BASE", "word"),
    ],
)
def test_contradictions(bench, change: Register, register: str, field: str) -> None:
    error = caught(bench, change)
    assert (error.register, error.field) == (register, field)
    assert error.value == getattr(change, field, error.value)
    assert "layer 0" in str(error)


def test_more_output_than_the_memories_hold(bench) -> None:
    """The words of such a layer lie on top of each other; it would also take very long."""
    size = (reg.RowCount(last_row=89), reg.ColumnCount(last_column=90))
    error = caught(bench, *size, reg.MaskCount(mcnt_max=8 * 64))
    assert (error.register, error.field, error.value) == ("Ly_MCNT", "mcnt_max", 8 * 64)
    assert "532350 bytes" in str(error)


def test_a_layer_without_processors_is_named_as_such(bench) -> None:
    """Also when nothing else of it is set, as in programs that clear a layer they need."""
    bench.initialize()
    with pytest.raises(NotModelledError, match="no-processors: the layer has no enabled") as found:
        bench.start()
    assert (found.value.register, found.value.field, found.value.value) == ("Ly_EN", "pro_en", 0)


@pytest.mark.parametrize("field", ["pd", "ds"])
def test_a_start_with_sleeping_memories(bench, field: str) -> None:
    bench.put(reg.Sram(**{field: 1}))
    error = caught(bench)
    assert (error.register, error.field, error.value) == ("SRAM", field, 1)


@pytest.mark.parametrize("field", ["pd", "dsleep"])
def test_a_start_with_sleeping_kernels(bench, field: str) -> None:
    bench.put(reg.AlwaysOnControl(**{field: 1}))
    error = caught(bench)
    assert (error.register, error.field, error.value) == ("AOD_CTRL", field, 1)


def test_a_start_without_the_data_path_clock(bench) -> None:
    error = caught(bench, clk_en=0)
    assert (error.register, error.field, error.value) == ("CTRL", "clk_en", 0)


def test_a_self_test_status(bench) -> None:
    with pytest.raises(NotModelledError, match="TEST") as found:
        bench.put(reg.Test(bistsel=4))
    assert (found.value.field, found.value.value) == ("bistsel", 4)


def test_too_small_for_the_kernel(bench) -> None:
    error = caught(
        bench, reg.OneDimensional(), reg.RowCount(last_row=1), reg.ColumnCount(last_column=1)
    )
    assert (error.field, error.value) == ("last_row", 1)


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
    error = caught(bench, quadrants=(0, 1))
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
    error = caught(bench, reg.WritePointerBase(word=0, instance=4))
    assert error.register == "Ly_WPTR_BASE"


def test_another_leader(bench) -> None:
    bench.initialize(quadrants=(1,))
    bench.layer(0, LAYER, (1,))
    with pytest.raises(NotModelledError, match="quadrant 0"):
        bench.put(reg.Ctrl(clk_en=1, cnn_en=1), 1)


def test_streaming_without_fifo(bench) -> None:
    error = caught(bench, reg.StreamBuffer(fbuf_max=2), stream_en=1, lilbuf=1)
    assert error.field == "fbuf_max"


def test_fifo_without_frame_or_lock_step(bench) -> None:
    assert caught(bench, fifo_en=1).field == "ifrm_reg"
    bench.put(reg.InputFrame(ifrm_reg=16))
    assert caught(bench, fifo_en=1).field == "fifo_cpl"
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1))
    assert caught(bench, fifo_en=1).field == "fifo_en"


def test_independent_quadrants_need_the_fast_fifo(bench) -> None:
    assert caught(bench, qupac=1).field == "qupac"


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
