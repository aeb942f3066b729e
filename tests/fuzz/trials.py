"""Random trials: legal programs with a few fields changed, and registers full of anything."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import strategies as st

from mxdeploy.chip.bits import Bits, Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from tests.fuzz.cases import cases
from tests.fuzz.trial import (
    EVERY_QUADRANT,
    PORTS,
    Change,
    Complete,
    Flip,
    Load,
    Power,
    Push,
    Put,
    Start,
    Step,
    Store,
    Trial,
)

LAYER_REGISTERS = (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS)
OTHER_REGISTERS = (
    reg.LayerCountMax,
    reg.InputFrame,
    reg.FifoControl,
    reg.AlwaysOnControl,
    reg.Sram,
    reg.Test,
    reg.FastFifoControl,
)
MODES = (
    "poolrnd", "stream_en", "fifo_en", "lilbuf", "qupac", "ffifo_en", "fifogrp", "oneshot",
    "calcmax", "pool_en", "bigdata", "simple1b", "timeshft", "mexpress", "apbclk_en", "mlat_ld",
    "mlatch_sel", "fclk_dly", "ext_sync_quadrant", "cnn_irq", "clk_en",
)  # fmt: skip
PLAIN: tuple[Register, ...] = (
    reg.RowCount(last_row=3),
    reg.ColumnCount(last_column=3),
    reg.OneDimensional(oned_width=1),
    reg.WritePointerBase(word=1024),
    reg.WritePointerMaskOffset(offset_words=mem.DATA_WORDS),
    reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1),
    reg.Enable(pro_en=1, mask_en=1),
)
"""A 1x1 convolution of one channel."""


Setting = tuple[type[Register], str, int]


@st.composite
def _settings(draw, registers: tuple[type[Register], ...]) -> Setting:
    """A field of one of the registers, and a value for it."""
    cls = draw(st.sampled_from(registers))
    name = draw(st.sampled_from(_fields(cls)))
    return cls, name, draw(_value(cls.bit_fields()[name]))


@cache
def _fields(cls: type[Register]) -> tuple[str, ...]:
    """The fields that can be written."""
    return tuple(name for name, spec in cls.bit_fields().items() if spec.access != "r")


ANY_FIELD = _settings(LAYER_REGISTERS)
OTHER_FIELD = _settings(OTHER_REGISTERS)


@st.composite
def trials(draw) -> Trial:
    """Either kind, started once or twice, with accesses of any kind in between."""
    legal = draw(st.booleans())
    case = draw(cases(max_layers=2)) if legal else None
    quadrants = case.quadrants if case else draw(st.sampled_from(((0,), (0, 1), (0, 1, 2, 3))))
    layers = len(case.layers) if case else draw(st.integers(1, 3))
    steps: list[Step] = []
    if not legal:
        steps.append(Put(register=reg.LayerCountMax(lcnt=layers - 1), quadrants=quadrants))
        for layer in range(layers):
            steps += _layer(draw, layer, quadrants)
        if draw(st.integers(0, 5)) == 0:
            steps += _heavy(draw, quadrants)
    steps += [draw(_change(quadrants, layers)) for _ in range(draw(st.integers(legal, 4)))]
    if draw(st.integers(0, 3)) == 0:
        steps += _fifo(draw, quadrants)
    elif draw(st.integers(0, 4)) == 0:
        steps.append(draw(_accesses()))
    steps.append(_start(draw, quadrants))
    for _ in range(draw(st.integers(0, 3))):
        steps.append(draw(_afterwards(quadrants, layers)))
    return Trial(steps=tuple(steps), case=case)


def _layer(draw, layer: int, quadrants: tuple[int, ...]) -> list[Step]:
    """A plain layer with some registers set to anything; now and then nothing but noise."""
    if draw(st.integers(0, 11)) == 0:
        words = np.random.default_rng(draw(st.integers(0, 0xFFFF))).integers(0, 1 << 32, 64)
        return [
            Put(register=cls.decode(int(word) & cls.declared_mask()), layer=layer)
            for cls, word in zip(LAYER_REGISTERS, words, strict=False)
            if layer < cls.count
        ]
    registers = {type(value): value for value in PLAIN}
    if quadrants != (0,):
        summed = sum(1 << quadrant for quadrant in quadrants[1:])
        registers[reg.LayerControl0] = reg.LayerControl0(
            master=1, maxpl_en=1, sramlsrc=1, cnnsi_en=summed
        )
    for _ in range(draw(st.integers(0, 5))):
        cls, name, value = draw(ANY_FIELD)
        registers[cls] = replace(registers.get(cls, cls()), **{name: value})
    steps: list[Step] = [
        Put(register=value, quadrants=quadrants, layer=layer) for value in registers.values()
    ]
    if quadrants != (0,) and draw(st.integers(0, 7)):
        plain = reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1)
        steps.append(Put(register=plain, quadrants=quadrants[1:], layer=layer))
    return steps


@cache
def _change(quadrants: tuple[int, ...], layers: int) -> st.SearchStrategy[Change | Flip]:
    return _changes(quadrants, layers)


@st.composite
def _changes(draw, quadrants: tuple[int, ...], layers: int) -> Change | Flip:
    """A field set to anything, or a bit turned over; mostly alike in all quadrants."""
    cls, name, value = draw(OTHER_FIELD if draw(st.integers(0, 5)) == 0 else ANY_FIELD)
    where = quadrants if draw(st.integers(0, 3)) else (draw(st.sampled_from(quadrants)),)
    layer = draw(st.integers(0, layers - 1))
    spec = cls.bit_fields()[name]
    if draw(st.booleans()):
        bit = spec.low + value % spec.width
        return Flip(mnemonic=cls.mnemonic, bit=bit, quadrants=where, layer=layer)
    return Change(mnemonic=cls.mnemonic, field=name, value=value, quadrants=where, layer=layer)


@cache
def _value(spec: Bits) -> st.SearchStrategy[int]:
    return (
        st.integers(0, min(spec.maximum, 4))
        | st.integers(0, spec.maximum)
        | st.just(spec.maximum)
        | st.integers(0, spec.width - 1).map(lambda bit: 1 << bit)
    )


def _heavy(draw, quadrants: tuple[int, ...]) -> list[Step]:
    """A layer with as much to do as registers can ask for."""
    rows = draw(st.sampled_from((4, 64, 90, 1024)))
    columns = draw(st.sampled_from((1, 8, 90, 1024)))
    bits = draw(st.sampled_from(((1, 1), (2, 2), (3, 4), (0, 8))))
    kernels = draw(st.sampled_from((1, 64, 3000, 6000, 50_000, 1000, 1024)))
    passes = draw(st.sampled_from((1, 1, 2, 16)))
    size = draw(st.sampled_from((0, 1)))
    last = min((kernels // passes * passes - 1) * bits[1], 0xFFFF // bits[1] * bits[1])
    enabled = draw(st.sampled_from((1, 0xFFFF)))
    registers = (
        reg.RowCount(last_row=rows - 1),
        reg.ColumnCount(last_column=columns - 1),
        reg.TramPointer(tptr_max=0 if size else max(0, columns - 3)),
        reg.OneDimensional(oned_width=size),
        reg.PostProcessing(mask_size=bits[0]),
        reg.MaskCount(mcnt_max=max(0, last)),
        reg.LayerControl1(xpch_max=63 * bits[1], inpchexp=passes - 1),
        reg.Enable(pro_en=enabled, mask_en=enabled),
        reg.WritePointerMaskOffset(offset_words=draw(st.sampled_from((0, mem.DATA_WORDS)))),
    )
    return [Put(register=value, quadrants=quadrants) for value in registers]


def _fifo(draw, quadrants: tuple[int, ...]) -> list[Step]:
    """Most of what a FIFO needs, and some words."""
    enables = draw(st.sampled_from((1, 1, 3, 0xF)) | st.integers(0, 0xF))
    frame = draw(st.integers(0, 20) | st.just(16))
    control = reg.FifoControl(rdy_sel=0, fifo_cpl=int(draw(st.integers(0, 9)) > 0), fifo_en=enables)
    steps: list[Step] = [
        Put(register=control),
        Put(register=reg.InputFrame(ifrm_reg=frame), quadrants=quadrants),
    ]
    if draw(st.booleans()):
        steps.append(Push(port=draw(st.integers(0, len(PORTS) - 1)), count=frame))
    mode = (("fifo_en", 1), *draw(st.sampled_from(((), (("ffifo_en", 1),), (("stream_en", 1),)))))
    steps.append(Start(quadrants=quadrants, mode=mode))
    ports = draw(st.sets(st.integers(0, len(PORTS) - 1), max_size=4))
    steps += [Push(port=port, count=draw(st.sampled_from((1, 16, frame)))) for port in ports]
    return [*steps, Complete()]


def _start(draw, quadrants: tuple[int, ...]) -> Start:
    if draw(st.integers(0, 3)):
        return Start(quadrants=quadrants)
    names = draw(st.lists(st.sampled_from(MODES), max_size=3, unique=True))
    mode = tuple((n, draw(_value(reg.Ctrl.bit_fields()[n]))) for n in names)
    if draw(st.integers(0, 3)) == 0:
        quadrants = draw(st.sampled_from(((0,), (1,), (0, 2), EVERY_QUADRANT)))
    return Start(quadrants=quadrants, mode=mode)


@cache
def _afterwards(quadrants: tuple[int, ...], layers: int) -> st.SearchStrategy[Step]:
    return (
        st.just(Complete())
        | st.just(Start(quadrants=quadrants))
        | st.just(Start(quadrants=quadrants, mode=(("oneshot", 1),)))
        | _change(quadrants, layers)
        | _accesses()
        | st.builds(Push, port=st.integers(0, len(PORTS) - 1), count=st.integers(1, 20))
    )


@cache
def _accesses() -> st.SearchStrategy[Step]:
    """Loads, stores and changes of power, wherever and whatever."""
    address = _address()
    size = st.sampled_from((4, 4, 4, 1, 2))
    nibble = st.integers(0, 15) | st.just(15)
    return (
        st.builds(Load, address=address, size=size)
        | st.builds(Store, address=address, value=st.integers(0, 0xFF), size=size)
        | st.builds(Store, address=address, value=st.integers(0, 0xFFFF_FFFF))
        | st.builds(Power, power=nibble, ram=nibble, isolation=nibble, reset=nibble)
        | st.builds(Power, clock=st.booleans())
    )


@cache
def _address() -> st.SearchStrategy[int]:
    return _addresses()


@st.composite
def _addresses(draw) -> int:
    """Mostly where something lies."""
    quadrant = mem.quadrant_base(draw(st.integers(0, mem.QUADRANTS - 1)))
    begin = draw(
        st.sampled_from((0, mem.BIAS_OFFSET, mem.TRAM_OFFSET, mem.KERNEL_OFFSET, mem.DATA_OFFSET))
    )
    offset = draw(st.integers(0, 0xA00) | st.integers(0, 0x8000)) & ~draw(
        st.sampled_from((3, 3, 0))
    )
    return quadrant + begin + offset if draw(st.integers(0, 9)) else 0x5000_0000 + offset
