"""A matrix over a map too large to be flattened is a sum over groups of channels: exact.

Every group has a fully connected layer of its own. Their results are added element by element; each
is rounded to 8 bits before.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Elementwise, Linear, Reshape, Slice
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.flatten_fold import find_fold
from mxdeploy.stages.s2_legalize.sizes import flatten_fits


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear over a flattened map that does not fit, nor when folded, but does in parts."""
    op, view = node.op, graph.source(node)
    if not isinstance(op, Linear) or view is None or not isinstance(view.op, Reshape):
        return None
    source = view.inputs[0]
    place = chip_map(graph.shape(source))
    if len(graph.shape(node.inputs[0])) != 1 or place is None:
        return None
    size = _group(*place, op.weight.shape[0])
    return None if size is None else _edit(graph, node, view, size)


def _group(channels: int, rows: int, columns: int, outputs: int) -> int | None:
    """Channels of a group; None when there is nothing to split, or no way to."""
    if _is_possible(channels, rows, columns, outputs):
        return None
    for count in range(2, limits.MAX_OPERANDS.value + 1):
        size = -(-channels // count)
        if size < channels and _is_possible(size, rows, columns, outputs):
            return size
    return None


def _is_possible(channels: int, rows: int, columns: int, outputs: int) -> bool:
    fits = flatten_fits(channels, rows * columns, outputs)
    return fits or find_fold(channels, rows, columns, outputs) is not None


def _edit(graph: Graph, node: Node, view: Node, size: int) -> Edit | None:
    op, source = node.op, view.inputs[0]
    if not isinstance(op, Linear):
        return None
    shape, value = graph.shape(source), graph.value(node.output)
    pixels = op.weight.shape[1] // shape[0]
    nodes: list[Node] = []
    values: list[Value] = []

    def add(word: str, new: Slice | Reshape | Linear, read: str, shape: tuple[int, ...]) -> str:
        name = graph.new_name(f"{node.output}.{word}")
        values.append(Value(name=name, shape=shape, origin=node.name))
        label = graph.new_node_name(f"{node.name}.{word}")
        nodes.append(replace(node, name=label, op=new, inputs=(read,), output=name))
        return name

    sums: list[str] = []
    for number, start in enumerate(range(0, shape[0], size)):
        stop = min(start + size, shape[0])
        columns = op.weight.array[:, start * pixels : stop * pixels]
        part = Slice(axis=0, start=start, stop=stop)
        name = add(f"part{number}", part, source, (stop - start, *shape[1:]))
        flat = (columns.shape[1],)
        name = add(f"flat{number}", Reshape(shape=flat), name, flat)
        product = Linear(weight=Tensor(columns), bias=None if number else op.bias)
        sums.append(add(f"sum{number}", product, name, value.shape))
    total = replace(
        node, op=Elementwise(function="add"), inputs=tuple(sums), origin=graph.origins(view, node)
    )
    return Edit(
        text=f"is the sum of {len(sums)} matrices over {size} channels each",
        remove=(node,),
        add=(*nodes, total),
        values=tuple(values),
    )


RULE = Rule(name="split-flatten", exact=True, match=match)
