"""What PyTorch's two exporters write, compared with PyTorch itself.

Importing torch costs about 2 s, the first export by dynamo 2 s, each further one 0.7 s.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mxdeploy.ir.network import Network
from mxdeploy.stages.s1_import import import_onnx
from tests.imported import evaluate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def torch() -> Any:
    return pytest.importorskip("torch")


def vision(torch: Any) -> Any:
    """Folded normalization, branches joined and split, rounding up, a Softmax at the end."""
    nn, f = torch.nn, torch.nn.functional

    class Vision(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
            )
            self.same = nn.Conv2d(8, 8, 3, padding="same")
            self.depthwise = nn.Conv2d(8, 8, 3, groups=8, stride=2)
            self.last = nn.Linear(16, 5)
            self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))

        def forward(self, x: Any) -> Any:
            x = self.first((x - self.mean) / 0.25)
            x = f.max_pool2d(x, 3, 2, ceil_mode=True)
            left, right = x.chunk(2, dim=1)
            x = torch.cat([right, left], dim=1) + f.relu(self.same(x)) + x
            x = f.interpolate(self.depthwise(f.pad(x, (1, 0, 0, 2))), scale_factor=2)
            x = torch.cat([x, f.hardtanh(x)], 1)
            x = f.dropout(f.adaptive_avg_pool2d(x, 1), training=self.training)
            return f.softmax(self.last(torch.flatten(x, 1)), dim=1)

    return Vision()


def pixels(torch: Any) -> Any:
    """Channels last and shuffled, slices, a transposed convolution, three outputs."""
    nn, f = torch.nn, torch.nn.functional

    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(12, 6, 3, padding=1)
            self.up = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)

        def forward(self, x: Any) -> Any:
            x = self.first(f.pixel_unshuffle(x.permute(0, 3, 1, 2).flip(1), 2))
            n, _, rows, columns = x.shape
            x = x.view(n, 2, 3, rows, columns).transpose(1, 2).reshape(n, 6, rows, columns)
            x = x[:, 1:, 1:-1, ::2]
            y = self.up(torch.cat((x, x[:, :1]), 1))
            return y, y[:, 0].amax((1, 2)).unsqueeze(1), 1 - y.mean(dim=[2, 3]) * 2

    return Pixels()


def sequence(torch: Any) -> Any:
    """1-D: convolutions, a pooling, and a linear layer with normalized weights."""
    nn = torch.nn

    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv1d(4, 8, 5, padding=2, dilation=1), nn.BatchNorm1d(8), nn.ReLU(),
                nn.AvgPool1d(2), nn.Conv1d(8, 6, 3), nn.Hardtanh(),
            )  # fmt: skip
            self.last = nn.utils.parametrizations.weight_norm(nn.Linear(36, 3))

        def forward(self, x: Any) -> Any:
            x = self.body(x)
            return torch.sigmoid(self.last(x.view(x.size(0), -1)))

    return Sequence()


def quantized(torch: Any) -> Any:
    """Fake quantization of an activation and of weights per channel."""
    nn, f = torch.nn, torch.nn.functional

    class Quantized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Any) -> Any:
            x = torch.fake_quantize_per_tensor_affine(x, 1 / 16, 0, -128, 127)
            scales = torch.tensor([0.25, 0.125, 0.5, 0.25])
            weight = torch.fake_quantize_per_channel_affine(
                self.conv.weight, scales, torch.zeros(4, dtype=torch.int32), 0, -128, 127
            )
            return f.relu(f.conv2d(x, weight)).clamp(max=2.5)

    return Quantized()


MODULES = {
    "vision": (vision, (1, 3, 20, 20)),
    "pixels": (pixels, (1, 12, 12, 3)),
    "sequence": (sequence, (1, 4, 16)),
    "quantized": (quantized, (1, 3, 8, 8)),
}
"""Networks that use many ways to write things, with their input shapes."""


@pytest.fixture(scope="session")
def export(
    torch: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, bool], tuple[Path, np.ndarray, list[np.ndarray]]]:
    """Export; the file, an input and PyTorch's own outputs."""

    def call(name: str, dynamo: bool) -> tuple[Path, np.ndarray, list[np.ndarray]]:
        build, shape = MODULES[name]
        module = build(torch)
        torch.manual_seed(1)
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        module = module.eval()
        x = torch.randn(shape)
        path = tmp_path_factory.mktemp(name) / "net.onnx"
        logging.disable(logging.CRITICAL)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                options = {"external_data": True, "verbose": False} if dynamo else {}
                torch.onnx.export(module, (x,), str(path), dynamo=dynamo, **options)
        finally:
            logging.disable(logging.NOTSET)
        with torch.no_grad():
            y = module(x)
        outputs = y if isinstance(y, tuple) else (y,)
        return path, x.numpy(), [o.numpy() for o in outputs]

    return call


def same(network: Network, x: np.ndarray, outputs: list[np.ndarray]) -> None:
    for found, wanted in zip(evaluate(network, x[0]), outputs, strict=True):
        np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=1e-5)


VISION = {"Slice": 2, "Concat": 2, "Elementwise": 2, "Upsample": 1, "Softmax": 1}
PIXELS = {"ConvTranspose": 1, "Concat": 1, "Transpose": 3}
SEQUENCE = {"Conv": 2, "Pooling": 1, "Linear": 1, "Sigmoid": 1}


@pytest.mark.parametrize(
    ("name", "dynamo", "expected"),
    [
        ("vision", False, VISION),
        ("vision", True, VISION),
        ("pixels", False, PIXELS),
        ("pixels", True, PIXELS),
        ("sequence", False, SEQUENCE),
        ("sequence", True, SEQUENCE),
        ("quantized", False, {"FakeQuantize": 1, "Conv": 1, "Relu": 1, "Clip": 1}),
    ],
)
def test_exported(
    export: Callable[[str, bool], tuple[Path, np.ndarray, list[np.ndarray]]],
    name: str,
    dynamo: bool,
    expected: dict[str, int],
) -> None:
    path, x, outputs = export(name, dynamo)
    network = import_onnx(path)
    counts = Counter(type(n.op).__name__ for n in network.nodes)
    assert counts["Unsupported"] == 0
    assert {kind: counts[kind] for kind in expected} == expected
    same(network, x, outputs)
