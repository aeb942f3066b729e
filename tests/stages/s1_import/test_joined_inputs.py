"""Several inputs that one Concat joins at once are one input, in the order of the Concat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import InputPart, Network
from mxdeploy.stages.s1_import import import_onnx
from tests.imported import evaluate
from tests.onnx_text import model, random, save


def agrees(path: Path, network: Network) -> None:
    """The model on its own inputs gives what the network gives on the joined one."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    joined = random(*network.input_shape, seed=3)
    feeds = {}
    for part in network.parts:
        share = joined.take(range(part.start, part.stop), axis=part.axis)
        feeds[session.get_inputs()[part.place].name] = share[None]
    for found, wanted in zip(evaluate(network, joined), session.run(None, feeds), strict=True):
        np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=1e-5)


def test_maps_of_any_channels(tmp_path: Path) -> None:
    proto = model(
        "j = Concat <axis=1> (depth, color) y = Conv(j, w)",
        inputs="float[N,3,8,8] color, float[N,1,8,8] depth",
        weights={"w": random(2, 4, 3, 3)},
    )
    path = save(proto, tmp_path)
    network = import_onnx(path)
    assert network.inputs == ("depth+color",)
    assert network.input_shape == (4, 8, 8)
    assert network.parts == (
        InputPart(name="depth", place=1, axis=0, start=0, stop=1),
        InputPart(name="color", place=0, axis=0, start=1, stop=4),
    )
    assert [n.name for n in network.model] == ["Concat(j)", "Conv(y)"]
    (record,) = network.rewrites
    assert (record.rule, record.nodes, record.exact) == ("join-inputs", ("Concat(j)",), True)
    assert "depth in channel 0, color in channels 1 to 3" in record.text
    agrees(path, network)


def test_channels_that_come_last(tmp_path: Path) -> None:
    proto = model(
        "j = Concat <axis=-1> (a, b) t = Transpose <perm=[0,3,1,2]> (j) y = Conv(t, w)",
        inputs="float[1,8,8,2] a, float[N,8,8,2] b",
        weights={"w": random(2, 4, 3, 3)},
    )
    path = save(proto, tmp_path)
    network = import_onnx(path)
    assert [(p.name, p.axis, p.start, p.stop) for p in network.parts] == [
        ("a", 2, 0, 2), ("b", 2, 2, 4),
    ]  # fmt: skip
    assert "b in 2 to 3 of axis 2" in network.rewrites[0].text
    agrees(path, network)


def test_vectors_with_weights_among_the_inputs(tmp_path: Path) -> None:
    proto = model(
        "j = Concat <axis=1> (a, b, c) y = MatMul(j, m)",
        inputs="float[1,4] a, float[9,5] m, float[1,3] b, float[1,2] c",
        weights={"m": random(9, 5)},
    )
    path = save(proto, tmp_path)
    network = import_onnx(path)
    assert [(p.name, p.place) for p in network.parts] == [("a", 0), ("b", 1), ("c", 2)]
    agrees(path, network)


A, B = "float[1,2,4,4] a", "float[1,2,4,4] b"


@pytest.mark.parametrize(
    ("nodes", "inputs"),
    [
        ("y = Add(a, b)", f"{A}, {B}"),
        ("j = Concat <axis=0> (a, b) y = Relu(j)", f"{A}, {B}"),  # one behind the other in time
        ("r = Relu(a) j = Concat <axis=1> (r, b) y = Relu(j)", f"{A}, {B}"),
        ("j = Concat <axis=1> (a, b) y = Add(j, j) z = Relu(a)", f"{A}, {B}"),
        ("j = Concat <axis=1> (a, b, a) y = Relu(j)", f"{A}, {B}"),
        ("j = Concat <axis=1> (a, b, k) y = Relu(j)", f"{A}, {B}"),
        ("y = Concat <axis=1> (a, b)", f"{A}, {B}"),
        ("j = Concat <axis=1> (a, b) y = Relu(j)", f"{A}, float[1,2,4,5] b"),
        ("j = Concat <axis=1> (a, b) y = Relu(j)", f"{A}, float[2,2,4,4] b"),
        ("j = Concat <axis=1> (a, b) y = Relu(j)", f"{A}, float[1,C,4,4] b"),
        ("j = Concat <axis=1> (a, b) y = Relu(j)", f"{A}, float[1,2,16] b"),
        ("j = Concat <axis=4> (a, b) y = Relu(j)", f"{A}, {B}"),
    ],
)
def test_all_else_is_refused(tmp_path: Path, nodes: str, inputs: str) -> None:
    outputs = "y, z" if "z =" in nodes else "y"
    proto = model(nodes, inputs=inputs, outputs=outputs, weights={"k": random(1, 2, 4, 4)})
    with pytest.raises(ModelError) as caught:
        import_onnx(save(proto, tmp_path))
    (found,) = caught.value.diagnostics
    assert found.code == "MX1040"
    assert "2 inputs (a, b)" in found.what
    assert "concatenate all inputs" in found.fix
