"""The network between import, legalization and quantization.

After import, nodes carry the imported operators (``ops/graph.py``). After legalization every node
is one hardware layer (``LayerOp``) or a join (``Concat`` along axis 0, which costs nothing but
decides where its parts lie), between the steps left to the CPU (``head``, ``tail``). What the
mapping relies on in a legalized network:

* The parts of a join are distinct outputs of layers, or the network's input; never joins. All have
  the same rows and columns. A join is read by layers with weights and one operand only, and is no
  output of the network.
* An operand of an element-wise layer is the output of a layer, is read by that layer alone and
  once, and is no output of the network.
* A part of a join of more than one pass (``chip.max78000.joining``) is the output of a layer, is
  read by that join alone, and is no output of the network.
* 32-bit values are read by nobody but the host.

A copy (pass-through without pooling, or a 1x1 convolution with an identity matrix) is put in where
a value has several such roles.
"""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import GraphOp
from mxdeploy.ops.head import HeadOp, shape_before
from mxdeploy.ops.layer import LayerSpec
from mxdeploy.ops.tail import Result, TailStep, tail_lines, verify_tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is known about a value's 8-bit representation: real = (integer - zero_point) * scale.

    Comes from QuantizeLinear/DequantizeLinear pairs; ``exact`` ranges were declared by the model.
    """

    scale: float
    zero_point: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A tensor that flows through the network; shapes are without the batch dimension.

    Attributes:
        name: unique in the network.
        shape: static, without the batch dimension.
        origin: name of the ONNX node (or graph input) it came from.
        declared: 8-bit range declared by the model, if any.
        clip: (low, high) real bounds that the model itself imposes (Clip, ReLU6, Hardtanh).
    """

    name: str
    shape: tuple[int, ...]
    origin: str
    declared: Range | None = None
    clip: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOp:
    """One hardware layer with its float parameters.

    Attributes:
        spec: geometry and arithmetic.
        weight: float32, shape ``spec.weight_shape``; None for pass-through.
        bias: float32, shape (out_channels,); None when there is none.
        combined_clip: (low, high) real bounds that the model imposes on the combined operands of
            an element-wise layer that does more with them; their saturation to 8 bits does it.
    """

    spec: LayerSpec
    weight: Tensor | None = None
    bias: Tensor | None = None
    combined_clip: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation.

    Attributes:
        name: unique, printable; the ONNX node's name where there is one.
        op: imported operator, or hardware layer after legalization.
        inputs: names of the values read, in operand order.
        output: name of the value written.
        origin: names of all ONNX nodes that were merged into this one, in graph order.
    """

    name: str
    op: GraphOp | LayerOp
    inputs: tuple[str, ...]
    output: str
    origin: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNode:
    """A node of the user's model: its name, as in ``origin``, and its ONNX operator."""

    name: str
    op_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPart:
    """One of several inputs of the user's model, which lie one after the other in a single one.

    Attributes:
        name: in the model.
        place: its number among the model's inputs.
        axis: along which they lie, without the batch dimension.
        start: its first index along the axis.
        stop: the index behind its last one.
    """

    name: str
    place: int
    axis: int
    start: int
    stop: int

    def to_text(self) -> str:
        """In words, e.g. ``color in channels 1 to 3``."""
        last = self.stop - 1
        indices = f"{self.start}" if last == self.start else f"{self.start} to {last}"
        if self.axis:
            return f"{self.name} in {indices} of axis {self.axis}"
        return f"{self.name} in channel{'s' if last > self.start else ''} {indices}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One step of legalization, for the report: which rule did what to which ONNX nodes."""

    rule: str
    nodes: tuple[str, ...]
    text: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A directed acyclic graph in topological order.

    Attributes:
        name: the model's name (file stem when the model has none).
        values: all values, inputs included.
        inputs: names of the input values.
        outputs: names of the values that the host reads (before ``tail``), all different.
        nodes: in topological order.
        head: steps from the model's input to the (single) input value, done by the host.
        tail: steps behind the outputs, computed on the CPU, in order.
        results: the model's outputs, in its order; none: the outputs as they are.
        parts: the model's inputs where it has several, which are joined before anything else.
        model: the ONNX nodes that the network was read from, in the model's order, without
            constants.
        rewrites: what legalization did so far.
        source_digest: SHA-256 of the imported file, hexadecimal.
    """

    name: str
    values: tuple[Value, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    head: tuple[HeadOp, ...] = ()
    tail: tuple[TailStep, ...] = ()
    results: tuple[Result, ...] = ()
    parts: tuple[InputPart, ...] = ()
    model: tuple[ModelNode, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    source_digest: str = ""

    def value(self, name: str) -> Value:
        """The value called ``name``; KeyError when there is none."""
        for value in self.values:
            if value.name == name:
                return value
        raise KeyError(name)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the model's own input (before ``head``), without the batch dimension."""
        return shape_before(self.head, self.value(self.inputs[0]).shape)

    def producer(self, name: str) -> Node | None:
        """The node that writes value ``name``; None for inputs."""
        return next((n for n in self.nodes if n.output == name), None)

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read value ``name``, in order."""
        return tuple(n for n in self.nodes if name in n.inputs)

    def verify(self) -> None:
        """Check what must hold between stages.

        Raises:
            ValueError: a value is written twice, read before it is written, or unknown; or no input
                of the model gives the network's.
        """
        known = {v.name for v in self.values}
        if len(known) != len(self.values):
            raise ValueError(f"{self.name}: two values share a name")
        if self.head and len(self.inputs) != 1:
            raise ValueError(f"{self.name}: steps in front of {len(self.inputs)} inputs")
        shape_before(self.head, self.value(self.inputs[0]).shape)
        written = set(self.inputs)
        for node in self.nodes:
            missing = [i for i in node.inputs if i not in written]
            if missing:
                raise ValueError(
                    f"{self.name}: {node.name} reads {missing[0]} before it is written"
                )
            if node.output in written or node.output not in known:
                raise ValueError(f"{self.name}: {node.name} writes {node.output} wrongly")
            written.add(node.output)
        lost = [o for o in self.outputs if o not in written]
        if lost:
            raise ValueError(f"{self.name}: output {lost[0]} is never written")
        if len(set(self.outputs)) != len(self.outputs):
            raise ValueError(f"{self.name}: an output is named twice")
        verify_tail(self.tail, self.results, {o: self.value(o).shape for o in self.outputs})

    def to_text(self) -> str:
        """Stable text, one line per node."""
        lines = [f"network {self.name}"]
        lines += [f"  input {n} {list(self.value(n).shape)}" for n in self.inputs]
        lines += [f"  head {op}" for op in self.head]
        for node in self.nodes:
            shape = list(self.value(node.output).shape)
            kind = node.op.spec.to_text() if isinstance(node.op, LayerOp) else str(node.op)
            lines.append(f"  {node.output} {shape} = {kind} ({', '.join(node.inputs)})")
        lines += [f"  output {n}" for n in self.outputs]
        lines += tail_lines(self.tail, self.results)
        return "\n".join(lines) + "\n"
