"""The numbers that the model takes and gives, computed in C on the virtual board: bit for bit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.arith.head import apply_head, quantized_input
from mxdeploy.boards import load_board
from mxdeploy.data import Scale, pixels
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import graph as g
from mxdeploy.ops import head
from mxdeploy.ops.head import shape_after
from mxdeploy.ops.tail import Result, TailOp, TailStep
from mxdeploy.outputs import model_outputs
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import EmitOptions, emit
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests.builders import build, conv, inputs_for
from tests.onnx_text import random

END = "the end"
COMPILERS = ("gcc", "zig")
BYTES, WORDS = (3, 4, 5), (6, 2, 3)
"""Shapes of the network's outputs: 8-bit and 32-bit."""


@pytest.fixture(scope="module", params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    pytest.importorskip("unicorn")
    if find_compiler(request.param) is None:
        pytest.skip(f"NOT TESTED with {request.param}: it is not installed")
    return str(request.param)


class Tail:
    """Steps, each an output of the model as well."""

    def __init__(self) -> None:
        self.steps: list[TailStep] = []
        self.results = [Result(name="the bytes", value="y0"), Result(name="the words", value="y1")]

    def add(self, op: TailOp, shape: tuple[int, ...], *inputs: str) -> str:
        name = f"t{len(self.steps)}"
        self.steps.append(TailStep(op=op, inputs=inputs, output=name, shape=shape, origin=name))
        self.results.append(Result(name=f"{type(op).__name__} {len(self.steps)}", value=name))
        return name


def every_step() -> Tail:
    tail = Tail()
    each = {n: Tensor(random(n, seed=n)) for n in (3, 6)}
    half, two = (Tensor(np.array(v, np.float32)) for v in (0.5, 2.0))
    for name, shape in (("y0", BYTES), ("y1", WORDS)):
        for axis, count in enumerate(shape):
            one = (*shape[:axis], 1, *shape[axis + 1 :])
            tail.add(g.Softmax(axis=axis), shape, name)
            tail.add(g.LogSoftmax(axis=axis), shape, name)
            tail.add(g.ArgMax(axis=axis), one, name)
            for function in ("mean", "sum", "max", "min"):
                tail.add(g.Reduce(function=function, axis=axis), one, name)
            for largest in (True, False):
                kept = (*shape[:axis], count - 1, *shape[axis + 1 :])
                for indices in (True, False):
                    op = g.TopK(axis=axis, count=count - 1, indices=indices, largest=largest)
                    tail.add(op, kept, name)
        for op in (
            g.Sigmoid(), g.Tanh(), g.Exp(), g.Abs(), g.Relu(), g.Clip(low=-0.4, high=float("inf")),
            g.HardSigmoid(alpha=0.3, beta=0.4), g.Affine(scale=half, offset=two),
            g.Affine(scale=each[shape[0]], offset=half),
        ):  # fmt: skip
            tail.add(op, shape, name)
    tail.add(g.ArgMax(axis=0, last=True), (1, 4, 5), "y0")
    for op in (g.Multiply(), g.Elementwise(function="add"), g.Elementwise(function="sub")):
        tail.add(op, BYTES, "y0", "t0")
    places = Tensor(random(4, 5, seed=8).reshape(1, 4, 5))
    tail.add(g.PerElement(scale=places, offset=Tensor(random(*BYTES, seed=9))), BYTES, "y0")
    tail.add(g.PerElement(scale=None, offset=places), BYTES, "y0")
    turned = tail.add(g.Transpose(axes=(1, 2, 0)), (4, 5, 3), "y0")
    flat = tail.add(g.Reshape(shape=(10, 6)), (10, 6), turned)
    words = tail.add(g.Reshape(shape=(6, 6)), (6, 6), "y1")
    joined = tail.add(g.Concat(axis=0), (16, 6), flat, words)
    tail.add(g.Slice(axis=1, start=1, stop=6, step=2), (16, 3), joined)
    tail.add(g.Upsample(factors=(2, 3)), (3, 8, 15), "y0")
    positions = tail.add(g.ArgMax(axis=1), (16, 1), joined)
    tail.add(g.Transpose(axes=(1, 0)), (1, 16), positions)
    tail.add(g.Tanh(), (16, 1), positions)
    return tail


def chip() -> QuantNetwork:
    """Two outputs whose real values reach from tiny to large."""
    drafts = [conv(3, pad=1, kernel=3), conv(6, kernel=3, output_bits=32)]
    network = build((2, 4, 5), drafts, outputs=("y0", "y1"), seed=5)
    scales = {"y0": 1 / 16, "y1": 2.0**-11}
    return replace(
        network,
        values=tuple(replace(v, scale=scales.get(v.name, v.scale)) for v in network.values),
    )


def test_every_step_behind_the_network(compiler: str, cache: Path) -> None:
    tail = every_step()
    network = replace(chip(), tail=tuple(tail.steps), results=tuple(tail.results))
    network.verify()
    program, x = lower(map_network(network)), inputs_for(network)
    outputs = AcceleratorMachine(program).run(x).outputs
    answer = KnownAnswer(input=Tensor(x), outputs=outputs, source="random numbers")
    project = emit(program, answer, load_board("max78000fthr"))
    text = printed(project, compiler, cache, until="@result ")
    expected = model_outputs(network, {name: tensor.array[None] for name, tensor in outputs})
    for name, numbers in expected.items():
        assert np.isfinite(numbers).all(), name
    assert len({numbers.tobytes() for numbers in expected.values()}) > 60
    told = re.findall(r"@model (\d+) \S+ (real|position) (\d+) [0-9a-f]{8}", text)
    assert [(kind == "position", int(size)) for _, kind, size in told] == [
        (numbers.dtype == np.int32, numbers.size) for numbers in expected.values()
    ]
    assert re.findall(r"FAIL.*", text) == []
    assert "@result PASS" in text


def test_a_wrong_number_is_noticed(cache: Path) -> None:
    """The known answer is of the probabilities; the firmware computes their logarithms."""
    if find_compiler() is None:
        pytest.skip("NOT TESTED: there is no compiler")
    pytest.importorskip("unicorn")
    step = TailStep(op=g.Softmax(axis=0), inputs=("y1",), output="p", shape=WORDS, origin="end")
    results = (Result(name="p */ 100 %", value="p"),)
    network = replace(chip(), outputs=("y1",), tail=(step,), results=results)
    program, x = lower(map_network(network)), inputs_for(network)
    outputs = AcceleratorMachine(program).run(x).outputs
    answer = KnownAnswer(input=Tensor(x), outputs=outputs, source="random numbers")
    project = emit(program, answer, load_board("max78000fthr"))
    source = project.content("src/model.c").replace(b"tail_softmax(", b"tail_log_softmax(")
    files = dict(project.files) | {"src/model.c": source}
    changed = replace(project, files=tuple(sorted(files.items())))
    text = printed(changed, None, cache, until="@result ")
    assert "FAIL output p */ 100 % of the model" in text
    assert "@result FAIL" in text


def printed(project, compiler: str | None, cache: Path, until: str) -> str:
    from mxdeploy.emulator.board import VirtualBoard

    firmware = compile_project(project, compiler=compiler or "auto", cache=cache)
    board = VirtualBoard("max78000fthr", firmware.elf)
    board.run(until=until.encode())
    board.run(until=b"\n", limit_seconds_virtual=1)
    return board.uart_output.decode()


# --- the input ----------------------------------------------------------------------------------

each = [Tensor(np.array(v, np.float32)) for v in ((1.5, -0.5, 2.0), (0.1, 0.2, -0.3))]
HEADS: dict[str, tuple[tuple[int, ...], tuple[head.HeadOp, ...]]] = {
    "channels last, normalized": (
        (4, 6, 3),
        (
            head.Transpose(origin="t", axes=(2, 0, 1)),
            head.Clip(origin="c", low=-0.9, high=float("inf")),
            head.Affine(origin="a", scale=each[0], offset=each[1]),
            head.Pad(origin="p", pads=(1, 0, 3, 2)),
        ),
    ),
    "a mean image, in another order": (
        (3, 4, 6),
        (
            head.PerElement(origin="m", scale=None, offset=Tensor(random(3, 4, 6, seed=5))),
            head.Affine(origin="a", scale=each[0], offset=each[1]),
            head.Transpose(origin="t", axes=(0, 2, 1)),
            head.Reshape(origin="r", before=(3, 6, 4), after=(2, 6, 6)),
        ),
    ),
    "blocks and copies": (
        (3, 4, 6),
        (
            head.Affine(origin="a", scale=each[0], offset=each[1]),
            head.Pad(origin="p", pads=(1, 1, 1, -1)),
            head.SpaceToDepth(origin="s", block=(3, 2)),
            head.ShiftedCopies(origin="k", offsets=((0, 0), (-1, 1), (1, 0))),
        ),
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_every_step_in_front_of_the_network(name: str, cache: Path) -> None:
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED: there is no compiler")
    shape, steps = HEADS[name]
    after = shape_after(steps, shape)
    chip_shape = (*after, 1)[:3]
    network = build(chip_shape, [conv(2, kernel=1)])
    values = tuple(
        replace(v, model_shape=after, scale=0.02) if v.name == "x" else v for v in network.values
    )
    network = replace(network, head=steps, values=values)
    network.verify()
    program, x = lower(map_network(network)), inputs_for(network)
    outputs = AcceleratorMachine(program).run(x).outputs
    answer = KnownAnswer(input=Tensor(x), outputs=outputs, source="random numbers")
    options = EmitOptions(pixel_scale=Scale.CHIP)
    project = emit(program, answer, load_board("max78000fthr"), options)
    real = random(*shape, scale=1.5)
    real.flat[:6] = np.array([0.01, 0.03, -0.01, 2.54, 99, -99], np.float32)
    bright = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    source = f"""
        #include "board.h"
        #include "console.h"
        #include "model.h"
        static const union {{ uint32_t bits; float value; }} numbers[] = {{ {words(real)} }};
        static const uint8_t pixels[] = {{ {", ".join(map(str, bright.flat))} }};
        static float input[MODEL_INPUT_ELEMENTS];
        static int8_t chip[CNN_INPUT_BYTES];
        static void show(void)
        {{
            for (uint32_t i = 0; i < CNN_INPUT_BYTES; i++) {{ console_printf("%d ", chip[i]); }}
            console_printf("\\n");
        }}
        int main(void)
        {{
            board_init();
            for (uint32_t i = 0; i < MODEL_INPUT_ELEMENTS; i++) {{ input[i] = numbers[i].value; }}
            model_input(chip, input);
            show();
            model_input_pixels(chip, pixels);
            show();
            console_printf("{END}\\n");
            for (;;) {{}}
        }}
    """
    files = dict(project.files) | {"src/main.c": source.encode()}
    changed = replace(project, files=tuple(sorted(files.items())))
    lines = printed(changed, None, cache, until=END).split("\r\n")
    for line, numbers in zip(lines, (real, pixels(Scale.CHIP)[bright]), strict=False):
        expected = quantized_input(apply_head(steps, numbers[np.newaxis]), 0.02)
        assert [int(v) for v in line.split()] == expected.reshape(-1).tolist()
    assert len(set(lines[1].split())) > 5


def words(numbers: np.ndarray) -> str:
    return ", ".join(f"{{0x{word:08x}u}}" for word in numbers.reshape(-1).view(np.uint32))
