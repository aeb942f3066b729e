"""Small ONNX models written as text, and what onnxruntime computes with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


def model(
    nodes: str,
    *,
    inputs: str = "float[1,3,8,8] x",
    outputs: str = "y",
    weights: Mapping[str, ArrayLike] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model from nodes in ONNX text; ``weights`` that are not arrays become float32."""
    heads = ", ".join(f"float {o.strip()}" for o in outputs.split(","))
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": {opset}, "custom": 1]> net ({inputs}) => ({heads}) '
        f"{{ {nodes} }}"
    )
    for name, value in (weights or {}).items():
        array = value if isinstance(value, np.ndarray) else np.asarray(value, np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return proto


def save(proto: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    """Write ``proto`` to ``folder``."""
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Floats:
    """Normal random numbers."""
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def run(proto: onnx.ModelProto | Path, x: Floats) -> list[Floats]:
    """All outputs of a model for one batch."""
    source = str(proto) if isinstance(proto, Path) else proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return [np.asarray(y) for y in session.run(None, {session.get_inputs()[0].name: x})]
