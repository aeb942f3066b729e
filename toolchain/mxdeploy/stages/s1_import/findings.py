"""What can be wrong with an ONNX file: one function per finding, each with its own code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mxdeploy import text
from mxdeploy.chip.max78000.limits import MAX_DIMENSION, MAX_LAYERS
from mxdeploy.chip.max78000.memories import TOTAL_KERNEL_BYTES
from mxdeploy.errors import Diagnostic

MINIMUM_OPSET = 11
"""Oldest version of the ONNX operator set that is read."""

_EXPORT = "export the model again, e.g. with torch.onnx.export"


class FindingError(Exception):
    """A finding about one node, raised inside import and collected with the others."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        """Carry the diagnostic."""
        self.diagnostic = diagnostic
        super().__init__(diagnostic.to_text())


def file_missing(path: Path) -> Diagnostic:
    """No such file."""
    return Diagnostic(
        code="MX1001",
        where=str(path),
        what="there is no such file",
        fix="give the path of an .onnx file",
    )


def file_is_directory(path: Path) -> Diagnostic:
    """A folder instead of a file."""
    return Diagnostic(
        code="MX1002",
        where=str(path),
        what="this is a directory, not an ONNX file",
        fix="give the path of the .onnx file inside it",
    )


def file_empty(path: Path) -> Diagnostic:
    """Zero bytes."""
    return Diagnostic(
        code="MX1003",
        where=str(path),
        what="the file is empty (0 bytes)",
        fix=f"{_EXPORT}; an export that failed half way leaves such a file",
    )


def file_unreadable(path: Path, reason: str) -> Diagnostic:
    """The operating system refuses."""
    return Diagnostic(
        code="MX1004",
        where=str(path),
        what=f"the file cannot be read: {reason}",
        fix="check the permissions of the file",
    )


def not_onnx(path: Path, size: int) -> Diagnostic:
    """The bytes are no ONNX model."""
    return Diagnostic(
        code="MX1005",
        where=str(path),
        what=f"these {size} bytes are not an ONNX model, or the file is truncated",
        why="an ONNX file is one protocol-buffer message of type ModelProto",
        fix=f"{_EXPORT}; a PyTorch checkpoint or a TensorFlow Lite file must be exported first",
    )


def breaks_onnx_rules(path: Path, reason: str) -> Diagnostic:
    """The ONNX checker refuses the model."""
    return Diagnostic(
        code="MX1006",
        where=str(path),
        what=f"the model breaks the rules of ONNX: {reason}",
        fix=f"{_EXPORT}; onnx.checker.check_model shows the same finding",
    )


def external_data_outside(path: Path, tensor: str, location: str) -> Diagnostic:
    """A tensor that wants to be read from elsewhere."""
    return Diagnostic(
        code="MX1007",
        where=str(path),
        what=f"the data of tensor {tensor!r} lie outside the model's folder: {location!r}",
        why="data outside the folder of the model are never read",
        fix="store the data beside the model (onnx.save_model with save_as_external_data=True)",
    )


def external_data_missing(path: Path, tensor: str, location: str, reason: str) -> Diagnostic:
    """A tensor whose data file is missing or too short."""
    return Diagnostic(
        code="MX1008",
        where=str(path),
        what=f"the data of tensor {tensor!r} in {location!r} cannot be read: {reason}",
        fix="copy the data file together with the .onnx file",
    )


def tensor_damaged(path: Path, tensor: str, reason: str) -> Diagnostic:
    """A tensor whose bytes do not agree with its shape."""
    return Diagnostic(
        code="MX1009",
        where=str(path),
        what=f"tensor {tensor!r} is damaged: {reason}",
        fix=_EXPORT,
    )


def too_large(path: Path, limit: int) -> Diagnostic:
    """More bytes than are read."""
    return Diagnostic(
        code="MX1013",
        where=str(path),
        what=f"the model, with its data in other files, is larger than {limit >> 20} MiB",
        why=f"the chip's kernel memory holds {TOTAL_KERNEL_BYTES:,} bytes; "
        "larger files are not read",
        fix="use a network for microcontrollers",
    )


def sparse_tensors(model: str) -> Diagnostic:
    """Weights stored as positions and values."""
    return Diagnostic(
        code="MX1014",
        where=model,
        what="the model contains sparse tensors",
        why="the chip multiplies with every weight; only dense tensors are read",
        fix="export the weights as ordinary tensors",
    )


def not_text(path: Path) -> Diagnostic:
    """Names that are not UTF-8."""
    return Diagnostic(
        code="MX1015",
        where=str(path),
        what="names in the model are not UTF-8 text",
        why="an ONNX file stores all names so; a damaged file may not",
        fix=_EXPORT,
    )


def inconsistent(path: Path, reason: str) -> Diagnostic:
    """Contents that the checker accepts and that make no sense."""
    return Diagnostic(
        code="MX1012",
        where=str(path),
        what=f"the model cannot be prepared: {reason}",
        fix=_EXPORT,
    )


def opset_too_old(model: str, version: int) -> Diagnostic:
    """An operator set older than what is read."""
    return Diagnostic(
        code="MX1010",
        where=model,
        what=f"the model uses ONNX operator set {version}",
        why=f"operator sets from {MINIMUM_OPSET} on are read",
        fix="export again with a newer opset_version, or use onnx.version_converter",
    )


def too_new(model: str, what: str, found: int, known: int) -> Diagnostic:
    """A version that the installed onnx package does not know."""
    return Diagnostic(
        code="MX1011",
        where=model,
        what=f"the model uses {what} {found}",
        why=f"the installed onnx package knows versions up to {known}",
        fix="update the onnx package, or export again with a lower version",
    )


def dynamic_input(name: str, shape: Sequence[object], axes: Sequence[int]) -> Diagnostic:
    """An input with a dimension, other than the batch, that is not fixed."""
    text = ", ".join(str(d) for d in shape)
    return Diagnostic(
        code="MX1020",
        where=f"input {name}",
        what=f"its shape [{text}] is dynamic in axis {', '.join(str(a) for a in axes)}",
        why="memories are laid out at build time: every dimension but the batch must be fixed",
        fix="export with fixed sizes (only axis 0 in dynamic_axes or dynamic_shapes), or set them: "
        "onnx.tools.update_model_dims.update_inputs_outputs_dims",
    )


def shapeless_input(name: str) -> Diagnostic:
    """An input of unknown rank, or without any axis."""
    return Diagnostic(
        code="MX1021",
        where=f"input {name}",
        what="its shape is not given, or has no axis for the batch",
        why="memories are laid out at build time: the model must say how large its input is",
        fix="export with an example input, batch axis first",
    )


def shapes_disagree(node: str, op_type: str, reason: str) -> Diagnostic:
    """Shape inference refuses a node."""
    return Diagnostic(
        code="MX1022",
        where=node,
        what=f"the shapes around this {op_type} do not agree: {reason}",
        why="shapes are computed anew from the input's shape with the batch taken as given",
        fix="if a Reshape contains a fixed batch size, export with that batch size or with -1",
    )


def dynamic_value(node: str, op_type: str, value: str) -> Diagnostic:
    """A value whose size is known only while the network runs."""
    return Diagnostic(
        code="MX1023",
        where=node,
        what=f"the size of {value!r}, the output of this {op_type}, is dynamic",
        why="memories are laid out at build time: every dimension but the batch must be fixed",
        fix="compute the size at export time (constants instead of shapes taken from data)",
    )


def batch_lost(node: str, value: str, shape: Sequence[int], batch: int) -> Diagnostic:
    """A value whose first axis is not the batch."""
    return Diagnostic(
        code="MX1024",
        where=node,
        what=f"{value!r} has shape {list(shape)}, whose first axis is not the batch of {batch}",
        why="the batch stays the first axis of every value; one input is computed at a time",
        fix="keep axis 0 out of Reshape, Squeeze and Transpose (squeeze(-1), flatten(1)), and "
        "export with batch size 1",
    )


def not_finite(node: str, tensor: str, nans: int, infinities: int) -> Diagnostic:
    """Weights that are not numbers."""
    kinds = {"NaN": nans, "infinite value": infinities}
    parts = [text.count(number, kind) for kind, number in kinds.items() if number]
    return Diagnostic(
        code="MX1030",
        where=node,
        what=f"tensor {tensor!r} contains {' and '.join(parts)}",
        why="weights must be finite numbers",
        fix="train again (a lower learning rate, gradient clipping), or mend the tensor",
    )


def too_big(node: str, tensor: str, largest: float, limit: float) -> Diagnostic:
    """Weights that no training leaves behind."""
    return Diagnostic(
        code="MX1032",
        where=node,
        what=f"tensor {tensor!r} contains values up to {largest:.3g}",
        why=f"numbers beyond {limit:.3g} overflow in what is computed with them",
        fix="train again (a lower learning rate, gradient clipping), or mend the tensor",
    )


def input_count(model: str, names: Sequence[str]) -> Diagnostic:
    """Other than exactly one input, and not just joined by a Concat."""
    found = f"{len(names)} inputs ({', '.join(names)})" if names else "no input that is used"
    return Diagnostic(
        code="MX1040",
        where=model,
        what=f"the model has {found}",
        why="a network reads exactly one input, or several that one Concat joins at once",
        fix="concatenate all inputs (of one size, along the channels) before anything else is done "
        "with them, or make the others constant",
    )


def constant_output(name: str) -> Diagnostic:
    """An output that does not depend on the input."""
    return Diagnostic(
        code="MX1041",
        where=f"output {name}",
        what="it does not depend on the input",
        why="a constant needs no accelerator",
        fix="remove this output from the model",
    )


def constant_node(node: str, op_type: str) -> Diagnostic:
    """A node that works on constants and is not computed at import."""
    return Diagnostic(
        code="MX1043",
        where=node,
        what=f"this {op_type} works on constants only and was not computed by the exporter",
        why="constants are computed at import by a list of small, harmless operators only",
        fix="let the exporter fold constants (do_constant_folding=True, or onnxsim)",
    )


def too_many_nodes(model: str, limit: int) -> Diagnostic:
    """A graph, or functions that expand, without end."""
    return Diagnostic(
        code="MX1042",
        where=model,
        what=f"the model has more than {limit} nodes, those of its functions included",
        why=MAX_LAYERS.text,
        fix="use a network for microcontrollers",
    )


def too_many_operations(model: str, count: int, limit: int) -> Diagnostic:
    """More operations on values than a network for the chip can have."""
    return Diagnostic(
        code="MX1045",
        where=model,
        what=f"{count} operations depend on the input; more than {limit} are not looked at",
        why=MAX_LAYERS.text,
        fix="use a network for microcontrollers",
    )


def endless_functions(model: str, name: str) -> Diagnostic:
    """A function that calls itself, or too deep a chain of functions."""
    return Diagnostic(
        code="MX1046",
        where=model,
        what=f"its function {name!r} calls itself, or functions in too many steps",
        why="functions are put in where they are called",
        fix="export without model-local functions",
    )


def nothing_left(node: str, value: str, shape: Sequence[int]) -> Diagnostic:
    """A value without elements."""
    return Diagnostic(
        code="MX1025",
        where=node,
        what=f"{value!r} has shape {list(shape)} and with it no elements",
        why="shapes are computed anew from the input's shape",
        fix="use a larger input, smaller kernels or more padding",
    )


def too_many_elements(where: str, value: str, shape: Sequence[int]) -> Diagnostic:
    """A value far larger than anything the chip works on."""
    return Diagnostic(
        code="MX1026",
        where=where,
        what=f"{value!r} has shape {list(shape)}; values that large are not looked at",
        why=MAX_DIMENSION.text,
        fix="use a smaller input, or strides and poolings in front",
    )


def weight_type(node: str, tensor: str, kind: str) -> Diagnostic:
    """Weights that are no real numbers."""
    return Diagnostic(
        code="MX1031",
        where=node,
        what=f"tensor {tensor!r} has type {kind}",
        why="weights are real numbers, or integers behind a DequantizeLinear",
        fix=_EXPORT,
    )


def integer_operators(model: str, operators: str, first: str) -> Diagnostic:
    """A model that computes with integers itself."""
    return Diagnostic(
        code="MX1047",
        where=model,
        what=f"it contains operators on integers: {operators}; the first is {first!r}",
        why="quantized models are read as real operators between QuantizeLinear and "
        "DequantizeLinear; the integer arithmetic is the chip's own",
        fix="give the float model, or quantize with quant_format=QuantFormat.QDQ "
        "(onnxruntime.quantization.quantize_static)",
    )


def input_type(name: str, kind: str) -> Diagnostic:
    """An input that is not a tensor of real numbers."""
    return Diagnostic(
        code="MX1044",
        where=f"input {name}",
        what=f"it has type {kind}",
        why="a network is given real numbers; how they become 8-bit data is decided at build time",
        fix="export with a float32 input and without the conversion behind it (a pixel 0..255 "
        "stays 0.0..255.0)",
    )
