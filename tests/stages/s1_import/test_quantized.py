"""Models that are quantized already: what onnxruntime's and PyTorch's tools write."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from mxdeploy.errors import ModelError
from mxdeploy.ops.graph import FakeQuantize, Unsupported
from mxdeploy.stages.s1_import import import_onnx
from tests.onnx_text import Floats, model, random, run, save
from tests.stages.s1_import.conftest import Agree

NODES = (
    "h = Conv <pads=[1,1,1,1]> (x, w, b) r = Relu(h) p = MaxPool <kernel_shape=[2,2], "
    "strides=[2,2]> (r) g = Conv <pads=[1,1,1,1]> (p, v) a = Add(g, p) n = GlobalAveragePool(a) "
    "f = Flatten(n) y = Gemm(f, m, c)"
)
WEIGHTS = {
    "w": random(4, 3, 3, 3), "b": random(4), "v": random(4, 4, 3, 3), "m": random(4, 5),
    "c": random(5),
}  # fmt: skip


class Samples(CalibrationDataReader):
    """Four random inputs."""

    def __init__(self) -> None:
        self._left: Iterator[Floats] = iter([random(1, 3, 8, 8, seed=i) for i in range(4)])

    def get_next(self) -> dict[str, Floats] | None:
        x = next(self._left, None)
        return None if x is None else {"x": x}


@pytest.fixture
def quantize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Quantize the model above; the path of the result."""
    monkeypatch.setattr(logging.getLogger(), "disabled", True)

    def call(form: QuantFormat, activations: QuantType, weights: QuantType, *, per_channel: bool):
        path = save(model(NODES, weights=WEIGHTS, opset=13), tmp_path, "float.onnx")
        result = tmp_path / "quantized.onnx"
        quantize_static(
            str(path), str(result), Samples(), quant_format=form, activation_type=activations,
            weight_type=weights, per_channel=per_channel,
        )  # fmt: skip
        return result

    return call


@pytest.mark.parametrize(
    ("activations", "weights", "per_channel", "limits"),
    [
        (QuantType.QInt8, QuantType.QInt8, True, (-128, 127)),
        (QuantType.QUInt8, QuantType.QInt8, False, (0, 255)),
        (QuantType.QUInt8, QuantType.QUInt8, True, (0, 255)),
        (QuantType.QInt16, QuantType.QInt8, False, (-32768, 32767)),
    ],
)
def test_quantize_and_dequantize_of_onnxruntime(
    quantize, activations: QuantType, weights: QuantType, per_channel: bool, limits: tuple[int, int]
) -> None:
    """Ranges and weights are those of the model; results differ by single steps at most."""
    path = quantize(QuantFormat.QDQ, activations, weights, per_channel=per_channel)
    network = import_onnx(path)
    assert not any(isinstance(n.op, Unsupported) for n in network.nodes)
    ranges = [n.op for n in network.nodes if isinstance(n.op, FakeQuantize)]
    assert len(ranges) >= 7
    assert {(r.low, r.high) for r in ranges} == {limits}
    nearly_equal(path, steps=3 * max(r.scale for r in ranges))


def nearly_equal(path: Path, steps: float) -> None:
    """Rounding to the next step may differ where float32 and float64 do."""
    from tests.imported import evaluate

    network = import_onnx(path)
    for seed in range(3):
        x = random(1, *network.value(network.inputs[0]).shape, seed=seed)
        for found, wanted in zip(evaluate(network, x[0]), run(path, x), strict=True):
            np.testing.assert_allclose(found, wanted[0], rtol=0, atol=steps)


def test_operators_on_integers_are_refused_with_what_to_do(quantize) -> None:
    path = quantize(QuantFormat.QOperator, QuantType.QUInt8, QuantType.QInt8, per_channel=False)
    with pytest.raises(ModelError) as caught:
        import_onnx(path)
    (found,) = caught.value.diagnostics
    assert found.code == "MX1047"
    assert "2 QLinearConv" in found.what
    assert "QuantFormat.QDQ" in found.fix


def test_dynamic_quantization_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = save(model(NODES, weights=WEIGHTS, opset=13), tmp_path, "float.onnx")
    quantize_dynamic(str(path), str(tmp_path / "dynamic.onnx"))
    with pytest.raises(ModelError) as caught:
        import_onnx(tmp_path / "dynamic.onnx")
    (found,) = caught.value.diagnostics
    assert found.code == "MX1047"
    assert "DynamicQuantizeLinear" in found.what


def test_fake_quantization_to_fewer_bits(agree: Agree) -> None:
    """PyTorch writes it with a Clip of the integers; steps of 1/8 have no rounding to differ."""
    weights = {
        "s": np.array(0.125, np.float32), "z": np.array(0, np.uint8),
        "low": np.array(0, np.uint8), "high": np.array(15, np.uint8),
    }  # fmt: skip
    nodes = "q = QuantizeLinear(x, s, z) c = Clip(q, low, high) y = DequantizeLinear(c, s, z)"
    network = agree(model(nodes, weights=weights))
    (node,) = network.nodes
    assert node.op == FakeQuantize(scale=0.125, zero_point=0, low=0, high=15)


def test_weights_in_blocks(agree: Agree) -> None:
    """Operator set 21: one scale for each block of rows of a matrix."""
    weights = {
        "q": np.arange(-12, 12, dtype=np.int8).reshape(8, 3),
        "s": np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32),
        "z": np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]], np.int8),
    }
    nodes = "m = DequantizeLinear <axis=0, block_size=3> (q, s, z) y = MatMul(x, m)"
    network = agree(model(nodes, weights=weights, inputs="float[1,8] x", opset=21))
    assert network.nodes[0].op.weight.array.shape == (3, 8)


@pytest.mark.parametrize(
    ("scale", "text"), [(0.0, "a scale of 0"), (-0.5, "a scale of -0.5"), (np.nan, "")]
)
def test_scales_that_make_no_sense(tmp_path: Path, scale: float, text: str) -> None:
    weights = {"s": np.array(scale, np.float32), "z": np.array(0, np.int8)}
    nodes = "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)"
    path = save(model(nodes, weights=weights), tmp_path)
    if not text:
        with pytest.raises(ModelError) as caught:
            import_onnx(path)
        assert [d.code for d in caught.value.diagnostics] == ["MX1030"]
        return
    assert text in import_onnx(path).nodes[-1].op.detail


def test_weights_of_four_bits(tmp_path: Path) -> None:
    proto = model(
        "m = DequantizeLinear(q, s) y = MatMul(x, m)", inputs="float[1,2] x", opset=21,
        weights={"s": np.array(0.5, np.float32)},
    )  # fmt: skip
    tensor = onnx.helper.make_tensor("q", onnx.TensorProto.INT4, (2, 3), [-8, 7, 1, 0, -1, 2])
    proto.graph.initializer.append(tensor)
    (node,) = import_onnx(save(proto, tmp_path)).nodes
    assert node.op.weight.array.T.tolist() == [[-4.0, 3.5, 0.5], [0.0, -0.5, 1.0]]
