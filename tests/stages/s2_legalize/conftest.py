"""Small models are imported, legalized and compared with onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import random, run, save
from tests.stages.s2_legalize.contract import assert_legal
from tests.stages.s2_legalize.float_evaluator import evaluate

Check = Callable[[onnx.ModelProto], Network]
Refuse = Callable[[onnx.ModelProto], list[tuple[str, str, str]]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Legalize a model, compare it with onnxruntime on three inputs, return the network."""

    def run_check(proto: onnx.ModelProto) -> Network:
        path = save(proto, tmp_path)
        network = legalize(import_onnx(path))
        assert_legal(network)
        shape = [max(d.dim_value, 1) for d in proto.graph.input[0].type.tensor_type.shape.dim]
        for seed in range(3):
            x = random(*shape, seed=seed, scale=2.0)
            expected = run(proto, x)
            for found, wanted in zip(evaluate(network, x[0]), expected, strict=True):
                tolerance = 1e-5 * max(1.0, float(np.abs(wanted).max()))
                np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=tolerance)
        return network

    return run_check


@pytest.fixture
def refuse(tmp_path: Path) -> Refuse:
    """Legalize a model that must be refused; return where, code and what of all findings."""

    def run_refuse(proto: onnx.ModelProto) -> list[tuple[str, str, str]]:
        network = import_onnx(save(proto, tmp_path))
        with pytest.raises(ModelError) as caught:
            legalize(network)
        assert all(d.fix for d in caught.value.diagnostics)
        return [(d.where, d.code, d.what) for d in caught.value.diagnostics]

    return run_refuse


def specs(network: Network) -> list[LayerSpec]:
    """The layers' specifications, in order."""
    return [n.op.spec for n in network.nodes if isinstance(n.op, LayerOp)]


def texts(network: Network) -> list[str]:
    """The layers in words, in order."""
    return [_words(s) for s in specs(network)]


def _words(spec: LayerSpec) -> str:
    parts = []
    if spec.eltwise is not None:
        parts.append(f"{spec.eltwise.function} {spec.operands}")
    if spec.pool is not None:
        pool = f"{spec.pool.kind} {spec.pool.size[0]}x{spec.pool.size[1]}/{spec.pool.stride}"
        parts.insert(0 if spec.eltwise and spec.eltwise.pool_first else len(parts), pool)
    if spec.kind is Kind.LINEAR:
        parts.append("flatten, linear" if spec.flatten else "linear")
    elif spec.kind is not Kind.PASSTHROUGH:
        parts.append(f"{spec.kind} {spec.kernel[0]}x{spec.kernel[1]} pad {spec.pad[0]}")
    if spec.activation is not Activation.NONE:
        parts.append(str(spec.activation))
    if not parts:
        parts.append("copy")
    if spec.output_bits != 8:
        parts.append(f"{spec.output_bits}-bit output")
    return ", ".join(parts)


def rules(network: Network) -> set[str]:
    """Names of the rules that were applied."""
    return {r.rule for r in network.rewrites}
