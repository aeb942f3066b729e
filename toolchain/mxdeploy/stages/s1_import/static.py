"""A checked ONNX message becomes a graph with static shapes and folded constants."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, RemoveUnusedNodesPass
from onnxscript.optimizer import fold_constants

from mxdeploy.errors import ModelError, UsageError
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.names import printable
from mxdeploy.stages.s1_import.node_view import static_shape
from mxdeploy.stages.s1_import.quantized_constants import fold_quantized_constants

MAX_NODES = 20_000
"""Nodes after expanding functions; a guard against files made to explode."""

_FOLD_LIMIT = 1 << 22
"""Largest constant (elements) that is read or made by folding."""

# fmt: off
_FOLDABLE = frozenset((
    "Abs", "Add", "And", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Equal",
    "Exp", "Expand", "Flatten", "Floor", "Gather", "Greater", "Identity", "Less", "Log", "Max",
    "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow", "Range", "Reciprocal", "ReduceMax",
    "ReduceMean", "ReduceProd", "ReduceSum", "Reshape", "Shape", "Size", "Slice", "Split", "Sqrt",
    "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
))
# fmt: on
"""Operators evaluated at import when all their inputs are constant."""

_GROWING = frozenset(("ConstantOfShape", "Expand", "Range"))
"""Operators whose output may be much larger than their inputs."""


_DAMAGE = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    onnx.checker.ValidationError,
)
"""What libraries raise on contents that are not consistent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticGraph:
    """The prepared model.

    Attributes:
        model: functions inlined, constants folded, every shape that can be known, known.
        source: the (single) input.
        batch: the batch size that the shapes contain.
        opset: version of ONNX's own operators.
        nodes: name and operator of every node of the model, before anything was folded.
    """

    model: ir.Model
    source: ir.Value
    batch: int
    opset: int
    nodes: tuple[tuple[str, str], ...]


def to_static_graph(proto: onnx.ModelProto, path: Path) -> StaticGraph:
    """Fix the batch, expand functions, fold constants and infer all shapes.

    Raises:
        UsageError: contents that pass the checker but are not consistent.
        ModelError: other than one input, dynamic input, functions without end.
    """
    try:
        with _quiet("onnxscript"), _quiet("onnx_ir"):
            return _prepare(proto)
    except _DAMAGE as error:
        reason = printable(" ".join(str(error).split()))
        raise UsageError(findings.inconsistent(path, reason)) from None


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep a library from writing to the terminal what is found and reported here anyway."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _prepare(proto: onnx.ModelProto) -> StaticGraph:
    model_name = printable(proto.graph.name) or "model"
    if proto.functions and _expanded_nodes(proto) > MAX_NODES:
        raise ModelError(findings.too_many_nodes(model_name, MAX_NODES))
    _forget_shapes(proto)
    model = ir.from_proto(proto)
    if proto.functions:
        InlinePass()(model)
    RemoveUnusedNodesPass()(model)
    names = _name_nodes(model, frozenset(n.name for n in model.graph if n.name))
    nodes = tuple((n.name or "", n.op_type) for n in model.graph if n.op_type != "Constant")
    source = _single_input(model, model_name)
    batch = _fix_batch(source)
    for _ in range(2):  # folding may lead to weights that are stored as integers, and these on
        fold_constants(
            model,
            onnx_shape_inference=True,
            input_size_limit=_FOLD_LIMIT,
            output_size_limit=_FOLD_LIMIT,
            should_fold=_should_fold,
        )
        fold_quantized_constants(model)
    RemoveUnusedNodesPass()(model)
    _name_nodes(model, names)
    return StaticGraph(
        model=model,
        source=source,
        batch=batch,
        opset=model.opset_imports.get("", 0),
        nodes=nodes,
    )


def _name_nodes(model: ir.Model, known: frozenset[str | None]) -> frozenset[str | None]:
    """Name nodes that have none of the ``known`` names; return all names."""
    for node in model.graph:
        if node.name not in known:
            node.name = f"{node.op_type}({node.outputs[0].name})"
    return frozenset(n.name for n in model.graph)


def _should_fold(node: ir.Node) -> bool:
    if node.domain != "" or node.op_type not in _FOLDABLE:
        return False
    sizes = [v.const_value.size for v in node.inputs if v is not None and v.const_value is not None]
    shape = static_shape(node.outputs[0])
    if shape is not None:
        sizes.append(math.prod(shape))
    elif node.op_type in _GROWING:
        return False
    return all(size <= _FOLD_LIMIT for size in sizes)


def _forget_shapes(proto: onnx.ModelProto) -> None:
    """Drop what the file says about shapes inside; it may be stale, or fixed to another batch.

    Shapes of operators that ONNX does not define cannot be inferred; what the file says is kept.
    """
    custom = {o for n in proto.graph.node if n.domain not in ("", "ai.onnx") for o in n.output}
    kept = [v for v in proto.graph.value_info if v.name in custom]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(kept)
    for output in proto.graph.output:
        if output.name not in custom and output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")


def _expanded_nodes(proto: onnx.ModelProto) -> int:
    bodies = {(f.domain, f.name): f.node for f in proto.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str], depth: int) -> int:
        if depth > len(bodies):
            return MAX_NODES + 1
        if key not in bodies:
            return 1
        if key not in sizes:
            total = 0
            for node in bodies[key]:
                total += size((node.domain, node.op_type), depth + 1)
                if total > MAX_NODES:
                    break
            sizes[key] = total
        return sizes[key]

    return sum(size((n.domain, n.op_type), 0) for n in proto.graph.node)


def _single_input(model: ir.Model, model_name: str) -> ir.Value:
    given = [v for v in model.graph.inputs if v.name not in model.graph.initializers]
    used = [v for v in given if v.uses() or v in model.graph.outputs]
    if len(used) != 1:
        names = [printable(v.name or "") for v in used]
        raise ModelError(findings.input_count(model_name, names))
    return used[0]


def _fix_batch(source: ir.Value) -> int:
    """Set a symbolic batch to 1; return the batch size."""
    name = printable(source.name or "")
    if source.shape is None or len(source.shape) == 0:
        raise ModelError(findings.shapeless_input(name))
    dims = list(source.shape)
    dynamic = [a for a, d in enumerate(dims) if a > 0 and not isinstance(d, int)]
    empty = [a for a, d in enumerate(dims) if isinstance(d, int) and d < 1]
    if dynamic or empty:
        text = [d if isinstance(d, int) else (d.value or "?") for d in dims]
        raise ModelError(findings.dynamic_input(name, text, dynamic or empty))
    batch = dims[0] if isinstance(dims[0], int) else 1
    source.shape = ir.Shape([batch, *dims[1:]])
    return batch
