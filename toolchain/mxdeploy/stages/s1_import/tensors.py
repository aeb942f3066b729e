"""The tensors of an ONNX message: data stored outside are read, and all have the bytes they need.

Nothing outside the model's folder is ever opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx

from mxdeploy.errors import UsageError
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.guards import graphs, nested_nodes
from mxdeploy.stages.s1_import.names import printable

MAX_BYTES = 1 << 26
"""Largest model that is read, its data in other files included: the weights that fit the chip, of
one bit each, are 14 MB as float32; up to several times as much, a model still gets its findings."""


def load_tensors(model: onnx.ModelProto, path: Path) -> None:
    """Read data stored outside, and make sure that every tensor has the bytes its shape needs.

    Raises:
        UsageError: data outside the folder, missing, too short or too large; a damaged tensor.
    """
    reader = _Reader(path)
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.raw_data = reader.read(tensor)
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
        _check(tensor, path)


def _check(tensor: onnx.TensorProto, path: Path) -> None:
    name = printable(tensor.name)
    if any(d < 0 for d in tensor.dims):
        reason = f"its shape is {list(tensor.dims)}"
        raise UsageError(findings.tensor_damaged(path, name, reason))
    if tensor.data_type in (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128):
        raise UsageError(findings.tensor_damaged(path, name, "it contains complex numbers"))
    try:
        onnx.numpy_helper.to_array(tensor)
    except (ArithmeticError, KeyError, MemoryError, TypeError, ValueError) as error:
        reason = printable(str(error)) or f"its shape is {list(tensor.dims)}"
        raise UsageError(findings.tensor_damaged(path, name, reason)) from None


class _Reader:
    """Reads what lies outside the file, up to a limit in all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent.resolve()
        self._left = MAX_BYTES

    def read(self, tensor: onnx.TensorProto) -> bytes:
        """The bytes of a tensor in a file of its own, which must lie inside the folder."""
        entries = {e.key: e.value for e in tensor.external_data}
        location, name = printable(entries.get("location", "")), printable(tensor.name)
        target = self._target(entries.get("location", ""), name, location)
        try:
            offset = int(entries.get("offset", "0"))
            size = target.stat().st_size if target.is_file() else -1
            length = int(entries.get("length", str(size - offset)))
        except (ValueError, OSError) as error:
            raise self._missing(name, location, str(error)) from None
        if size < 0:
            raise self._missing(name, location, "there is no such file")
        if offset < 0 or length < 0 or offset + length > size:
            reason = f"the file has {size} bytes, {length} from byte {offset} are wanted"
            raise self._missing(name, location, reason)
        self._left -= length
        if self._left < 0:
            raise UsageError(findings.too_large(self._path, MAX_BYTES))
        try:
            with target.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise self._missing(name, location, error.strerror or str(error)) from None

    def _target(self, given: str, name: str, location: str) -> Path:
        """The file, links followed."""
        try:
            target = (self._folder / given).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise self._missing(name, location, printable(str(error))) from None
        if Path(given).is_absolute() or not target.is_relative_to(self._folder):
            raise UsageError(findings.external_data_outside(self._path, name, location))
        return target

    def _missing(self, name: str, location: str, reason: str) -> UsageError:
        reason = printable(reason)
        return UsageError(findings.external_data_missing(self._path, name, location, reason))


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for graph in graphs(model):
        yield from graph.initializer
        for node in graph.node:
            yield from _attribute_tensors(node.attribute)
    for function in model.functions:
        yield from _attribute_tensors(function.attribute_proto)
        for node in nested_nodes(function.node):
            yield from _attribute_tensors(node.attribute)


def _attribute_tensors(attributes: Iterable[onnx.AttributeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in attributes:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
