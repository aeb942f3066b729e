"""From a path to a checked ONNX message: the file, its external data, the ONNX checker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.names import printable

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
    _load_tensors(model, path)
    _check_versions(model, path)
    _check_input_shapes(model)
    _set_unknown_operators_apart(model)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split("==>")[0].split())
        raise UsageError(findings.breaks_onnx_rules(path, reason)) from None
    return model, hashlib.sha256(content).hexdigest()


def _read_file(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(findings.file_missing(path)) from None
    except (OSError, ValueError) as error:
        if isinstance(error, IsADirectoryError) or _is_directory(path):
            raise UsageError(findings.file_is_directory(path)) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(findings.file_unreadable(path, reason)) from None
    if not content:
        raise UsageError(findings.file_empty(path))
    return content


def _is_directory(path: Path) -> bool:
    """Whether ``path`` is a folder; False when the system will not even look."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


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


def _check_input_shapes(model: onnx.ModelProto) -> None:
    """Find inputs without shape before the checker does: they are a matter of the export."""
    constant = {t.name for t in model.graph.initializer}
    problems = [
        findings.shapeless_input(printable(i.name))
        for i in model.graph.input
        if i.name not in constant
        and i.type.HasField("tensor_type")
        and not i.type.tensor_type.HasField("shape")
    ]
    if problems:
        raise ModelError(problems)


# --- external data ------------------------------------------------------------------------------


def _load_tensors(model: onnx.ModelProto, path: Path) -> None:
    """Read data stored outside, and make sure that every tensor has the bytes its shape needs."""
    folder = path.parent.resolve()
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.raw_data = _external_data(tensor, path, folder)
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
        try:
            onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(
                findings.tensor_damaged(path, printable(tensor.name), str(error))
            ) from None


def _external_data(tensor: onnx.TensorProto, path: Path, folder: Path) -> bytes:
    """The bytes of a tensor in a file of its own, which must lie inside ``folder``."""
    entries = {e.key: e.value for e in tensor.external_data}
    location, name = printable(entries.get("location", "")), printable(tensor.name)
    target = (folder / location).resolve()
    if Path(location).is_absolute() or not target.is_relative_to(folder):
        raise UsageError(findings.external_data_outside(path, name, location))
    try:
        offset = int(entries.get("offset", "0"))
        size = target.stat().st_size if target.is_file() else -1
        length = int(entries.get("length", str(size - offset)))
    except (ValueError, OSError) as error:
        raise UsageError(findings.external_data_missing(path, name, location, str(error))) from None
    if size < 0:
        reason = "there is no such file"
        raise UsageError(findings.external_data_missing(path, name, location, reason))
    if offset < 0 or length < 0 or offset + length > size:
        reason = f"the file has {size} bytes, {length} from byte {offset} are wanted"
        raise UsageError(findings.external_data_missing(path, name, location, reason))
    with target.open("rb") as file:
        file.seek(offset)
        return file.read(length)


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


def _is_defined(op_type: str | bytes, version: int) -> bool:
    if isinstance(op_type, bytes):  # not UTF-8; the checker will say so
        return True
    try:
        return not onnx.defs.get_schema(op_type, version, "").deprecated
    except onnx.defs.SchemaError:
        return False
