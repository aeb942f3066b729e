"""The recipe, and the ONNX file and picture that are shipped."""

from __future__ import annotations

import tomllib
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from mxdeploy.data.batches import CLASSES
from mxdeploy.recipe import load_recipe

torch = pytest.importorskip("torch")

from mxdeploy.stages.s0_train.networks import ZOO  # noqa: E402 - torch is optional

SIZE_LIMIT_BYTES = 700_000


@pytest.fixture(scope="module")
def shipped(cifar10: SimpleNamespace) -> onnx.ModelProto:
    return onnx.load(cifar10.folder / "cifar10.onnx")


@pytest.fixture(scope="module")
def sample(cifar10: SimpleNamespace) -> np.ndarray:
    with np.load(cifar10.folder / "sample.npz", allow_pickle=False) as archive:
        return archive["x"]


def rounded_tensors(model: onnx.ModelProto) -> dict[str, float]:
    """Scale of each tensor behind which there is a whole QuantizeLinear/DequantizeLinear pair."""
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    readers = {name: node for node in model.graph.node for name in node.input}
    scales = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            back = readers[node.output[0]]
            assert back.op_type == "DequantizeLinear"
            assert list(back.input[1:]) == list(node.input[1:])
            assert constants[node.input[2]].dtype == np.int8
            assert constants[node.input[2]] == 0
            scales[node.input[0]] = float(constants[node.input[1]])
    return scales


def test_shipped_model_is_valid_and_small(shipped: onnx.ModelProto) -> None:
    onnx.checker.check_model(shipped, full_check=True)
    (graph_input,) = shipped.graph.input
    assert [d.dim_value for d in graph_input.type.tensor_type.shape.dim] == [1, 3, 32, 32]
    assert len(shipped.SerializeToString()) < SIZE_LIMIT_BYTES
    assert not shipped.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in shipped.graph.node)


def test_shipped_model_carries_its_ranges(shipped: onnx.ModelProto) -> None:
    relus = [node.output[0] for node in shipped.graph.node if node.op_type == "Relu"]
    scales = rounded_tensors(shipped)
    assert set(scales) == {"image", *relus}
    assert len(relus) == 5
    assert scales["image"] == 1 / 128
    assert all(np.log2(scale).is_integer() for scale in scales.values())
    # What reads a rounded tensor reads it rounded: nobody takes the float value past the pair.
    for node in shipped.graph.node:
        if node.op_type != "QuantizeLinear":
            assert not set(node.input) & set(scales)


def test_shipped_weights_are_finite_and_moderate(shipped: onnx.ModelProto) -> None:
    weights = [onnx.numpy_helper.to_array(c) for c in shipped.graph.initializer]
    floats = [w for w in weights if w.dtype == np.float32 and w.ndim >= 2]
    assert len(floats) == 6
    for weight in floats:
        assert np.isfinite(weight).all()
        assert 0 < np.abs(weight).max() < 4


def test_the_recipe_trains_the_network_that_is_shipped(
    cifar10: SimpleNamespace, shipped: onnx.ModelProto
) -> None:
    """The same layers, and weights of the same shapes, in the same order."""
    recipe = load_recipe(cifar10.folder / "train.toml")
    assert recipe.network.name is not None
    network = ZOO[recipe.network.name]((3, 32, 32), 10, **recipe.network.options)
    kinds = {torch.nn.Conv2d: "Conv", torch.nn.Linear: "Gemm", torch.nn.MaxPool2d: "MaxPool"}
    modules = [m for m in network.modules() if type(m) in kinds]
    nodes = [node for node in shipped.graph.node if node.op_type in kinds.values()]
    assert [kinds[type(m)] for m in modules] == [node.op_type for node in nodes]
    stored = {c.name: tuple(c.dims) for c in shipped.graph.initializer}
    for module, node in zip(modules, nodes, strict=True):
        if not isinstance(module, torch.nn.MaxPool2d):
            assert stored[node.input[1]] == tuple(module.weight.shape)


def test_sample_is_classified_as_its_label(
    cifar10: SimpleNamespace, shipped: onnx.ModelProto, sample: np.ndarray
) -> None:
    options = tomllib.loads((cifar10.folder / "cifar10.toml").read_text())
    assert options["classes"] == list(CLASSES)
    assert options["sample"] == {"file": "sample.npz", "label": "cat"}
    assert options["input"] == {"scale": "chip"}
    session = onnxruntime.InferenceSession(
        shipped.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    steps = np.clip(np.round((sample / 255 - 0.5) * 256), -128, 127)
    image = np.ascontiguousarray((steps / 128).astype(np.float32).transpose(0, 3, 1, 2))
    (logits,) = session.run(None, {"image": image})
    probabilities = np.exp(logits[0] - logits.max())
    probabilities /= probabilities.sum()
    assert options["classes"][int(logits[0].argmax())] == options["sample"]["label"]
    assert probabilities.max() > 0.5


def test_sample_is_what_the_script_draws(cifar10: SimpleNamespace, sample: np.ndarray) -> None:
    assert sample.dtype == np.uint8
    assert sample.shape == (1, 32, 32, 3)
    with Image.open(cifar10.folder / "sample.png") as picture:
        assert np.array_equal(np.asarray(picture), sample[0])
    # Another Pillow may blend an edge differently by a step or two.
    redrawn = cifar10.draw_sample.cat().astype(int)
    assert np.abs(redrawn - sample[0]).mean() < 1
