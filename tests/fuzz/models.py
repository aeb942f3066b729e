"""Random CNNs all the way: what the float network says, and what the chip's three machines say."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from hypothesis import strategies as st

from mxdeploy import pipeline
from mxdeploy.chosen_data import DataChoice
from mxdeploy.data import DataReference
from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.options import ProjectOptions
from mxdeploy.pipeline import BuildRequest
from mxdeploy.proof import prove
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.trace import Trace
from tests.builders import inputs_for
from tests.fuzz.recipe import OPERATORS, Cook, Recipe, Step
from tests.stages.s2_legalize.float_evaluator import evaluate

BUILT = ("built",)
_TOLERANCE = 2e-4


def check(recipe: Recipe) -> None:
    """A recipe's model builds, or is refused for a reason that counting confirms.

    Raises:
        AssertionError: it is refused for no good reason, or computes something else.
        MxdeployError: the machines differ.
    """
    codes = build(recipe)
    if codes != BUILT:
        _confirm(codes, Cook(recipe).model())


def _confirm(codes: Sequence[str], model: onnx.ModelProto) -> None:
    assert all(code in _REASONS and _REASONS[code](model) for code in codes), codes


def build(recipe: Recipe) -> tuple[str, ...]:
    """Build the recipe's model and compare the machines.

    Returns:
        ``BUILT``, or the codes of what was refused.

    Raises:
        AssertionError, MxdeployError: the machines differ, or something else is wrong.
    """
    model = Cook(recipe).model()
    try:
        network = legalize(imported(model))
        same_function(model, network)
        plan = map_network(_guessed(network))
    except ModelError as error:
        return tuple(sorted({d.code for d in error.diagnostics}))
    proved = build_integer_model(plan.network, all_layers=True)
    prove(lower(plan), proved, [inputs_for(plan.network, recipe.seed)])
    return BUILT


def quantized(recipe: Recipe) -> QuantNetwork:
    """A recipe's model in integers, with ranges that are guessed."""
    return _guessed(legalize(imported(Cook(recipe).model())))


def _guessed(network: Network) -> QuantNetwork:
    return quantize(network, None, QuantizeOptions(guess_ranges=True))


def run_on_board(recipe: Recipe) -> None:
    """A recipe's model goes all the way: its firmware gives the right answer on the virtual board.

    Or it is refused for a reason that counting confirms.

    Raises:
        AssertionError: the known-answer test fails, or it is refused for no good reason.
        MxdeployError: the machines differ.
    """
    model = Cook(recipe).model()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "random.onnx"
        onnx.save(model, str(file))
        x = np.random.default_rng(recipe.seed).uniform(-1, 1, (4, *recipe.shape))
        np.savez(Path(folder) / "x.npz", x=x.astype(np.float32))
        data = DataChoice(reference=DataReference(path=Path(folder) / "x.npz", key=None))
        request = BuildRequest(
            model=file, options=ProjectOptions(), board="max78000fthr", calibration=data, run=True
        )
        try:
            built = pipeline.build(request, Trace())
        except ModelError as error:
            _confirm([d.code for d in error.diagnostics], model)
            return
    assert built.board_run is not None
    assert built.board_run.passed, built.board_run.console


def imported(model: onnx.ModelProto) -> Network:
    """The model as it is imported from a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "random.onnx"
        onnx.save(model, str(file))
        return import_onnx(file)


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The model as it is written, without rewriting."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def same_function(model: onnx.ModelProto, network: Network) -> None:
    """The legalized network computes what onnxruntime computes of the model, in floating point.

    Unless a rewrite says that it is approximate.
    """
    session = _session(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(7).uniform(-1, 1, shape).astype(np.float32)
    wanted = session.run(None, {"x": x})
    if not all(rewrite.exact for rewrite in network.rewrites):
        return
    found = evaluate(network, x[0])
    assert len(wanted) == len(found)
    for one, other in zip(wanted, found, strict=True):
        size = max(1.0, float(np.abs(one).max()))
        assert np.abs(one[0] - other.reshape(one[0].shape)).max() <= _TOLERANCE * size


def _nothing_to_do(model: onnx.ModelProto) -> bool:
    """No convolution, matrix or pooling on the way to an output."""
    layers = {"Conv", "ConvTranspose", "Gemm", "MaxPool", "AveragePool"}
    layers |= {"GlobalAveragePool", "GlobalMaxPool"}
    needed = {output.name for output in model.graph.output}
    found = set()
    for node in reversed(model.graph.node):
        if needed & {*node.output}:
            needed |= {*node.input}
            found.add(node.op_type)
    return not layers & found


def _too_many_copies(model: onnx.ModelProto) -> bool:
    """Large kernels over so many channels that the layers that shift them do not fit.

    Such a layer reads and writes a copy of all channels for every 3x3 part of the kernel: as many
    kernels as output channels times passes of the input, a word each, on every processor.
    """
    shapes = {c.name: c.dims for c in model.graph.initializer}
    words = 0
    for node in model.graph.node:
        if node.op_type == "Conv" and len(shapes[node.input[1]]) == _PLANE_RANK:
            out, channels, rows, columns = shapes[node.input[1]]
            copies = channels * -(-rows // 3) * -(-columns // 3)
            passes = -(-copies // 64)
            slots = passes * 4 * -(-copies // passes // 4)
            words += (out + (slots if max(rows, columns) > 3 else 0)) * passes
    return words > _KERNEL_WORDS


def _nothing_left(model: onnx.ModelProto) -> bool:
    """The outputs are the same whatever the input is."""
    session = _session(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    answers = [
        session.run(None, {"x": np.random.default_rng(seed).normal(size=shape).astype(np.float32)})
        for seed in range(3)
    ]
    return all(
        np.array_equal(a, b) for other in answers for a, b in zip(answers[0], other, strict=True)
    )


_PLANE_RANK = 4
_KERNEL_WORDS = 768
_REASONS = {
    "MX2007": _nothing_to_do,
    "MX2017": _nothing_left,
    "MX2013": _too_many_copies,
    "MX2015": _too_many_copies,
    "MX4009": _too_many_copies,
}


steps = st.builds(
    Step,
    op=st.sampled_from((*OPERATORS, "conv", "conv", "conv", "relu", "relu", "add", "concat")),
    back=st.sampled_from((0, 0, 0, 0, 1, 2, 3)),
    other=st.integers(0, 5),
    numbers=st.tuples(*[st.integers(0, 41)] * 5),
)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Three to twenty steps on a small map, now and then one-dimensional."""
    channels = draw(st.integers(1, 4))
    size = (draw(st.integers(4, 12)), draw(st.integers(4, 12)))
    shape = (channels, *size) if draw(st.integers(0, 4)) else (channels, 4 * size[0])
    return Recipe(
        shape=shape,
        steps=tuple(draw(st.lists(steps, min_size=3, max_size=20))),
        ending=draw(st.sampled_from(("linear", "pooled", "softmax", "none"))),
        outputs=draw(st.sampled_from((0, 0, 0, 1, 2))),
        seed=draw(st.integers(0, 2**16)),
    )


def text(recipe: Recipe) -> str:
    """A test of one recipe."""
    return (
        "from tests.fuzz.models import check\nfrom tests.fuzz.recipe import Recipe, Step\n\n\n"
        f"def test_recipe():\n    check({recipe!r})\n"
    )
