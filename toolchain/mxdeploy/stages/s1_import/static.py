"""A checked ONNX message becomes a graph with static shapes and folded constants."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, RemoveUnusedNodesPass
from onnxscript.optimizer import fold_constants

from mxdeploy.errors import ModelError, UsageError
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.guards import graphs
from mxdeploy.stages.s1_import.joined_inputs import JoinedInputs, join_inputs
from mxdeploy.stages.s1_import.names import printable
from mxdeploy.stages.s1_import.node_view import Shape, static_shape
from mxdeploy.stages.s1_import.quantized_constants import fold_quantized_constants
from mxdeploy.stages.s1_import.rounded_pools import first_corrected, preset

_REAL_TYPES = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE)
"""Types of an input; onnxruntime is given the same."""

_FOLD_LIMIT = 1 << 22
"""Largest constant (elements) that is read or made by folding."""

_FOLD_TOTAL = 1 << 25
"""Most elements that all folding together makes."""

# fmt: off
_FOLDABLE = frozenset((
    "Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant",
    "ConstantOfShape", "Div", "Equal", "Exp", "Expand", "Flatten", "Floor", "Gather", "Greater",
    "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "Max", "Min", "Mod", "Mul", "Neg",
    "Not", "Or", "Pow", "Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Round", "Shape",
    "Sigmoid", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile",
    "Transpose", "Unsqueeze", "Where",
))
"""Operators evaluated at import when all their inputs are constant."""

_NEVER_GROWING = frozenset((
    "Cast", "Flatten", "Identity", "Reshape", "Shape", "Size", "Slice", "Squeeze", "Transpose",
    "Unsqueeze",
))
# fmt: on
"""Operators whose output is never larger than their first input, or tiny."""

_ON_INTEGERS = ("ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QGemm")
"""Operators of quantized models that are not called QLinear...; some are onnxruntime's own."""

_DAMAGE = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
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
        joined: the model's own inputs, where it has several that are joined in ``source``.
        batch: the batch size that the shapes contain.
        single: the file itself says that the batch is 1.
        opset: version of ONNX's own operators.
        nodes: name and operator of every node of the model, before anything was folded.
    """

    model: ir.Model
    source: ir.Value
    joined: JoinedInputs | None
    batch: int
    single: bool
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
    """The static graph; inferred again where poolings turn out to have fewer windows."""
    _forget_shapes(proto)
    known: dict[str, Shape] = {}
    while True:
        graph = _inferred(proto, known)
        corrected = first_corrected(graph.model.graph)
        if not corrected:
            return graph
        known |= corrected


def _inferred(proto: onnx.ModelProto, known: Mapping[str, Shape]) -> StaticGraph:
    """The static graph, with shapes of values that are ``known`` better than inferred."""
    model_name = printable(proto.graph.name) or "model"
    model = ir.from_proto(proto)
    if proto.functions:
        InlinePass()(model)
    RemoveUnusedNodesPass()(model)
    _refuse_integer_operators(model, model_name)
    names = _name_nodes(model, frozenset(n.name for n in model.graph if n.name))
    nodes = tuple((n.name or "", n.op_type) for n in model.graph if n.op_type != "Constant")
    source, joined = _single_input(model, model_name)
    single = source.shape is not None and list(source.shape[:1]) == [1]
    batch = _fix_batch(source)
    preset(model.graph, known)
    _fold(model)
    _name_nodes(model, names)
    return StaticGraph(
        model=model,
        source=source,
        joined=joined,
        batch=batch,
        single=single,
        opset=model.opset_imports.get("", 0),
        nodes=nodes,
    )


def _fold(model: ir.Model) -> None:
    """Infer shapes and compute what depends on constants alone."""
    should_fold = _FoldLimits()
    for _ in range(2):  # folding may lead to weights that are stored as integers, and these on
        fold_constants(
            model,
            onnx_shape_inference=True,
            input_size_limit=_FOLD_LIMIT,
            output_size_limit=_FOLD_LIMIT,
            should_fold=should_fold,
        )
        fold_quantized_constants(model)
    RemoveUnusedNodesPass()(model)


def _refuse_integer_operators(model: ir.Model, model_name: str) -> None:
    """One finding for a model in the operator-oriented quantization format.

    Raises:
        ModelError: there are such operators.
    """
    found = [n for n in model.graph if n.op_type.startswith("QLinear") or n.op_type in _ON_INTEGERS]
    if found:
        counts = Counter(n.op_type for n in found)
        text = ", ".join(f"{count} {op_type}" for op_type, count in counts.items())
        first = printable(found[0].name or found[0].op_type)
        raise ModelError(findings.integer_operators(model_name, printable(text), first))


def _name_nodes(model: ir.Model, known: frozenset[str | None]) -> frozenset[str | None]:
    """Name nodes that have none of the ``known`` names; return all names."""
    for node in model.graph:
        if node.name not in known:
            node.name = f"{node.op_type}({node.outputs[0].name})"
    return frozenset(n.name for n in model.graph)


class _FoldLimits:
    """Decides whether a node on constants is computed: harmless operators, sizes with limits."""

    def __init__(self) -> None:
        self._left = _FOLD_TOTAL

    def __call__(self, node: ir.Node) -> bool:
        if node.domain != "" or node.op_type not in _FOLDABLE:
            return False
        constants = [v.const_value for v in node.inputs if v is not None]
        sizes = [c.size for c in constants if c is not None]
        shape = static_shape(node.outputs[0])
        if shape is not None:
            size = math.prod(shape)
        elif node.op_type in _NEVER_GROWING:
            size = max(sizes, default=1)
        else:
            return False
        if max(size, *sizes, 0) > _FOLD_LIMIT or size > self._left:
            return False
        self._left -= size
        return True


def _forget_shapes(proto: onnx.ModelProto) -> None:
    """Drop what the file says about shapes inside; it may be stale, or fixed to another batch.

    Shapes of operators that ONNX does not define cannot be inferred; what the file says is kept.
    """
    for function in proto.functions:
        del function.value_info[:]
    for graph in graphs(proto):
        known = {o for n in graph.node if n.domain != "" for o in n.output}
        known.update(i.name for i in graph.input)
        kept = [v for v in graph.value_info if v.name in known]
        del graph.value_info[:]
        graph.value_info.extend(kept)
        for output in graph.output:
            if output.name not in known and output.type.HasField("tensor_type"):
                output.type.tensor_type.ClearField("shape")


def _single_input(model: ir.Model, model_name: str) -> tuple[ir.Value, JoinedInputs | None]:
    """The input, and what it is made of if the model has several."""
    given = [v for v in model.graph.inputs if v.name not in model.graph.initializers]
    joined = join_inputs(model.graph, given)
    if joined is not None:
        return joined.value, joined
    used = [v for v in given if v.uses() or v in model.graph.outputs]
    if len(used) != 1:
        names = [printable(v.name or "") for v in used]
        raise ModelError(findings.input_count(model_name, names))
    return used[0], None


def _fix_batch(source: ir.Value) -> int:
    """Set a symbolic batch to 1; return the batch size."""
    name = printable(source.name or "")
    kind = source.type.dtype if isinstance(source.type, ir.TensorType) else None
    if kind not in _REAL_TYPES:
        name_of_kind = "no tensor" if kind is None else kind.name.lower()
        raise ModelError(findings.input_type(name, name_of_kind))
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
