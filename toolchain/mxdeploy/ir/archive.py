"""Artefacts on disk: frozen dataclasses as one ``.npz`` file, without pickle.

The structure is JSON, the tensors are arrays beside it. Only the classes named here are ever
constructed, from plain values, so that a build folder from elsewhere cannot run code.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir import measurement, network, plan, quantized, result
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import graph, head, layer, tail

VERSION = 2

_CLASSES: tuple[type, ...] = (
    network.ModelNode, network.Rewrite, network.InputPart,
    quantized.QuantValue, quantized.QuantLayer, quantized.QuantNetwork, quantized.LayerQuality,
    quantized.Join,
    measurement.Histogram, measurement.LayerMeasurement, measurement.NoiseSources,
    plan.Region, plan.RegionPart, plan.KernelSlot, plan.BiasSlot, plan.LayerPlan, plan.Plan,
    layer.Pool, layer.Eltwise, layer.LayerSpec,
    head.Transpose, head.Reshape, head.Affine, head.PerElement, head.Clip, head.Pad,
    head.SpaceToDepth, head.ShiftedCopies,
    graph.Abs, graph.Affine, graph.ArgMax, graph.Clip, graph.Concat, graph.Elementwise, graph.Exp,
    graph.HardSigmoid, graph.LogSoftmax, graph.Multiply, graph.PerElement, graph.Reduce,
    graph.Relu, graph.Reshape, graph.Sigmoid, graph.Slice, graph.Softmax, graph.Tanh, graph.TopK,
    graph.Transpose, graph.Upsample,
    tail.TailStep, tail.Result,
    result.KnownAnswer,
)  # fmt: skip
_ENUMS: tuple[type[Enum], ...] = (
    layer.Kind, layer.Activation, layer.PoolKind, layer.EltwiseFunction, plan.DataOrder,
)  # fmt: skip


def _key(kind: type) -> str:
    """Name of a class in a file; operators of different places may share their own."""
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


_KINDS = {_key(kind): kind for kind in _CLASSES}

Artefact = plan.Plan | quantized.QuantNetwork | result.KnownAnswer


def dump(artefact: Artefact) -> bytes:
    """The artefact as the bytes of an ``.npz`` file; equal artefacts give equal bytes."""
    text, tensors = to_document(artefact)
    arrays = {tensor_name(i): t.array for i, t in enumerate(tensors)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, structure=np.array(text), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def tensor_name(index: int) -> str:
    """Under what name the tensor with this number is looked up."""
    return f"tensor_{index}"


def to_document(artefact: Artefact) -> tuple[str, tuple[Tensor, ...]]:
    """The artefact as JSON text, and the tensors that the text only counts."""
    tensors: list[Tensor] = []
    document = {"version": VERSION, "root": _encode(artefact, tensors)}
    return json.dumps(document, separators=(",", ":"), allow_nan=False), tuple(tensors)


def from_document(text: str, tensors: Mapping[str, NDArray[Any]]) -> Artefact:
    """What ``to_document`` was given; ``tensors`` by ``tensor_name``.

    Raises:
        ValueError, KeyError, TypeError: not such a document.
    """
    document = json.loads(text)
    if document["version"] != VERSION:
        raise ValueError(f"format {document['version']}, this version reads {VERSION}")
    artefact = _decode(document["root"], tensors)
    if not isinstance(artefact, Artefact):
        raise TypeError(f"it holds a {type(artefact).__name__}")
    return artefact


def load(path: Path) -> Artefact:
    """Read an artefact written by ``dump``.

    Raises:
        UsageError: the file is missing, truncated, or not such an archive.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            return from_document(str(archive["structure"]), archive)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            Diagnostic(
                code="MX8030",
                where=str(path),
                what=f"is not a readable build artefact: {error}",
                fix="build the model again",
            )
        ) from error


def _encode(value: Any, tensors: list[Tensor]) -> Any:  # noqa: ANN401 - any JSON-able value
    if isinstance(value, Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "value": value.value}
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: _encode(getattr(value, f.name), tensors) for f in fields(value)}
        return {"class": _key(type(value)), "fields": content}
    if isinstance(value, tuple):
        return [_encode(item, tensors) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"cannot archive a {type(value).__name__}")


def _decode(node: Any, archive: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(node, list):
        return tuple(_decode(item, archive) for item in node)
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        return Tensor(archive[tensor_name(int(node["tensor"]))])
    if "number" in node:
        return float(node["number"])
    if "enum" in node:
        return {e.__name__: e for e in _ENUMS}[node["enum"]](node["value"])
    return _KINDS[node["class"]](
        **{name: _decode(item, archive) for name, item in node["fields"].items()}
    )
