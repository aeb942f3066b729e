"""What is said about operators that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, save


@pytest.mark.parametrize(
    ("nodes", "advice"),
    [
        ('y = Resize <mode="linear"> (x, , two)', "(nearest)"),
        ('y = Pad <mode="reflect"> (x, pads)', "pad with zeros"),
        ("y = LpPool <kernel_shape=[2,2]> (x)", "max or average pooling"),
        ("y = BatchNormalization <training_mode=1> (x, c, c, c, c)", "model.eval()"),
        ("y = custom.Thing(x)", "replace it by convolutions"),
    ],
)
def test_what_to_do_instead(tmp_path: Path, nodes: str, advice: str) -> None:
    weights = {
        "two": np.array([1, 1, 2, 2], np.float32), "c": np.ones(3, np.float32),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
    }  # fmt: skip
    assert advice in fix(tmp_path, model(nodes, weights=weights))


def test_models_that_a_runtime_has_optimized(tmp_path: Path) -> None:
    proto = model("y = custom.FusedConv(x)")
    proto.graph.node[0].domain = proto.opset_import[1].domain = "com.microsoft"
    assert "ORT_ENABLE_BASIC" in fix(tmp_path, proto)


def fix(folder: Path, proto: onnx.ModelProto) -> str:
    """The advice of the only finding."""
    with pytest.raises(ModelError) as caught:
        legalize(import_onnx(save(proto, folder)))
    (found,) = caught.value.diagnostics
    return found.fix
