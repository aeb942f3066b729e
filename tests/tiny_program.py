"""A program made by hand, for tests of the generated C project: small, with hostile names.

It is not a network that computes anything sensible; it has one of everything the project shows:
kernels on two processors, biases, byte input, and a 32-bit output with extreme values.
"""

from __future__ import annotations

import numpy as np

from mxdeploy.ir.plan import DataOrder, KernelSlot, LayerPlan, Plan, Region
from mxdeploy.ir.program import BiasImage, KernelImage, Program, Write
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ArgMax, Softmax
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.ops.tail import Result, TailOp, TailStep

NAME = 'ti"ny net'
CLASSES = ("cat", "dog", "häher", 'q"?\\', "??/", "f")
_SOFTMAX = Softmax(axis=0)
ANSWER = (1, -2, 300_000, -(2**31), 2**31 - 1, 0)


def tiny_network(
    end: TailOp | None = _SOFTMAX,
    classes: tuple[str, ...] = CLASSES,
) -> QuantNetwork:
    """Three channels of 4 x 4 pixels in, six 32-bit values out, one step behind them."""
    shape = (1, 1, 1) if isinstance(end, ArgMax) else (6, 1, 1)
    steps = () if end is None else (
        TailStep(op=end, inputs=("logits/0",), output="p", shape=shape, origin="end"),
    )  # fmt: skip
    spec = LayerSpec(
        kind=Kind.LINEAR,
        in_channels=3,
        in_size=(4, 4),
        out_channels=6,
        flatten=True,
        output_bits=32,
    )
    layer = QuantLayer(
        name="fc */ ??/",
        spec=spec,
        inputs=("x",),
        output="logits/0",
        weight=Tensor(np.zeros((6, 3, 4, 4), np.int8)),
        weight_bits=8,
        bias=None,
        shift=0,
        origin=("Gemm",),
    )
    return QuantNetwork(
        name=NAME,
        values=(_value("x", (3, 4, 4), 8), _value("logits/0", (6, 1, 1), 32)),
        input="x",
        outputs=("logits/0",),
        layers=(layer,),
        tail=steps,
        results=(Result(name="answer */", value="p" if steps else "logits/0"),),
        classes=classes,
    )


def tiny_program(network: QuantNetwork | None = None) -> Program:
    """Register writes, kernels and biases; input on processors 0 to 2, output on 0 to 5."""
    source = Region(value="x", processors=0x7, offset_bytes=0, passes=1, order=DataOrder.HWC)
    output = Region(value="logits/0", processors=0x3F, offset_bytes=0x1000, passes=1, bits=32)
    layer = LayerPlan(
        index=0,
        name="fc */ ??/",
        inputs=(source,),
        output=output,
        in_passes=16,
        out_passes=1,
        kernels=KernelSlot(start_word=0, words=8),
        bias=None,
        cycles=100,
    )
    plan = Plan(
        network=network or tiny_network(),
        layers=(layer,),
        input=source,
        outputs=(output,),
        quadrants=(0, 1),
        cycles=1234,
    )
    control = 0x5010_0000
    return Program(
        plan=plan,
        init=(_write(0x5000_1000, 0, "AlwaysOnControl()", "init"),),
        kernels=(_kernels(0, 0, 18, 8), _kernels(17, 4, 9, 4)),
        biases=(
            BiasImage(quadrant=0, start_byte=0, data=Tensor(np.arange(5, dtype=np.uint8))),
            BiasImage(quadrant=1, start_byte=8, data=Tensor(np.array([0x80, 0xFF], np.uint8))),
        ),
        configure=(
            _write(control + 0x10, 0x1001D, "RowCount(last_row=29, pad=1)", "layer 0: fc */ ??/"),
            _write(control + 0x90, 0x1001D, "ColumnCount(last_column=29, pad=1)", "layer 0"),
        ),
        start=(_write(control, 0x100009, "Ctrl(cnn_en=1, clk_en=1, mexpress=1)", "start"),),
        acknowledge=(_write(control, 0x100008, "Ctrl(clk_en=1, mexpress=1)", "acknowledge"),),
    )


def tiny_answer() -> KnownAnswer:
    """A ramp as input; the smallest and the largest number among the outputs."""
    return KnownAnswer(
        input=Tensor(np.arange(-24, 24, dtype=np.int8).reshape(3, 4, 4)),
        outputs=(("logits/0", Tensor(np.array(ANSWER, np.int32).reshape(6, 1, 1))),),
        source="a ramp",
        label="cat",
    )


def _value(name: str, shape: tuple[int, int, int], bits: int) -> QuantValue:
    return QuantValue(
        name=name, shape=shape, scale=1 / 128, bits=bits, origin=name, model_shape=shape
    )


def _write(address: int, value: int, text: str, origin: str) -> Write:
    return Write(address=address, value=value, text=text, origin=origin)


def _kernels(processor: int, start_word: int, words: int, kernel_words: int) -> KernelImage:
    return KernelImage(
        processor=processor,
        start_word=start_word,
        words=Tensor(np.arange(words, dtype=np.uint32) * 0x01010101),
        kernel_words=kernel_words,
        layers=("fc */ ??/",),
    )
