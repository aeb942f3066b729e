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
from mxdeploy.stages.s3_quantize.qdq_read import read_qdq_model

torch = pytest.importorskip("torch")

from mxdeploy.stages.s0_train.networks import ZOO

SIZE_LIMIT_BYTES = 700_000
WEIGHT_MEMORY_BYTES = 432 * 1024


@pytest.fixture(scope="module")
def shipped(cifar10: SimpleNamespace) -> onnx.ModelProto:
    """The network with its integers."""
    return onnx.load(cifar10.folder / "cifar10.onnx")


@pytest.fixture(scope="module")
def parent(cifar10: SimpleNamespace) -> onnx.ModelProto:
    """As it was before its numbers were rounded."""
    return onnx.load(cifar10.folder / "float.onnx")


@pytest.fixture(scope="module")
def sample(cifar10: SimpleNamespace) -> np.ndarray:
    with np.load(cifar10.folder / "sample.npz", allow_pickle=False) as archive:
        return archive["x"]


def answer(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """Probabilities (n, 10) for pixels uint8 (n, 32, 32, 3)."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    steps = np.clip(np.round((images / 255 - 0.5) * 256), -128, 127)
    inputs = np.ascontiguousarray((steps / 128).astype(np.float32).transpose(0, 3, 1, 2))
    logits = np.concatenate([session.run(None, {"input": one[None]})[0] for one in inputs])
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_shipped_models_are_valid_and_small(
    shipped: onnx.ModelProto, parent: onnx.ModelProto
) -> None:
    for model in (shipped, parent):
        onnx.checker.check_model(model, full_check=True)
        (graph_input,) = model.graph.input
        sizes = [d.dim_value for d in graph_input.type.tensor_type.shape.dim]
        assert sizes[1:] == [3, 32, 32]
        assert len(model.SerializeToString()) < SIZE_LIMIT_BYTES


def test_shipped_weights_are_integers_that_fit(cifar10: SimpleNamespace) -> None:
    network = read_qdq_model(cifar10.folder / "cifar10.onnx").network
    assert network is not None
    weights = [layer.weight.array for layer in network.layers if layer.weight is not None]
    assert len(weights) == 6
    assert all(weight.dtype == np.int8 for weight in weights)
    assert sum(weight.size for weight in weights) <= WEIGHT_MEMORY_BYTES


def test_the_integers_hardly_differ_from_their_parent(
    shipped: onnx.ModelProto, parent: onnx.ModelProto, cifar10: SimpleNamespace
) -> None:
    looks = cifar10.draw_sample.LOOKS.values()
    images = np.stack([np.asarray(cifar10.draw_sample.cat(look)) for look in looks])
    assert np.abs(answer(shipped, images) - answer(parent, images)).max() < 0.1


@pytest.mark.parametrize("name", ["shipped", "parent"])
def test_the_recipe_trains_the_network_that_is_shipped(
    cifar10: SimpleNamespace, request: pytest.FixtureRequest, name: str
) -> None:
    """The same layers, and weights of the same shapes, in the same order."""
    model: onnx.ModelProto = request.getfixturevalue(name)
    recipe = load_recipe(cifar10.folder / "train.toml")
    assert recipe.network.name is not None
    network = ZOO[recipe.network.name]((3, 32, 32), 10, **recipe.network.options)
    kinds = {torch.nn.Conv2d: "Conv", torch.nn.Linear: "Gemm", torch.nn.MaxPool2d: "MaxPool"}
    modules = [m for m in network.modules() if type(m) in kinds]
    nodes = [node for node in model.graph.node if node.op_type in kinds.values()]
    assert [kinds[type(m)] for m in modules] == [node.op_type for node in nodes]
    stored = {c.name: tuple(c.dims) for c in model.graph.initializer}
    behind = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    for module, node in zip(modules, nodes, strict=True):
        if not isinstance(module, torch.nn.MaxPool2d):
            weight = behind.get(node.input[1], node.input[1])
            assert stored[weight] == tuple(module.weight.shape)


def test_sample_is_classified_as_its_label(
    cifar10: SimpleNamespace, shipped: onnx.ModelProto, sample: np.ndarray
) -> None:
    options = tomllib.loads((cifar10.folder / "cifar10.toml").read_text())
    assert options["classes"] == list(CLASSES)
    assert options["sample"] == {"file": "sample.npz", "label": "cat"}
    assert options["input"] == {"scale": "chip"}
    (probabilities,) = answer(shipped, sample)
    assert options["classes"][int(probabilities.argmax())] == options["sample"]["label"]
    assert probabilities.max() > 0.5


def test_sample_is_what_the_script_draws(cifar10: SimpleNamespace, sample: np.ndarray) -> None:
    assert sample.dtype == np.uint8
    assert sample.shape == (1, 32, 32, 3)
    with Image.open(cifar10.folder / "sample.png") as picture:
        assert np.array_equal(np.asarray(picture), sample[0])
    # Another Pillow may blend an edge differently by a step or two.
    redrawn = cifar10.draw_sample.cat().astype(int)
    assert np.abs(redrawn - sample[0]).mean() < 1
