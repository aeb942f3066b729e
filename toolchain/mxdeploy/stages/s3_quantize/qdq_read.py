"""A model that ``qdq_write`` wrote, read back: the very same integers, without calibration.

The metadata count only while the graph is the one that they describe: it is written again and
compared. A model that another tool has changed is an ordinary model with declared ranges.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s3_quantize.findings import changed_since
from mxdeploy.stages.s3_quantize.qdq_metadata import NETWORK_KEY, network_of
from mxdeploy.stages.s3_quantize.qdq_write import build_qdq_model

if TYPE_CHECKING:
    import onnx

MAX_BYTES = 1 << 28
"""The chip's memories hold half a megabyte; no model for it comes close."""

_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What metadata that somebody has edited may cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file says about integers.

    Attributes:
        network: the quantized network it holds, or None for any other file.
        notes: why it does not count, where it says that it does.
    """

    network: QuantNetwork | None = None
    notes: tuple[Diagnostic, ...] = ()


def read_qdq_model(path: Path) -> Reading:
    """The quantized network that a model holds; its digest is that of the file.

    Where the user's own model has several inputs, this one has their concatenation.

    Files that are no such models, or no models at all, hold none.
    """
    model, digest = _parsed(path)
    metadata = {} if model is None else {p.key: p.value for p in model.metadata_props}
    if model is None or NETWORK_KEY not in metadata:
        return Reading()
    try:
        network = network_of(metadata, _initializers(model))
        same = _same_graph(model, build_qdq_model(network))
    except _DAMAGE:
        same, network = False, None
    if not same or network is None:
        return Reading(notes=(changed_since(path.name),))
    return Reading(network=replace(network, source_digest=digest, parts=()))


def _parsed(path: Path) -> tuple[onnx.ModelProto | None, str]:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return None, ""
        return onnx.ModelProto.FromString(content), hashlib.sha256(content).hexdigest()
    except (OSError, ValueError, DecodeError):
        return None, ""  # the import says what is wrong


def _initializers(model: onnx.ModelProto) -> dict[str, NDArray[np.generic]]:
    from onnx import numpy_helper

    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def _same_graph(model: onnx.ModelProto, content: bytes) -> bool:
    import onnx

    other = onnx.ModelProto.FromString(content)
    return model.graph == other.graph and list(model.opset_import) == list(other.opset_import)
