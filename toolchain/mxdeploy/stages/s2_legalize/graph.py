"""A network with its indexes, and edits of it: what rewrite rules work with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from mxdeploy.ir.network import Network, Node, Range, Rewrite, Value
from mxdeploy.ops.graph import GraphOp, Reshape
from mxdeploy.ops.head import HeadOp, appended
from mxdeploy.ops.tail import TailStep

Shape = tuple[int, ...]
Map = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change to a network.

    Attributes:
        text: what was done, for the report.
        remove: nodes to take out.
        add: nodes put where the last removed node stood, in order.
        values: values that are new or have changed.
        rename: pairs (old, new): readers of ``old`` read ``new`` from now on.
        head: steps for the host, behind those that there are; ``values`` holds the network's input
            as they leave it.
        change: nodes that take the place of the node of their name.
    """

    text: str
    remove: tuple[Node, ...] = ()
    add: tuple[Node, ...] = ()
    values: tuple[Value, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    head: tuple[HeadOp, ...] = ()
    change: tuple[Node, ...] = ()


class Graph:
    """A network with dictionaries for what rules ask most."""

    def __init__(self, network: Network, order: dict[str, int] | None = None) -> None:
        """Index ``network``; ``order`` is the position of every ONNX node in the model."""
        self.network = network
        if order is None:
            order = {}
            for node in network.nodes:
                for name in node.origin:
                    order.setdefault(name, len(order))
        self._order = order
        self._values = {v.name: v for v in network.values}
        self._producers = {n.output: n for n in network.nodes}
        self._readers: dict[str, list[Node]] = {}
        for node in network.nodes:
            for name in dict.fromkeys(node.inputs):
                self._readers.setdefault(name, []).append(node)

    def value(self, name: str) -> Value:
        """The value called ``name``."""
        return self._values[name]

    def shape(self, name: str) -> Shape:
        """Shape of the value called ``name``; empty when it is not known."""
        return self._values[name].shape

    def producer(self, name: str) -> Node | None:
        """The node that writes ``name``; None for inputs."""
        return self._producers.get(name)

    def readers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read ``name``."""
        return tuple(self._readers.get(name, ()))

    def is_output(self, name: str) -> bool:
        """Whether ``name`` is an output of the network."""
        return name in self.network.outputs

    def only_reader(self, name: str) -> Node | None:
        """The node that alone reads ``name``; None when several do or it is an output."""
        readers = self.readers(name)
        return readers[0] if len(readers) == 1 and not self.is_output(name) else None

    def source(self, node: Node) -> Node | None:
        """The node that writes the first operand of ``node``."""
        return self.producer(node.inputs[0]) if node.inputs else None

    def private_source(self, node: Node) -> Node | None:
        """The node that writes the first operand of ``node``, if nobody else reads it."""
        source = self.source(node)
        return source if source is not None and self.only_reader(source.output) is node else None

    def origins(self, *nodes: Node) -> tuple[str, ...]:
        """Names of the ONNX nodes merged in ``nodes``, in the model's order."""
        names = {name for node in nodes for name in node.origin}
        return tuple(sorted(names, key=lambda n: (self._order.get(n, -1), n)))

    def new_name(self, wanted: str) -> str:
        """A value name that is not taken."""
        name, number = wanted, 1
        while name in self._values:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def new_node_name(self, wanted: str) -> str:
        """A node name that is not taken."""
        taken = {n.name for n in self.network.nodes}
        name, number = wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def beside(
        self,
        node: Node,
        word: str,
        op: GraphOp,
        inputs: tuple[str, ...],
        shape: Shape,
        *,
        declared: Range | None = None,
    ) -> tuple[Node, Value]:
        """A further node that does a share of the work of ``node``, and the value that it writes.

        Their names are new and end in ``word``, which must differ among the nodes of an edit.
        """
        value = Value(
            name=self.new_name(f"{node.output}.{word}"),
            shape=shape,
            origin=self.value(node.output).origin,
            declared=declared,
        )
        name = self.new_node_name(f"{node.name}.{word}")
        further = Node(name=name, op=op, inputs=inputs, output=value.name, origin=node.origin)
        return further, value

    def with_network(self, network: Network) -> Graph:
        """``network`` with the order of this graph's ONNX nodes."""
        return Graph(network, self._order)

    def apply(self, edit: Edit, rule: str, *, exact: bool) -> Graph:
        """The graph after ``edit``, with a record of it; what nobody reads is dropped."""
        origins = self.origins(*edit.remove, *edit.add, *edit.change)
        record = Rewrite(rule=rule, nodes=origins, text=edit.text, exact=exact)
        nodes = _renamed(_spliced(self.network.nodes, edit), dict(edit.rename))
        values = {**self._values, **{v.name: v for v in edit.values}}
        views = self._views(edit, values)
        names = {old: new for old, new in edit.rename if old not in {v.output for v in views}}
        outputs = tuple(dict.fromkeys(dict(edit.rename).get(o, o) for o in self.network.outputs))
        nodes = _alive(nodes, outputs)
        used = {*self.network.inputs, *outputs, *(n.output for n in nodes)}
        network = replace(
            self.network,
            nodes=nodes,
            outputs=outputs,
            values=tuple(v for v in values.values() if v.name in used),
            tail=(*views, *(_reading(step, names) for step in self.network.tail)),
            results=tuple(
                replace(r, value=names.get(r.value, r.value)) for r in self.network.results
            ),
            head=reduce(appended, edit.head, self.network.head),
            rewrites=(*self.network.rewrites, record),
        )
        return self.with_network(network)

    def _views(self, edit: Edit, values: Mapping[str, Value]) -> tuple[TailStep, ...]:
        """Outputs that now come from a value of another shape: they keep their own for the host."""
        shapes = {name: value.shape for name, value in values.items()}
        return tuple(
            TailStep(
                op=Reshape(shape=self.shape(old)),
                inputs=(new,),
                output=old,
                shape=self.shape(old),
                origin=self.value(old).origin,
            )
            for old, new in edit.rename
            if self.is_output(old) and shapes[new] != self.shape(old)
        )


def _reading(step: TailStep, names: Mapping[str, str]) -> TailStep:
    return replace(step, inputs=tuple(names.get(i, i) for i in step.inputs))


def _spliced(nodes: tuple[Node, ...], edit: Edit) -> tuple[Node, ...]:
    changed = {n.name: n for n in edit.change}
    nodes = tuple(changed.get(n.name, n) for n in nodes)
    if not edit.remove:
        return nodes
    removed = {n.name for n in edit.remove}
    last = max(i for i, n in enumerate(nodes) if n.name in removed)
    head = tuple(n for n in nodes[: last + 1] if n.name not in removed)
    return (*head, *edit.add, *nodes[last + 1 :])


def _renamed(nodes: Iterable[Node], names: dict[str, str]) -> tuple[Node, ...]:
    if not names:
        return tuple(nodes)
    return tuple(replace(n, inputs=tuple(names.get(i, i) for i in n.inputs)) for n in nodes)


def _alive(nodes: tuple[Node, ...], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    needed, alive = set(outputs), []
    for node in reversed(nodes):
        if node.output in needed:
            needed.update(node.inputs)
            alive.append(node)
    return tuple(reversed(alive))


def chip_map(shape: Shape) -> Map | None:
    """Channels, rows, columns of a value on the chip; None when it has no place there.

    Vectors are maps of one pixel, 1-D data have one column.
    """
    if not 1 <= len(shape) <= 3:  # noqa: PLR2004 - channels, rows, columns
        return None
    channels, rows, columns = (*shape, 1, 1)[:3]
    return channels, rows, columns
