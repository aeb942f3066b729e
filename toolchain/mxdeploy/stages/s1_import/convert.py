"""The prepared graph becomes a ``Network``: every ONNX node is read, all findings are collected."""

from __future__ import annotations

import math

import onnx
import onnx_ir as ir

from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.network import ModelNode, Network, Node, Rewrite, Value
from mxdeploy.ops.graph import Reshape, Unsupported
from mxdeploy.ops.tail import Result
from mxdeploy.stages.s1_import import findings
from mxdeploy.stages.s1_import.joined_inputs import JoinedInputs
from mxdeploy.stages.s1_import.names import NameTable, printable
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    UnknownShapeError,
    static_shape,
    without_batch,
)
from mxdeploy.stages.s1_import.operators import READERS
from mxdeploy.stages.s1_import.read import UNKNOWN_DOMAIN
from mxdeploy.stages.s1_import.static import StaticGraph

_INFERENCE_ERRORS = (
    onnx.shape_inference.InferenceError,
    onnx.checker.ValidationError,
    onnx.defs.SchemaError,
)


MAX_OPERATIONS = 1_000
"""Most nodes that are looked at: many times as many as the chip has layers."""

MAX_ELEMENTS, MAX_LENGTH = 1 << 26, 1 << 18
"""Most elements of a value, and most along an axis that is not its first: hundreds of times what
the chip works on, and little enough for what is computed about it."""

_DAMAGE = (ArithmeticError, IndexError, KeyError, TypeError, ValueError)
"""What attributes and constants of the wrong size or type lead to when a node is read."""


def convert_model(graph: StaticGraph, *, name: str, stem: str, digest: str) -> Network:
    """Read all nodes.

    Raises:
        ModelError: dynamic shapes, weights that are not finite, constant outputs; all of them.
    """
    return _Conversion(graph).run(_network_name(name, stem), digest)


def _network_name(name: str, stem: str) -> str:
    generic = ("", "graph", "main", "main_graph", "tf2onnx", "torch-jit-export", "torch_jit")
    return printable(stem if name in generic else name)


class _Conversion:
    """The state of one conversion."""

    def __init__(self, graph: StaticGraph) -> None:
        self.graph = graph
        self.node_names = NameTable()
        self.value_names = NameTable()
        self.renamed: dict[ir.Value, str] = {}
        self.values: list[Value] = []
        self.nodes: list[Node] = []
        self.model = {printable(name): printable(op_type) for name, op_type in graph.nodes}
        self.problems: list[Diagnostic] = []
        self.doubtful: set[ir.Value] = set()

    def run(self, name: str, digest: str) -> Network:
        source, joined = self.graph.source, self.graph.joined
        input_name = self.value_names.unique(source.name or "input")
        self.renamed[source] = input_name
        shape = (static_shape(source) or ())[1:]
        self.values.append(Value(name=input_name, shape=shape, origin=input_name))
        if _is_huge(shape):
            where = f"input {input_name}"
            raise ModelError(findings.too_many_elements(where, input_name, shape))
        nodes = [n for n in self.graph.model.graph if n.op_type != "Constant" or n.domain]
        if len(nodes) > MAX_OPERATIONS:
            raise ModelError(findings.too_many_operations(name, len(nodes), MAX_OPERATIONS))
        for node in nodes:
            self._convert(node)
        results = self._results()
        if self.problems:
            raise ModelError(self.problems)
        network = Network(
            name=name,
            values=tuple(self.values),
            inputs=(input_name,),
            outputs=tuple(dict.fromkeys(result.value for result in results)),
            results=results,
            parts=joined.parts if joined else (),
            rewrites=(_joining(joined),) if joined else (),
            nodes=tuple(self.nodes),
            model=tuple(ModelNode(name=name, op_type=op) for name, op in self.model.items()),
            source_digest=digest,
        )
        network.verify()
        return network

    def _results(self) -> tuple[Result, ...]:
        results: list[Result] = []
        names = NameTable()
        for output in self.graph.model.graph.outputs:
            if output in self.renamed:
                name = names.unique(output.name or "output")
                results.append(Result(name=name, value=self.renamed[output]))
            elif not self.problems:
                self.problems.append(findings.constant_output(printable(output.name or "")))
        return tuple(results)

    # --- one node -------------------------------------------------------------------------------

    def _convert(self, node: ir.Node) -> None:
        name = self.node_names.unique(node.name or node.op_type)
        self.model.setdefault(name, printable(node.op_type))  # folding may have made it
        view = NodeView(
            node=node,
            name=name,
            opset=self.graph.opset,
            batch=self.graph.batch,
            single=self.graph.single,
        )
        if not any(v in self.renamed for v in node.inputs if v is not None):
            self.problems.append(findings.constant_node(name, printable(node.op_type)))
            return
        if any(v in self.doubtful for v in node.inputs):
            self.doubtful.update(node.outputs)
        try:
            _check_sizes(view)
            reading = _read(view)
            self._check_shapes(view)
            self._emit(view, reading)
        except findings.FindingError as error:
            self.problems.append(error.diagnostic)
            self._unsupported(view, "")
        except NotReadableError as reason:
            self._unsupported(view, str(reason))

    def _emit(self, view: NodeView, reading: Reading) -> None:
        read = {view.node.inputs[i] for i in reading.inputs}
        if not read & self.doubtful and any(v in self.doubtful for v in view.node.inputs):
            raise NotReadableError("one of its operands comes from an operator that is not known")
        sources = tuple(self._source(view, i) for i in reading.inputs)
        chains = (reading.steps, *reading.further)
        for output, chain in zip(view.node.outputs, chains, strict=False):
            if output is view.node.outputs[0] or _is_used(output):
                self.renamed[output] = self._chain(view, output, chain, sources)

    def _chain(
        self, view: NodeView, output: ir.Value, steps: tuple[Step, ...], sources: tuple[str, ...]
    ) -> str:
        """Append ``steps``, which lead from ``sources`` to ``output``; the name of the result."""
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            suffix = "" if last else f".{type(step.op).__name__.lower()}"
            value = self.value_names.unique((output.name or view.name) + suffix)
            shape = self._known_shape(output) if step.shape is None else step.shape
            self.values.append(Value(name=value, shape=shape, origin=view.name))
            first = output is view.node.outputs[0]
            name = view.name if last and first else self.node_names.unique(view.name + suffix)
            self.nodes.append(
                Node(name=name, op=step.op, inputs=sources, output=value, origin=(view.name,))
            )
            sources = (value,)
        return sources[0]

    def _source(self, view: NodeView, index: int) -> str:
        value = view.node.inputs[index]
        if value is None or value not in self.renamed:
            raise NotReadableError("an operand that is not computed from the input")
        return self.renamed[value]

    def _unsupported(self, view: NodeView, detail: str) -> None:
        """Keep the node for legalization to refuse; every output it has is a value of its own."""
        sources = [self.renamed.get(v) for v in view.node.inputs if v is not None]
        known = tuple(s for s in sources if s is not None)
        op_type = view.node.op_type
        if view.node.domain not in ("", UNKNOWN_DOMAIN):
            op_type = f"{view.node.domain}.{op_type}"
        op = Unsupported(op_type=printable(op_type), detail=printable(detail))
        self.doubtful.update(view.node.outputs)
        for number, output in enumerate(view.node.outputs):
            if number and not _is_used(output):
                continue
            value = self.value_names.unique(output.name or view.name)
            shape = self._known_shape(output)
            self.values.append(Value(name=value, shape=shape, origin=view.name))
            name = view.name if number == 0 else self.node_names.unique(view.name)
            self.nodes.append(
                Node(name=name, op=op, inputs=known, output=value, origin=(view.name,))
            )
            self.renamed[output] = value

    def _known_shape(self, value: ir.Value) -> tuple[int, ...]:
        """The shape without batch; empty when it is not known."""
        return without_batch(value, self.graph.batch, single=self.graph.single) or ()

    # --- shapes ---------------------------------------------------------------------------------

    def _check_shapes(self, view: NodeView) -> None:
        """Shapes around a node.

        Raises:
            FindingError: a shape is dynamic, inconsistent, or without the batch axis.
        """
        node, name = view.node, view.name
        output = node.outputs[0]
        if output in self.doubtful or node.op_type not in READERS or not _is_standard(node):
            return  # the operator is the finding, or one in front of it
        label = printable(output.name or "")
        shape = static_shape(output)
        if shape is None:
            reason = _inference_error(node, self.graph.opset)
            if reason:
                raise findings.FindingError(findings.shapes_disagree(name, node.op_type, reason))
            raise findings.FindingError(findings.dynamic_value(name, node.op_type, label))
        if any(d < 1 for d in shape):
            raise findings.FindingError(findings.nothing_left(name, label, shape))
        if without_batch(output, self.graph.batch, single=self.graph.single) is None:
            raise findings.FindingError(findings.batch_lost(name, label, shape, self.graph.batch))


def _joining(joined: JoinedInputs) -> Rewrite:
    """The record of how inputs were joined."""
    parts = ", ".join(part.to_text() for part in joined.parts)
    text = f"one input in place of {len(joined.parts)}: {parts}"
    return Rewrite(rule="join-inputs", nodes=(joined.node,), text=text, exact=True)


def _read(view: NodeView) -> Reading:
    reader = READERS.get(view.node.op_type) if _is_standard(view.node) else None
    if reader is None:
        raise NotReadableError("")
    try:
        reading = reader(view)
    except UnknownShapeError:
        reading = Reading(inputs=view.computed()[:1], steps=(Step(op=Reshape(shape=())),))
    except _DAMAGE as error:
        raise view.disagree(printable(str(error))) from None
    further = [o for o in view.node.outputs[1 + len(reading.further) :] if _is_used(o)]
    if further:
        raise NotReadableError(f"{len(further) + 1} outputs in use")
    return reading


def _is_used(value: ir.Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _check_sizes(view: NodeView) -> None:
    """Refuse results, of operators of any kind, that are too large to think about.

    Raises:
        FindingError: there is one, and no operand is as large.
    """
    operands = [static_shape(v) for v in view.node.inputs]
    if any(_is_huge(shape[1:]) for shape in operands if shape is not None):
        return
    for output in view.node.outputs:
        shape = static_shape(output)
        if shape is not None and _is_huge(shape[1:]):
            label = printable(output.name or "")
            raise findings.FindingError(findings.too_many_elements(view.name, label, shape))


def _is_huge(shape: tuple[int, ...]) -> bool:
    return math.prod(shape) > MAX_ELEMENTS or any(n > MAX_LENGTH for n in shape[1:])


def _is_standard(node: ir.Node) -> bool:
    return node.domain == ""


def _inference_error(node: ir.Node, opset: int) -> str:
    """Why ONNX cannot infer the node's output; empty when it can."""
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
        types = {
            v.name or "": ir.serde.serialize_value(v).type for v in node.inputs if v is not None
        }
        data = {}
        for value in node.inputs:
            tensor = None if value is None else ir.convenience.get_const_tensor(value)
            if value is not None and tensor is not None:
                data[value.name or ""] = ir.serde.serialize_tensor(tensor)
        onnx.shape_inference.infer_node_outputs(schema, ir.to_proto(node), types, data)
    except _INFERENCE_ERRORS as error:
        return printable(" ".join(str(error).split()))
    return ""
