"""Small models are imported and compared with onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.ir.network import Network
from mxdeploy.stages.s1_import import import_onnx
from tests.imported import evaluate
from tests.onnx_text import random, run, save

Agree = Callable[..., Network]


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


def _batch(proto: onnx.ModelProto) -> int:
    constant = {t.name for t in proto.graph.initializer}
    source = next(i for i in proto.graph.input if i.name not in constant)
    return source.type.tensor_type.shape.dim[0].dim_value or 2
