"""Small models are imported and compared with onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.ir.network import Network
from mxdeploy.ops.graph import Unsupported
from mxdeploy.stages.s1_import import import_onnx
from tests.imported import evaluate
from tests.onnx_text import model, random, run, save

Agree = Callable[..., Network]
I64 = np.int64
NCHW, NHWC, NCL, VECTOR = (
    "float[1,3,8,8] x", "float[1,7,8,3] x", "float[1,3,9] x", "float[1,6] x",
)  # fmt: skip


def ints(*values: int) -> np.ndarray:
    return np.array(values, I64)


def scalar(value: float, kind: type = np.float32) -> np.ndarray:
    return np.array(value, kind)


WEIGHTS = {
    "w": random(4, 3, 3, 3), "b": random(4), "w1": random(4, 3, 5), "wd": random(6, 1, 3, 3),
    "wt": random(3, 4, 3, 3), "wt1": random(3, 4, 4), "wtg": random(3, 2, 3, 3),
    "m": random(6, 5), "mt": random(5, 6), "mb": random(5), "m1": random(1, 6, 5),
    "row": random(1, 5), "one": random(1), "v6": random(6), "m192": random(192, 5),
    "m54": random(5, 4), "left": random(4, 3), "left1": random(1, 4, 3), "m9": random(9, 5),
    "c": random(3, 1, 1), "c1": random(1, 3, 1, 1), "c3": random(3), "col": random(8, 1),
    "pos": np.abs(random(3)) + 0.5, "k": scalar(2.5), "six": scalar(6.0), "zero": scalar(0.0),
    "k388": random(3, 8, 8), "k88": random(1, 1, 8, 8),
    "low": scalar(-0.5), "half": scalar(0.5), "no": scalar(0, np.bool_), "axis1": ints(1),
}  # fmt: skip
"""Constants that nodes given to :func:`check` may name."""


@pytest.fixture
def agree(tmp_path: Path) -> Agree:
    """Import a model, compare every output with onnxruntime's, return the network.

    ``agree(model, judge=other)`` lets onnxruntime compute an equal model in another spelling.
    """

    def compare(
        source: onnx.ModelProto | Path, judge: onnx.ModelProto | Path | None = None
    ) -> Network:
        path = source if isinstance(source, Path) else save(source, tmp_path)
        network = import_onnx(path)
        network.verify()
        origins = {o for n in network.nodes for o in n.origin}
        assert {v.origin for v in network.values} <= origins | set(network.inputs)
        (name,) = network.inputs
        batch = _batch(onnx.load(path, load_external_data=False))
        x = random(batch, *network.value(name).shape, seed=1, scale=2.0)
        for index, wanted in enumerate(run(judge or path, x)):
            for item in range(batch):
                found = evaluate(network, x[item])[index]
                one = (
                    wanted[item] if wanted.shape[1:] == found.shape else wanted.reshape(found.shape)
                )
                close = 1e-5 * max(1.0, float(np.abs(wanted).max(initial=0)))
                np.testing.assert_allclose(found, one, rtol=1e-4, atol=close)
        return network

    return compare


def ops(network: Network) -> str:
    """The nodes' operators, in order."""
    return " ".join(type(n.op).__name__ for n in network.nodes)


def check(agree: Agree, nodes: str, expected: str, **more) -> None:
    """``nodes`` become the operators ``expected``, which compute what onnxruntime does."""
    weights = {**WEIGHTS, **more.pop("extra", {})}
    names = set(nodes.replace("(", " ").replace(")", " ").replace(",", " ").split())
    used = {n: a for n, a in weights.items() if n in names}
    network = agree(model(nodes, weights=used, **more))
    assert not any(isinstance(n.op, Unsupported) for n in network.nodes)
    assert ops(network) == expected


def _batch(proto: onnx.ModelProto) -> int:
    constant = {t.name for t in proto.graph.initializer}
    source = next(i for i in proto.graph.input if i.name not in constant)
    return source.type.tensor_type.shape.dim[0].dim_value or 2
