"""From a path to a checked ONNX message: the file, its external data, the ONNX checker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_tensor,
    uses_external_data,
)

from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.stages.s1_import import findings

UNKNOWN_DOMAIN = "mxdeploy.unknown"
"""Where operators go that claim to be ONNX's own but are not (or no longer) defined there."""

_DEFAULT_DOMAINS = ("", "ai.onnx")


def read_model(path: Path) -> tuple[onnx.ModelProto, str]:
    """Read and check a model.

    Returns:
        The message, external data included, and the SHA-256 of the file in hexadecimal.

    Raises:
        UsageError: the file cannot be read or is not a valid ONNX model.
        ModelError: a version of ONNX that is not supported.
    """
    content = _read_file(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        raise UsageError(findings.not_onnx(path, len(content))) from None
    if not model.ir_version or not model.HasField("graph"):
        raise UsageError(findings.not_onnx(path, len(content)))
    _load_external_data(model, path)
    _check_versions(model, path)
    _set_unknown_operators_apart(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split("==>")[0].split())
        raise UsageError(findings.breaks_onnx_rules(path, reason)) from None
    return model, hashlib.sha256(content).hexdigest()


def _read_file(path: Path) -> bytes:
    if path.is_dir():
        raise UsageError(findings.file_is_directory(path))
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(findings.file_missing(path)) from None
    except OSError as error:
        raise UsageError(findings.file_unreadable(path, error.strerror or str(error))) from None
    if not content:
        raise UsageError(findings.file_empty(path))
    return content


def _check_versions(model: onnx.ModelProto, path: Path) -> None:
    problems: list[Diagnostic] = []
    name = path.name
    newest = onnx.defs.onnx_opset_version()
    if model.ir_version > onnx.IR_VERSION:
        problems.append(
            findings.too_new(name, "ONNX format version", model.ir_version, onnx.IR_VERSION)
        )
    for opset in model.opset_import:
        if opset.domain not in _DEFAULT_DOMAINS:
            continue
        if opset.version < findings.MINIMUM_OPSET:
            problems.append(findings.opset_too_old(name, opset.version))
        elif opset.version > newest:
            problems.append(findings.too_new(name, "ONNX operator set", opset.version, newest))
    if problems:
        raise ModelError(problems)


# --- external data ------------------------------------------------------------------------------


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    folder = path.parent.resolve()
    for tensor in _tensors(model):
        if uses_external_data(tensor):
            _check_external_data(tensor, path, folder)
            load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]


def _check_external_data(tensor: onnx.TensorProto, path: Path, folder: Path) -> None:
    info = ExternalDataInfo(tensor)
    location = str(info.location)
    target = (folder / location).resolve()
    if Path(location).is_absolute() or not target.is_relative_to(folder):
        raise UsageError(findings.external_data_outside(path, tensor.name, location))
    if not target.is_file():
        reason = "there is no such file"
        raise UsageError(findings.external_data_missing(path, tensor.name, location, reason))
    end = int(info.offset or 0) + int(info.length or 0)
    size = target.stat().st_size
    if end > size:
        reason = f"the file has {size} bytes, {end} are needed"
        raise UsageError(findings.external_data_missing(path, tensor.name, location, reason))


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _node_tensors(node)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _graph_tensors(graph)


# --- operators that ONNX does not know ----------------------------------------------------------


def _set_unknown_operators_apart(model: onnx.ModelProto) -> None:
    """Move operators without a definition to a domain of their own.

    The checker stops at the first of them; they are findings about the model, reported together
    with all others.
    """
    version = next((o.version for o in model.opset_import if o.domain in _DEFAULT_DOMAINS), 0)
    local = {(f.domain, f.name) for f in model.functions}
    found = False
    for node in model.graph.node:
        if node.domain not in _DEFAULT_DOMAINS or (node.domain, node.op_type) in local:
            continue
        if not _is_defined(node.op_type, version):
            node.domain = UNKNOWN_DOMAIN
            found = True
    if found:
        model.opset_import.add(domain=UNKNOWN_DOMAIN, version=1)


def _is_defined(op_type: str, version: int) -> bool:
    try:
        return not onnx.defs.get_schema(op_type, version, "").deprecated
    except onnx.defs.SchemaError:
        return False
