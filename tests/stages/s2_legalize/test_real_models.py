"""Real models: those that must build compute the same after legalization as onnxruntime before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import run
from tests.stages.s2_legalize.contract import assert_legal
from tests.stages.s2_legalize.float_evaluator import evaluate

pytestmark = pytest.mark.shared

CHAINS = (
    "mnist", "mnist-extrasmall", "cifar10", "kws20", "kws20_v3", "kws20_v3_msnoise",
    "autoencoder-motor", "catsdogs",
)  # fmt: skip
LAYERS = {
    "mnist": 5, "mnist-extrasmall": 4, "cifar10": 11, "kws20": 10, "kws20_v3": 9,
    "kws20_v3_msnoise": 9, "autoencoder-motor": 7, "catsdogs": 7,
}  # fmt: skip


def legal(path: Path) -> Network:
    return legalize(import_onnx(path))


def close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("export", ["", "_dynamo"])
@pytest.mark.parametrize("name", CHAINS)
def test_both_exports_compute_the_recorded_output(shared: Path, name: str, export: str) -> None:
    network = legal(shared / "models" / f"{name}{export}.onnx")
    record = np.load(shared / "models" / f"{name}_io.npz")
    close(evaluate(network, record["input"][0])[0], record["out0"][0])
    assert len(network.nodes) == LAYERS[name]
    assert all(isinstance(n.op, LayerOp) for n in network.nodes)


@pytest.mark.parametrize("export", ["", "_dynamo"])
def test_a_u_net_becomes_layers_and_joins(shared: Path, export: str) -> None:
    """Two joins lie side by side; the third needs two passes and a copy of its shared part."""
    network = legal(shared / "models" / f"camvid-unet-large{export}.onnx")
    assert_legal(network)
    record = np.load(shared / "models" / "camvid-unet-large_io.npz")
    close(evaluate(network, record["input"][0])[0], record["out0"][0])
    layers = [n.op.spec for n in network.nodes if isinstance(n.op, LayerOp)]
    assert len(layers) == 19
    assert sum(s.kind is Kind.PASSTHROUGH for s in layers) == 1
    assert len(network.nodes) - len(layers) == 3


@pytest.mark.parametrize("name", CHAINS)
def test_models_without_clips_compute_what_onnxruntime_computes(shared: Path, name: str) -> None:
    path = shared / "models" / f"{name}_noclip.onnx"
    network = legal(path)
    x = np.load(shared / "models" / f"{name}_io.npz")["input"]
    close(evaluate(network, x[0])[0], run(path, x)[0][0])
    assert all(v.clip is None for v in network.values)


def test_clips_reach_the_layers_outputs(shared: Path) -> None:
    for name in ("mnist", "mnist_dynamo"):
        network = legal(shared / "models" / f"{name}.onnx")
        clips = [network.value(n.output).clip for n in network.nodes]
        assert clips == [(0.0, 127 / 128)] * 4 + [None]


def test_the_autoencoder_clips_at_both_ends(shared: Path) -> None:
    network = legal(shared / "models" / "autoencoder-motor.onnx")
    assert network.value(network.outputs[0]).clip == (-1.0, 127 / 128)
    last = network.nodes[-1].op
    assert isinstance(last, LayerOp)
    assert last.spec.output_bits == 8
    assert network.tail[0].shape == (256, 3)


def test_batch_normalization_is_folded_away(shared: Path) -> None:
    path = shared / "models" / "cifar10-batchnorm.onnx"
    network = legal(path)
    x = np.random.default_rng(3).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
    close(evaluate(network, x[0])[0], run(path, x)[0][0])
    assert len(network.nodes) == 11
    assert sum(r.rule == "fold-affine-back" for r in network.rewrites) == 10


def test_a_model_with_roundings_keeps_its_declared_ranges(
    repository: Path, shared: Path, tmp_path: Path
) -> None:
    """The example as another tool would have written it, without notes for us."""
    model = onnx.load(repository / "examples" / "cifar10" / "cifar10.onnx")
    del model.metadata_props[:]
    path = tmp_path / "rounded.onnx"
    onnx.save(model, path)
    network = legal(path)
    x = np.load(shared / "models" / "cifar10_io.npz")["input"]
    assert all(network.value(n.output).declared is not None for n in network.nodes[:-1])
    assert network.value(network.inputs[0]).declared is not None
    expected = run(path, x)[0][0]
    found = evaluate(network, x[0], rounded=True)[0]
    # Sums in another order fall to the other side of a rounding step here and there.
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())
    assert found.argmax() == expected.argmax()


@pytest.mark.parametrize("export", ["", "_dynamo"])
def test_large_kernels(shared: Path, export: str) -> None:
    """LeNet: two 5x5 convolutions."""
    network = legal(shared / "models" / f"lenet5{export}.onnx")
    record = np.load(shared / "models" / "lenet5_io.npz")
    close(evaluate(network, record["input"][0])[0], record["out0"][0])
    assert_legal(network)


@pytest.mark.parametrize(
    ("name", "shape"), [("mlperf-resnet8", (32, 32, 3)), ("mlperf-dscnn", (49, 10, 1))]
)
def test_the_models_of_a_benchmark(shared: Path, name: str, shape: tuple[int, ...]) -> None:
    """Strides, a 10x4 kernel, depthwise convolutions, additions, channels last."""
    path = shared / "models" / f"{name}.onnx"
    network = legal(path)
    x = np.random.default_rng(3).normal(0, 20, (1, *shape)).astype(np.float32)
    close(evaluate(network, x[0])[0], run(path, x)[0][0])
    assert_legal(network)


REFUSED = {
    "hswish_se_net": {
        ("/c/c.2/HardSwish", "HardSwish"),
        ("/se/se.4/HardSigmoid", "HardSigmoid"),
        ("/Mul", "product of two computed values"),
    },
    "hswish_se_net_dynamo": {
        ("n0", "HardSwish"),
        ("node_hardsigmoid", "HardSigmoid"),
        ("node_mul", "product of two computed values"),
    },
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_the_chip_cannot_do_is_refused_with_every_reason(shared: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        legal(shared / "models" / f"{name}.onnx")
    found = [(d.where, d.what) for d in caught.value.diagnostics]
    assert len(found) == len(REFUSED[name])
    for where, what in REFUSED[name]:
        assert any(w == where and what in text for w, text in found), (where, what)
    assert all(d.why and d.fix for d in caught.value.diagnostics)
