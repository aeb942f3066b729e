"""A Clip of a sum that a layer combines on the way in: its saturation to 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from tests.onnx_text import model, random, run, save

NODES = (
    "a0 = Conv(x, w) a = Clip(a0, low, high) b0 = Conv(x, v) b = Clip(b0, low, high) "
    "c0 = Add(a, b) c = Clip(c0, low, high) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (c) "
    "y0 = Conv(p, u) y = Clip(y0, low, high)"
)
WEIGHTS = {
    "w": random(40, 3, 1, 1, seed=1), "v": random(40, 3, 1, 1, seed=2),
    "u": random(4, 40, 3, 3, seed=3, scale=0.1), "low": np.float32(-1),
    "high": np.float32(127 / 128),
}  # fmt: skip


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return legalize(import_onnx(save(model(NODES, weights=WEIGHTS), tmp_path)))


def test_the_float_model_clips_the_sum(network: Network) -> None:
    layer = network.nodes[-1].op
    assert isinstance(layer, LayerOp)
    assert layer.combined_clip == (-1.0, 127 / 128)
    x = random(2, 3, 8, 8, seed=4, scale=2.0)
    session = ort.InferenceSession(build_float_model(network), providers=["CPUExecutionProvider"])
    found = session.run(["y"], {"x": x})[0]
    for k in range(2):
        wanted = run(model(NODES, weights=WEIGHTS), x[k : k + 1])[0]
        np.testing.assert_allclose(found[k : k + 1], wanted, atol=1e-5)


def test_the_clip_gives_the_scale_of_the_operands(tmp_path: Path) -> None:
    """Nothing else is known about them: 127 steps are the upper bound."""
    nodes = (
        "a0 = Conv(x, w) a = Relu(a0) b0 = Conv(x, v) b = Relu(b0) c0 = Add(a, b) "
        "c = Clip(c0, low, high) y = Conv(c, u)"
    )
    bounds = {"low": np.float32(-4), "high": np.float32(4 * 127 / 128)}
    path = save(model(nodes, weights=WEIGHTS | bounds), tmp_path)
    quantized = quantize(legalize(import_onnx(path)), None, QuantizeOptions(guess_ranges=True))
    assert [quantized.value(n).scale for n in ("a", "b")] == [4 / 128] * 2
