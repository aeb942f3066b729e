"""What became of every node of a model, against what its author can tell by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.fates import Fate, Place, fates
from mxdeploy.options import ProjectOptions
from mxdeploy.pipeline import placement_of
from mxdeploy.trace import Trace
from tests.command import Mxdeploy
from tests.onnx_text import model, random, save

NODES = (
    "n = Sub(x, mean) c = Conv <pads=[1,1,1,1]> (n, w) b = BatchNormalization (c, g, g, g, g) "
    "r = Relu(b) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r) d = Conv(p, v) e = Relu(d) "
    "j = Concat <axis=1> (p, e) i = Identity(j) h = Conv(i, u) f = Flatten(h) y = Softmax(f)"
)
WEIGHTS = {
    "mean": np.float32(0.5).reshape(()), "w": random(4, 3, 3, 3, seed=1),
    "g": np.abs(random(4, seed=2)) + 0.5, "v": random(4, 4, 1, 1, seed=3),
    "u": random(2, 8, 1, 1, seed=4),
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(model(NODES, weights=WEIGHTS), tmp_path)


@pytest.fixture
def found(path: Path) -> dict[str, Fate]:
    _, plan = placement_of(path, ProjectOptions(), Trace())
    return {fate.node: fate for fate in fates(plan.network)}


def places(fate: Fate) -> list[tuple[Place, int | None]]:
    return [(d.place, d.layer) for d in fate.destinations]


def test_every_node_has_its_fate(found: dict[str, Fate]) -> None:
    assert [(name, places(fate)) for name, fate in found.items()] == [
        ("Sub(n)", [(Place.CPU_BEFORE, None)]),
        ("Conv(c)", [(Place.LAYER, 0)]),
        ("BatchNormalization(b)", [(Place.IN_LAYER, 0)]),
        ("Relu(r)", [(Place.IN_LAYER, 0)]),
        ("MaxPool(p)", [(Place.LAYER, 1)]),
        ("Conv(d)", [(Place.LAYER, 2)]),
        ("Relu(e)", [(Place.IN_LAYER, 2)]),
        ("Concat(j)", [(Place.JOIN, None)]),
        ("Identity(i)", []),
        ("Conv(h)", [(Place.LAYER, 3)]),
        ("Flatten(f)", [(Place.CPU_BEHIND, None)]),
        ("Softmax(y)", [(Place.CPU_BEHIND, None)]),
    ]


def test_operators_are_the_models(found: dict[str, Fate]) -> None:
    assert all(fate.op_type == name.partition("(")[0] for name, fate in found.items())


def test_rewrites_are_told_by_node(found: dict[str, Fate]) -> None:
    assert "fold-affine-back" in [r.rule for r in found["BatchNormalization(b)"].rewrites]
    assert "fold-affine-back" not in [r.rule for r in found["Conv(h)"].rewrites]
    assert found["Conv(c)"].exact


def test_the_table(mxdeploy: Mxdeploy, path: Path) -> None:
    ran = mxdeploy("check", path, "--explain-rewrites")
    assert ran.exit_code == 0
    rows = {line.split()[0]: line for line in ran.out.splitlines() if "(" in line}
    assert "part of layer 0" in rows["BatchNormalization(b)"]
    assert "fold-affine-back" in rows["BatchNormalization(b)"]
    assert "no work left" in rows["Identity(i)"]
    assert "CPU, behind the layers" in rows["Softmax(y)"]
    assert "What became" not in mxdeploy("check", path).out


@pytest.mark.parametrize("command", ["check", "build"])
def test_the_document(mxdeploy: Mxdeploy, path: Path, tmp_path: Path, command: str) -> None:
    np.savez(tmp_path / "x.npz", x=random(4, 3, 8, 8))
    extra = ("--calib", tmp_path / "x.npz", "-o", tmp_path / "b", "--compiler=none")
    ran = mxdeploy(command, path, "--explain-rewrites", "--json", *(extra * (command == "build")))
    assert ran.exit_code == 0
    nodes = {node["node"]: node for node in ran.document["result"]["nodes"]}
    assert nodes["Conv(d)"]["operator"] == "Conv"
    assert nodes["Conv(d)"]["became"] == [
        {"place": "layer", "layer": 2, "text": "layer 2: conv2d 1x1, relu"}
    ]
    assert {r["rule"] for r in nodes["Relu(e)"]["rewrites"]} >= {"activation"}
    assert nodes["Identity(i)"]["became"] == []
