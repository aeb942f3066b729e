"""A transposed convolution with an odd number of rows or columns is computed with one more: exact.

The chip makes even numbers of both. The last row or column is cut off by what reads the map, or by
a layer that copies it. Functions of single elements are done before that.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import ConvTranspose, Pad
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of, task_of
from mxdeploy.stages.s2_legalize.arrange.plan import best_plan
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """ConvTranspose that can be computed only with a row or a column more."""
    op, task = node.op, task_of(graph, node)
    if not isinstance(op, ConvTranspose) or task is None or plan_of(graph, node) is not None:
        return None
    problem = task.problem
    odd = tuple(axis.least % axis.spread for axis in problem.axes)
    axes = tuple(
        replace(axis, least=axis.least + more, most=axis.least + more)
        for axis, more in zip(problem.axes, odd, strict=True)
    )
    if not any(odd) or best_plan(replace(problem, axes=axes)) is None:
        return None
    value = graph.value(node.output)
    large = replace(
        value,
        name=graph.new_name(f"{value.name}.even"),
        shape=(problem.outputs, *(axis.least for axis in axes)),
    )
    even = replace(
        op, output_padding=tuple(a + b for a, b in zip(op.output_padding, odd, strict=True))
    )
    cut = Pad(pads=(0,) * (len(odd) + 2) + tuple(-more for more in odd), value=0.0)
    return Edit(
        text=f"computed as {list(large.shape)}, of which the last row or column is cut off",
        remove=(node,),
        add=(
            replace(node, op=even, output=large.name),
            replace(
                node, name=graph.new_node_name(f"{node.name}.cut"), op=cut, inputs=(large.name,)
            ),
        ),
        values=(large,),
    )


RULE = Rule(name="transposed-odd", exact=True, match=match)
