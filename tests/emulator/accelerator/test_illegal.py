"""Every single bit of every register, turned over in programs that work.

Whatever comes of it has results, or is refused by a register that exists, one of its fields and
the value that the register really holds; or by the address that was written.
"""

from __future__ import annotations

from itertools import product

import pytest

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator, AcceleratorAccessError
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)
from tests.fuzz.case import Case, Layer, Place
from tests.fuzz.compare import compare
from tests.fuzz.trial import Change, Complete, Flip, Put, Start, Trial, attempt

X = Place(processors=0x3, word=0)
FOUR = {"in_channels": 2, "in_size": (4, 4), "out_channels": 2}


def case(*layers: Layer, shape=(2, 4, 4), at=X, quadrants=(0,)) -> Case:
    return Case(shape=shape, at=at, layers=layers, quadrants=quadrants)


def place(word: int, gap: int = 0) -> Place:
    return Place(processors=0x3, word=word, gap=gap)


def layer(word: int, *, gap: int = 0, reads=(0,), kernels: int = 0, bias=None, **spec) -> Layer:
    return Layer(
        spec=LayerSpec(**(FOUR | spec)),
        reads=reads,
        to=place(word, gap),
        kernels=kernels,
        bias=bias,
    )


CONVOLUTION = layer(
    64,
    kind=Kind.CONV2D,
    kernel=(3, 3),
    pad=(1, 1),
    pool=Pool(kind=PoolKind.AVERAGE, size=(2, 2), stride=1),
    activation=Activation.RELU,
    bias=(0, 5),
)
MASTERS = {
    "convolution": case(CONVOLUTION),
    "quadrants": case(
        CONVOLUTION, shape=(2, 4, 4), at=Place(processors=0x10002, word=0), quadrants=(0, 1)
    ),
    "one dimension": case(
        layer(64, kind=Kind.CONV1D, in_size=(16, 1), kernel=(5, 1), pad=(2, 0), kernels=4)
    ),
    "transposed": case(layer(64, kind=Kind.CONV_TRANSPOSE2D, kernel=(3, 3), pad=(1, 1))),
    "flatten": case(
        layer(64, kind=Kind.LINEAR, in_size=(5, 4), flatten=True, output_bits=32), shape=(2, 5, 4)
    ),
    "pass-through": case(
        layer(64, kind=Kind.PASSTHROUGH, pool=Pool(kind=PoolKind.MAX, size=(2, 2), stride=2))
    ),
    "operands": case(
        layer(64, kind=Kind.CONV2D, gap=1),
        layer(65, kind=Kind.CONV2D, gap=1, kernels=4),
        layer(
            128,
            kind=Kind.PASSTHROUGH,
            reads=(1, 2),
            operands=2,
            eltwise=Eltwise(function=EltwiseFunction.ADD),
        ),
    ),
    "combined": case(
        layer(64, kind=Kind.CONV2D, gap=1),
        layer(65, kind=Kind.CONV2D, gap=1, kernels=4),
        layer(
            128,
            kind=Kind.CONV2D,
            reads=(1, 2),
            operands=2,
            eltwise=Eltwise(function=EltwiseFunction.XOR),
            kernels=8,
        ),
    ),
}
LAYERED = (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS)


@pytest.mark.parametrize("name", MASTERS)
def test_the_programs_work(name):
    compare(MASTERS[name])


def bits_of(cls: type[Register]) -> list[int]:
    """The bits that can be written."""
    fields = [spec for spec in cls.bit_fields().values() if spec.access != "r"]
    return [bit for spec in fields for bit in range(spec.low, spec.high + 1)]


@pytest.mark.parametrize("name", MASTERS)
def test_single_bits_of_the_layers(name):
    """In all quadrants, and in the last one alone; each is turned back afterwards."""
    program = MASTERS[name]
    start = Start(quadrants=program.quadrants)
    outcomes = set()
    for cls in LAYERED:
        steps = []
        for bit, quadrants in product(bits_of(cls), {program.quadrants, program.quadrants[-1:]}):
            flip = Flip(
                mnemonic=cls.mnemonic, bit=bit, quadrants=quadrants, layer=len(program.layers) - 1
            )
            steps += [flip, start, Complete(), flip]
        outcomes |= set(attempt(Trial(case=program, steps=(*steps, start))))
    assert "run" in outcomes
    assert len(outcomes & {cls.mnemonic for cls in LAYERED}) >= 8


def test_single_bits_of_the_control_registers():
    for cls in (reg.LayerCountMax, reg.InputFrame, reg.Sram, reg.Test, reg.FifoControl):
        for bit in bits_of(cls):
            steps = (Flip(mnemonic=cls.mnemonic, bit=bit), Start(), Complete(), Start())
            attempt(Trial(case=MASTERS["convolution"], steps=steps))


@pytest.mark.parametrize("field", sorted(reg.Ctrl.bit_fields().keys() - {"cnn_en", "clk_en"}))
def test_single_fields_of_the_mode(field):
    for value in {1, reg.Ctrl.bit_fields()[field].maximum}:
        steps = (Start(mode=((field, value),)), Complete(), Start())
        attempt(Trial(case=MASTERS["convolution"], steps=steps))


@pytest.mark.parametrize("cls", LAYERED, ids=lambda cls: cls.mnemonic)
def test_single_bits_that_nothing_declares(cls):
    accelerator = Accelerator()
    accelerator.power_on()
    address = cls.address(2, 1)
    for bit in range(32):
        if cls.declared_mask() >> bit & 1:
            continue
        with pytest.raises(AcceleratorAccessError, match=rf"bit {bit}$") as caught:
            accelerator.write(address, 1 << bit)
        assert caught.value.address == address
    assert accelerator.read(address) == cls.reset_word()


# --- found by the search in tests/fuzz ----------------------------------------------------------


def refused_by(program: Case, *changes: Change, **mode: int) -> str:
    """The register that refuses a changed program, after the search's own checks."""
    start = Start(quadrants=program.quadrants, mode=tuple(mode.items()))
    return attempt(Trial(case=program, steps=(*changes, start)))[-1]


def test_writing_past_a_memory_names_the_pointer_as_it_is():
    far = Change(mnemonic="Ly_WPTR_BASE", field="word", value=8190)
    assert refused_by(MASTERS["convolution"], far) == "Ly_WPTR_BASE"


def test_a_stream_that_begins_late_names_the_ring_as_it_is():
    ring = Change(mnemonic="Sz_FBUF", field="fbuf_max", value=77, layer=2)
    assert refused_by(MASTERS["operands"], ring, stream_en=1) == "Sz_FBUF"


@pytest.mark.parametrize(("kernels", "rows"), [(55_001, 1024), (1000, 1024), (3000, 90)])
def test_more_outputs_than_the_memories_hold_are_not_computed(kernels, rows):
    """Hundreds of millions of values on top of each other would be the hardware's own business."""
    registers = (
        reg.RowCount(last_row=rows - 1),
        reg.ColumnCount(last_column=7),
        reg.OneDimensional(oned_width=1),
        reg.PostProcessing(mask_size=1),
        reg.MaskCount(mcnt_max=kernels - 1),
        reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1),
        reg.LayerControl1(xpch_max=0x1FF),
        reg.Enable(pro_en=0xFFFF, mask_en=0xFFFF),
    )
    steps = (*(Put(register=value) for value in registers), Start())
    assert attempt(Trial(steps=steps))[-1] == "Ly_MCNT"
