"""Without data, what BatchNormalization remembers says what made-up inputs should be like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from mxdeploy.chosen_data import calibration_data
from mxdeploy.data import Layout, Scale, pixels
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.network import Network
from mxdeploy.matching import best_match, divergence
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s1_import.batch_statistics import BatchStatistics, statistics_model
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.synthetic import Look, SyntheticChoice, synthetic_data, synthetic_inputs
from tests.arithmetic import evaluate
from tests.onnx_text import model, random, run, save

Floats = NDArray[np.float32]

SHAPE = (3, 8, 8)
X = "float[N,3,8,8] x"
CHIP = pixels(Scale.CHIP)
CHOICE = SyntheticChoice(scale=Scale.CHIP)
TWO_STAGES = (
    "c = Conv <pads=[1,1,1,1]> (x, w) b = BatchNormalization (c, g1, b1, m1, v1) r = Relu(b) "
    "d = Conv <pads=[1,1,1,1]> (r, u) e = BatchNormalization (d, g2, b2, m2, v2) s = Relu(e) "
    "y = Conv (s, t)"
)


def trained(data: Floats) -> onnx.ModelProto:
    """Two stages with BatchNormalization, whose statistics are those of ``data``."""
    weights = {
        "w": random(8, 3, 3, 3, seed=1),
        "u": random(12, 8, 3, 3, seed=2),
        "t": random(4, 12, 1, 1, seed=3),
    }
    for number, channels in ((1, 8), (2, 12)):
        draw = np.random.default_rng(number)
        weights |= {
            f"g{number}": draw.uniform(0.5, 1.5, channels).astype(np.float32),
            f"b{number}": draw.normal(0, 0.5, channels).astype(np.float32),
            f"m{number}": np.zeros(channels, np.float32),
            f"v{number}": np.ones(channels, np.float32),
        }
    for number, seen in ((1, "c"), (2, "d")):
        (values,) = run(model(TWO_STAGES, inputs=X, outputs=seen, weights=weights), data)
        weights[f"m{number}"] = values.mean(axis=(0, 2, 3))
        weights[f"v{number}"] = values.var(axis=(0, 2, 3))
    return model(TWO_STAGES, inputs=X, weights=weights)


def sqnr_db(proto: onnx.ModelProto, network: Network, calibration: Floats, data: Floats) -> float:
    """Of the outputs on real data."""
    quantized = quantize(network, calibration, QuantizeOptions(equalize=False))
    (wanted,) = run(proto, data)
    (output,) = quantized.outputs
    found = evaluate(quantized, chip_inputs(quantized, data))[output]
    noise = found * quantized.value(output).scale - wanted
    return float(10 * np.log10(np.square(wanted).sum() / np.square(noise).sum()))


def as_levels(x: NDArray[np.float64]) -> Floats:
    return np.clip(np.rint(x * 128), -128, 127).astype(np.float32) / 128


def quiet() -> Floats:
    """White, a fortieth of what is usual, far from the middle."""
    return as_levels(np.random.default_rng(5).normal(0.5, 0.01, (40, *SHAPE)))


def dark() -> Floats:
    """Blocks that differ little from an input's own, low mean."""
    draw = np.random.default_rng(6)
    blocks = draw.normal(0, 0.05, (40, 3, 2, 2)).repeat(4, axis=2).repeat(4, axis=3)
    return as_levels(blocks + draw.uniform(-0.9, -0.7, (40, 1, 1, 1)))


@pytest.mark.parametrize(("data", "gain"), [(quiet(), 5.0), (dark(), 8.0)])
def test_strange_data_are_met_better(tmp_path: Path, data: Floats, gain: float) -> None:
    """Channels come out nearer to what they were, and integers less noisy on real data."""
    proto = trained(data)
    path = save(proto, tmp_path)
    network = legalize(import_onnx(path))
    match = best_match(path, network, CHIP)
    assert match is not None
    assert match.nodes == 2
    assert match.natural > 0.5
    assert match.disagreement < match.natural / 4
    chosen = calibration_data(CHOICE, network, path)
    assert "2 BatchNormalization nodes" in chosen.title
    made = synthetic_inputs(SHAPE, Layout.NCHW, CHIP, look=match.look)
    assert np.array_equal(chosen.x, made)
    natural = synthetic_data(network, CHOICE)
    matched, plain = (sqnr_db(proto, network, one.x, data) for one in (chosen, natural))
    assert matched > plain + gain


def test_usual_data_leave_inputs_as_they_are(tmp_path: Path) -> None:
    look = Look(exponent=1.25, contrast=-1.25, centre=0.1)
    path = save(trained(synthetic_inputs(SHAPE, Layout.NCHW, CHIP, count=40, look=look)), tmp_path)
    network = legalize(import_onnx(path))
    chosen = calibration_data(CHOICE, network, path)
    assert np.array_equal(chosen.x, synthetic_data(network, CHOICE).x)
    assert "as natural images" in chosen.title


@pytest.mark.parametrize(
    "nodes",
    [
        "y = Conv (x, w)",
        "c = Conv (x, w) y = BatchNormalization (c, g, b, zero, one)",
    ],
)
def test_models_that_remember_nothing(tmp_path: Path, nodes: str) -> None:
    """No node, or one as it was before training."""
    weights = {"w": random(2, 3, 1, 1), "g": [1, 2], "b": [0, 1], "zero": [0, 0], "one": [1, 1]}
    path = save(model(nodes, inputs=X, weights=weights), tmp_path)
    network = legalize(import_onnx(path))
    assert best_match(path, network, CHIP) is None
    assert calibration_data(CHOICE, network, path).title == "synthetic inputs"


def test_a_model_that_onnxruntime_does_not_take(tmp_path: Path) -> None:
    """Before operator set 22, it counts windows of such a pooling that begin behind the map."""
    proto = model(
        "c = Conv (x, w) b = BatchNormalization (c, g, b1, m, v) "
        "p = MaxPool <kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1], ceil_mode=1> (b) "
        "f = Flatten(p) y = MatMul(f, t)",
        inputs="float[N,3,5,5] x",
        weights={
            "w": random(2, 3, 1, 1), "g": [1, 2], "b1": [0, 1], "m": [2, 3], "v": [1, 2],
            "t": random(18, 4),
        },
    )  # fmt: skip
    path = save(proto, tmp_path)
    network = legalize(import_onnx(path))
    assert calibration_data(CHOICE, network, path).title == "synthetic inputs"


def test_statistics_are_the_files(tmp_path: Path) -> None:
    """What the extra model shows is what each node reads; epsilon belongs to the variance."""
    proto = trained(quiet())
    statistics = statistics_model(save(proto, tmp_path))
    assert statistics is not None
    known = {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}
    for number, node in enumerate(statistics.nodes, start=1):
        np.testing.assert_array_equal(node.mean, known[f"m{number}"].astype(np.float64))
        np.testing.assert_allclose(node.variance, known[f"v{number}"] + 1e-5, rtol=1e-6)
    shown = run(onnx.load_from_string(statistics.content), quiet())
    for values, node in zip(shown, statistics.nodes, strict=True):
        np.testing.assert_allclose(values.mean(axis=(0, 2, 3)), node.mean, atol=1e-4)


def test_divergence_is_that_of_normal_distributions() -> None:
    """Against numerical integration of p log(p / q)."""
    x = np.linspace(-40, 40, 200_001)

    def density(mean: float, variance: float) -> NDArray[np.float64]:
        return np.exp(-np.square(x - mean) / (2 * variance)) / np.sqrt(2 * np.pi * variance)

    values = np.array([[1.0, 3.0, -2.0, 2.0]])  # two channels: mean 2 and 0, variance 1 and 4
    stored = BatchStatistics(mean=np.array([1.0, 0.5]), variance=np.array([2.0, 9.0]), epsilon=0.0)
    wanted = []
    for found, known in (((2.0, 1.0), (1.0, 2.0)), ((0.0, 4.0), (0.5, 9.0))):
        p, q = density(*found), density(*known)
        inside = p > 0
        wanted.append(float((p * np.log(p / q, where=inside, out=np.zeros_like(p))).sum() * 4e-4))
    assert divergence(values, stored) == pytest.approx(np.mean(wanted), rel=1e-3)
