"""From a path to a checked ONNX message: the file, its external data, the ONNX checker."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.guards import check_extent, graphs, nested_nodes
from mxdeploy.stages.s1_import.names import printable
from mxdeploy.stages.s1_import.tensors import MAX_BYTES, load_tensors

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
    if not _is_text(model):
        raise UsageError(findings.not_text(path))
    check_extent(model, path.name)
    _use_one_name_for_onnx(model)
    del model.training_info[:]
    load_tensors(model, path)
    _check_versions(model, path)
    _check_input_shapes(model)
    _set_unknown_operators_apart(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split("==>")[0].split())
        raise UsageError(findings.breaks_onnx_rules(path, reason)) from None
    return model, hashlib.sha256(content).hexdigest()


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(findings.file_missing(path)) from None
    except (OSError, ValueError) as error:
        if isinstance(error, IsADirectoryError) or _is_directory(path):
            raise UsageError(findings.file_is_directory(path)) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(findings.file_unreadable(path, reason)) from None
    if not content:
        raise UsageError(findings.file_empty(path))
    if len(content) > MAX_BYTES:
        raise UsageError(findings.too_large(path, MAX_BYTES))
    return content


def _is_text(message: Message) -> bool:
    """Whether all names are UTF-8; the library gives others as bytes."""
    for field, value in message.ListFields():
        items = value if field.is_repeated else (value,)
        if field.type == FieldDescriptor.TYPE_STRING:
            if any(isinstance(item, bytes) for item in items):
                return False
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not all(map(_is_text, items)):
            return False
    return True


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
        if opset.domain != "":
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


# --- operators that ONNX does not know ----------------------------------------------------------


def _use_one_name_for_onnx(model: onnx.ModelProto) -> None:
    """ONNX's own domain may be written in two ways, which libraries do not take for the same."""
    nodes = [n for graph in graphs(model) for n in graph.node]
    functions = [n for f in model.functions for n in nested_nodes(f.node)]
    imports = [*model.opset_import, *(o for f in model.functions for o in f.opset_import)]
    for item in (*nodes, *functions, *imports):
        if item.domain in _DEFAULT_DOMAINS:
            item.domain = ""


def _set_unknown_operators_apart(model: onnx.ModelProto) -> None:
    """Move operators without a definition to a domain of their own.

    The checker stops at the first of them; they are findings about the model, reported together
    with all others.
    """
    version = next((o.version for o in model.opset_import if o.domain == ""), 0)
    local = {(f.domain, f.name) for f in model.functions}
    found = False
    for node in model.graph.node:
        if node.domain != "" or (node.domain, node.op_type) in local:
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
