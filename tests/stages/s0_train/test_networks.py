"""The zoo: every network goes the whole way to the accelerator model, and refuses odd sizes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from mxdeploy.errors import UsageError
from mxdeploy.proof import prove
from mxdeploy.stages.s0_train.export import export_onnx
from mxdeploy.stages.s0_train.network import Trainable
from mxdeploy.stages.s0_train.networks import ZOO
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import quantize
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower

SMALL = [
    ("cifar_cnn", (3, 16, 16), 10, {}, (10,), 5),
    ("cifar_cnn", (1, 20, 21), 2, {"stages": ((8, 8), (12,)), "pool_last": False}, (2,), 4),
    ("residual_cnn", (3, 16, 16), 10, {"widths": (8, 16)}, (10,), 10),
    ("keyword_cnn", (128, 32), 21, {}, (21,), 7),
    ("keyword_cnn", (3, 50), 4, {"widths": (8, 16), "mixing": 8, "normalize": False}, (4,), 5),
    ("small_unet", (3, 16, 24), 4, {}, (4, 16, 24), 8),
    ("autoencoder", (1, 16, 16), 0, {}, (1, 16, 16), 6),
    ("autoencoder", (64, 3), 0, {}, (64, 3), 6),
]
"""Name, input, classes, options, output, layers on the chip: one for each convolution and linear
layer, one for a pooling with no convolution behind it, two for each sum of the residual network
(one copies the shortcut beside the other operand)."""


def trained_like(network: torch.nn.Module, shape: tuple[int, ...]) -> torch.nn.Module:
    """Normalizations have seen data, and scale and shift differently in every channel."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(8, *shape) * 2 - 1)
    return network.eval()


def export(network: torch.nn.Module, shape: tuple[int, ...], file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the quick exporter is the old one
        torch.onnx.export(network, (torch.zeros(1, *shape),), file, opset_version=17, dynamo=False)


@pytest.mark.parametrize(
    ("name", "shape", "nodes"),
    [
        ("cifar_cnn", (3, 16, 16), "conv1/Conv conv3/Conv pool2/MaxPool fc/Gemm"),
        ("residual_cnn", (3, 16, 16), "block2/conv1/Conv block2/Add pool2/MaxPool fc/Gemm"),
        ("keyword_cnn", (3, 50), "conv1/Conv conv5/Conv pool5/MaxPool fc/Gemm"),
        (
            "small_unet",
            (3, 8, 8),
            "top/down/conv/Conv top/below/up/conv/ConvTranspose classes/Conv",
        ),
        ("autoencoder", (1, 8, 8), "conv3/Conv conv4/ConvTranspose conv6/Conv"),
        ("autoencoder", (64, 3), "conv1/Conv fc1/Gemm code/Gemm fc3/Gemm"),
    ],
)
def test_nodes_have_names_that_people_understand(
    name: str, shape: tuple[int, ...], nodes: str
) -> None:
    """A user reads them in every finding and report: words, perhaps with a number behind."""
    proto = onnx.load_from_string(export_onnx(Trainable(None, ZOO[name](shape, 4)), shape))
    found = [node.name for node in proto.graph.node if node.op_type != "Identity"]
    assert {f"/network/{node}" for node in nodes.split()} <= set(found)
    odd = [n for n in found if not re.fullmatch(r"/network(/[a-z_]+\d*)*/[A-Z]\w*", n)]
    assert odd == []


@pytest.mark.parametrize(("name", "shape", "classes", "options", "output", "layers"), SMALL)
def test_each_network_runs_on_the_accelerator_model(
    tmp_path: Path,
    name: str,
    shape: tuple,
    classes: int,
    options: dict,
    output: tuple,
    layers: int,
) -> None:
    network = trained_like(ZOO[name](shape, classes, **options), shape)
    random = np.random.default_rng(2)
    calibration = random.integers(-128, 128, (8, *shape)).astype(np.float32) / 128
    with torch.inference_mode():
        real = network(torch.from_numpy(calibration)).numpy()
    assert real.shape == (8, *output)
    export(network, shape, tmp_path / "network.onnx")
    legal = legalize(import_onnx(tmp_path / "network.onnx"))
    integers = quantize(legal, calibration)
    program = lower(map_network(integers))
    assert len(integers.layers) == layers
    chip_shape = integers.value(integers.input).shape
    inputs = (calibration * 128).astype(np.int8).reshape(8, *chip_shape)
    model = build_integer_model(integers, all_layers=True)
    proof = prove(program, model, list(inputs[:3]))
    assert len(proof.integer.outputs) == 1
    assert proof.elements > 0
    (found,) = (array.array for _, array in proof.integer.outputs)
    result = integers.value(integers.layers[-1].output)
    assert near(found.reshape(output) * result.scale, real[0])


def near(found: np.ndarray, real: np.ndarray) -> bool:
    """The noise of 8 bits is at least 15 dB below the signal."""
    return bool(((found - real) ** 2).sum() * 10**1.5 < (real**2).sum())


REFUSED = [
    ("cifar_cnn", (3, 32), 10, {}, "MX0901", "(channels, rows, columns)"),
    ("cifar_cnn", (3, 7, 40), 10, {}, "MX0903", "8 are needed"),
    ("cifar_cnn", (3, 224, 224), 10, {}, "MX0904", "64 x 28 x 28"),
    ("cifar_cnn", (3, 32, 32), 0, {}, "MX0905", "classes: 0"),
    ("cifar_cnn", (3, 32, 32), 10, {"stages": ((2048,),)}, "MX0905", "channels: 2048"),
    ("residual_cnn", (3, 4, 4), 10, {}, "MX0903", "4 x 4"),
    ("keyword_cnn", (1, 16, 16), 21, {}, "MX0901", "(channels, length)"),
    ("keyword_cnn", (128, 15), 21, {}, "MX0903", "16 are needed"),
    ("keyword_cnn", (1, 16000), 21, {}, "MX0904", "64 x 1000"),
    ("small_unet", (3, 30, 32), 4, {}, "MX0902", "for example to 32 x 32"),
    ("small_unet", (3, 32, 32), 4, {"widths": (16,)}, "MX0905", "levels below"),
    ("autoencoder", (1, 28, 30), 0, {}, "MX0902", "multiples of 4"),
    ("autoencoder", (256, 5), 0, {}, "MX0905", "1280"),
]


@pytest.mark.parametrize(("name", "shape", "classes", "options", "code", "text"), REFUSED)
def test_sizes_that_do_not_suit_are_refused_with_what_to_do(
    name: str, shape: tuple, classes: int, options: dict, code: str, text: str
) -> None:
    with pytest.raises(UsageError) as told:
        ZOO[name](shape, classes, **options)
    (finding,) = told.value.diagnostics
    assert (finding.code, finding.where) == (code, name)
    assert finding.fix
    assert text in finding.to_text()
