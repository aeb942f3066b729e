"""The user's own model on onnxruntime, with inputs of all kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.errors import UsageError
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s8_run.float_model import FloatMachine
from tests.onnx_text import model, random, run, save

WEIGHTS = {"w": random(2, 3, 1, 1)}


@pytest.mark.parametrize(
    "inputs",
    [
        "float[N,3,8,8] x",
        "float[N,3,8,8] extra, float[N,3,8,8] x",
        "int64 length, float[1,3,8,8] x, bool[2] flags",
        "float16[M,4] half, double[N,3] other, float[N,3,8,8] x",
    ],
)
def test_inputs_that_nothing_reads(tmp_path: Path, inputs: str) -> None:
    path = save(model("y = Conv(x, w)", inputs=inputs, weights=WEIGHTS), tmp_path)
    network = import_onnx(path)
    x = random(5, 3, 8, 8, seed=3)
    (wanted,) = run(model("y = Conv(x, w)", inputs="float[N,3,8,8] x", weights=WEIGHTS), x)
    (found,) = FloatMachine(path, network.parts, source=network.inputs[0]).run(x)
    np.testing.assert_allclose(found, wanted.reshape(5, -1), rtol=1e-6)


def test_inputs_in_parts_beside_one_that_nothing_reads(tmp_path: Path) -> None:
    nodes = "j = Concat <axis=1> (b, a) y = Conv(j, w)"
    path = save(
        model(nodes, inputs="float[N,1,8,8] a, float[4] no, float[N,2,8,8] b", weights=WEIGHTS),
        tmp_path,
    )
    network = import_onnx(path)
    x = random(3, 3, 8, 8, seed=4)
    (wanted,) = run(model("y = Conv(x, w)", inputs="float[N,3,8,8] x", weights=WEIGHTS), x)
    (found,) = FloatMachine(path, network.parts, source=network.inputs[0]).run(x)
    np.testing.assert_allclose(found, wanted.reshape(3, -1), rtol=1e-6)


def test_a_model_that_onnxruntime_does_not_take(tmp_path: Path) -> None:
    """Import counts the windows as ONNX says; onnxruntime, before operator set 22, one more."""
    pool = "kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1], ceil_mode=1"
    proto = model(
        f"p = MaxPool <{pool}> (x) f = Flatten(p) y = MatMul(f, m)",
        inputs="float[N,2,5,5] x",
        weights={"m": random(18, 5)},
    )
    path = save(proto, tmp_path)
    import_onnx(path)
    with pytest.raises(UsageError) as raised:
        FloatMachine(path)
    (finding,) = raised.value.diagnostics
    assert finding.code == "MX8068"
    assert finding.where == str(path)
    assert "22" in finding.fix
