"""The network, the rounding it is trained with, and the ONNX file and picture that are shipped."""

from __future__ import annotations

import tomllib
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from mxdeploy.data.batches import CLASSES

SIZE_LIMIT_BYTES = 700_000


@pytest.fixture(scope="module")
def folded(cifar10: SimpleNamespace) -> torch.nn.Sequential:
    """The network with random weights and random normalization statistics."""
    torch.manual_seed(3)
    network = cifar10.network.build_network()
    network.train()
    for _ in range(3):
        network(torch.randn(8, 3, 32, 32))
    return cifar10.network.fold(network)


@pytest.fixture(scope="module")
def shipped(cifar10: SimpleNamespace) -> onnx.ModelProto:
    return onnx.load(cifar10.folder / "cifar10.onnx")


@pytest.fixture(scope="module")
def sample(cifar10: SimpleNamespace) -> np.ndarray:
    with np.load(cifar10.folder / "sample.npz", allow_pickle=False) as archive:
        return archive["x"]


def test_shapes_and_weight_budget(cifar10: SimpleNamespace) -> None:
    network = cifar10.network.build_network().eval()
    values = torch.zeros(2, 3, 32, 32)
    shapes = {}
    for name, module in network.named_children():
        values = module(values)
        shapes[name] = tuple(values.shape[1:])
    assert shapes["relu1"] == (32, 32, 32)
    assert shapes["relu2"] == (64, 16, 16)
    assert shapes["relu3"] == shapes["relu4"] == (64, 8, 8)
    assert shapes["relu5"] == (64, 4, 4)
    assert shapes["classes"] == (10,)
    assert 60_000 <= cifar10.network.weight_count(network) <= 200_000


def test_folding_keeps_the_function(cifar10: SimpleNamespace) -> None:
    torch.manual_seed(1)
    network = cifar10.network.build_network()
    network(torch.randn(16, 3, 32, 32))
    inputs = torch.randn(4, 3, 32, 32)
    expected = network.eval()(inputs)
    result = cifar10.network.fold(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in result.modules())
    assert torch.allclose(result(inputs), expected, atol=1e-5)


def test_training_batches_are_crops_of_the_images(cifar10: SimpleNamespace) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    images = cifar10.data.Images(
        pixels=pixels, labels=np.arange(6), positions=np.arange(6), lossless=np.arange(6) < 2
    )
    settings = cifar10.train.Settings(batch=10, lossless_repeats=3)
    ((inputs, labels),) = cifar10.train.Batches(images, settings)
    assert sorted(labels.tolist()) == [0, 0, 0, 1, 1, 1, 2, 3, 4, 5]
    padded = np.pad(pixels, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
    scaled = cifar10.data.chip_scale(padded)
    for crop, label in zip(inputs.permute(0, 2, 3, 1).numpy(), labels.tolist(), strict=True):
        windows = [
            scaled[label, row : row + 32, column : column + 32]
            for row in range(9)
            for column in range(9)
        ]
        either_way = [*windows, *(window[:, ::-1] for window in windows)]
        assert any(np.array_equal(crop, window) for window in either_way)


def test_rounding_is_the_integer_arithmetic(
    cifar10: SimpleNamespace, folded: torch.nn.Sequential
) -> None:
    """One layer worked in int64, as the accelerator does it, against the float module."""
    inputs = torch.randint(-128, 128, (2, 3, 32, 32)) / 128
    steps = cifar10.rounding.activation_steps(folded, inputs)
    rounded = cifar10.rounding.Rounded(folded, steps)
    weight, bias = rounded.rounded_parameters("conv1", folded.conv1, 2.0**-7)
    weight_int = (weight / rounded.weight_steps["conv1"]).detach().numpy().astype(np.int64)
    bias_int = (bias / (128 * rounded.weight_steps["conv1"] / 128)).detach().numpy()
    assert np.abs(weight_int).max() <= 128
    assert np.array_equal(bias_int, bias_int.round())
    image = np.pad((inputs.numpy() * 128).astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    acc = np.broadcast_to(
        bias_int.astype(np.int64)[:, None, None] << 7, (2, *bias_int.shape, 32, 32)
    ).copy()
    for row in range(3):
        for column in range(3):
            part = image[:, :, row : row + 32, column : column + 32]
            acc += np.einsum("oi,nihw->nohw", weight_int[:, :, row, column], part)
    step = steps["relu1"]
    shift = round(np.log2(step / (rounded.weight_steps["conv1"] / 128)))
    expected = np.clip((acc + (1 << (shift - 1))) >> shift, 0, 127)
    first = torch.nn.functional.conv2d(inputs, weight, bias, padding=1)
    found = cifar10.rounding.to_grid(first, step, 0, 127) / step
    assert np.array_equal(found.detach().numpy().astype(np.int64), expected)


def test_rounding_passes_gradients_inside_the_range(cifar10: SimpleNamespace) -> None:
    values = torch.tensor([-3.0, -0.26, 0.1, 0.49, 5.0], requires_grad=True)
    result = cifar10.rounding.to_grid(values, 0.25, -4, 3)
    assert result.tolist() == [-1.0, -0.25, 0.0, 0.5, 0.75]
    result.sum().backward()
    assert values.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(("largest", "step"), [(0.99, 2**-7), (1.02, 2**-7), (0.0, 2**-7)])
def test_best_step(cifar10: SimpleNamespace, largest: float, step: float) -> None:
    assert cifar10.rounding.best_step(torch.linspace(-largest, largest, 1001)) == step


def test_clamped_parameters_round_to_the_same_network(
    cifar10: SimpleNamespace, folded: torch.nn.Sequential
) -> None:
    inputs = torch.randint(-128, 128, (2, 3, 32, 32)) / 128
    with torch.no_grad():
        folded.conv2.weight[0, 0, 0, 0] = 9.0
        steps = cifar10.rounding.activation_steps(folded, inputs)
        rounded = cifar10.rounding.Rounded(folded, steps)
        folded.conv2.weight[0, 0, 0, 0] = 40.0
        folded.conv3.bias[:] = -1000.0
        before = rounded(inputs)
        rounded.clamp_parameters()
        assert folded.conv2.weight.max() < 40
        assert folded.conv3.bias.min() > -1000
        assert torch.equal(rounded(inputs), before)


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


def test_sample_is_classified_as_its_label(
    cifar10: SimpleNamespace, shipped: onnx.ModelProto, sample: np.ndarray
) -> None:
    options = tomllib.loads((cifar10.folder / "cifar10.toml").read_text())
    assert options["classes"] == list(CLASSES)
    assert options["sample"] == {"file": "sample.npz", "label": "ship"}
    assert options["input"] == {"scale": "chip"}
    session = onnxruntime.InferenceSession(
        shipped.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    image = np.ascontiguousarray(cifar10.data.chip_scale(sample).transpose(0, 3, 1, 2))
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
    redrawn = cifar10.draw_sample.sample().astype(int)
    assert np.abs(redrawn - sample[0]).mean() < 1


TINY = """
<ir_version: 10, opset_import: ["": 18]>
tiny (float[1,4] image) => (float[1,4] logits)
{
    positive = Relu(image)
    logits = Neg(positive)
}
"""


def test_inserted_ranges_round_input_and_relu(cifar10: SimpleNamespace) -> None:
    plain = onnx.parser.parse_model(TINY)
    plain.graph.node[0].name = "relu1"
    with_ranges = cifar10.export.insert_ranges(plain, {"relu1": 0.25})
    assert rounded_tensors(with_ranges) == {"image": 1 / 128, "positive": 0.25}
    values = np.array([[0.3, -0.2, 5.0, 0.127]], dtype=np.float32)
    # The input saturates at 127/128; 0.3 becomes 38/128, and that one quarter; 16/128 becomes
    # a half step, which rounds to the even neighbour, nothing.
    assert cifar10.export.logits_of(with_ranges, values).tolist() == [[-0.25, 0.0, -1.0, 0.0]]
    assert np.allclose(cifar10.export.logits_of(plain, values), [[-0.3, 0, -5.0, -0.127]])
