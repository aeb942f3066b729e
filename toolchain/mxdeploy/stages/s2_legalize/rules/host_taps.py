"""The host arranges the input for a convolution of another kind than the chip has: exact.

With stride s, blocks of s x s pixels become channels (space to depth), and the kernel, its weights
in another order, steps by one block: 1 / (s * s) of the pixels, for which the chip would have no
stride. Kernels that still are larger than 3x3 (1-D: nine taps) read shifted copies of the input,
which become channels as well. Padding that the chip has not got comes with the data.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv
from mxdeploy.stages.s2_legalize.arrange.axis import Prep
from mxdeploy.stages.s2_legalize.arrange.convolution import is_native, plan_of, task_of
from mxdeploy.stages.s2_legalize.arrange.edits import followed, plain_conv
from mxdeploy.stages.s2_legalize.arrange.input_side import (
    Arrangement,
    arranged_kernel,
    best_arrangement,
    head_steps,
)
from mxdeploy.stages.s2_legalize.arrange.possible import reads_input_alone
from mxdeploy.stages.s2_legalize.arrange.words import by, described
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution that alone reads the input, and that no layer computes as it is."""
    op, name = node.op, node.inputs[0]
    if not isinstance(op, Conv) or is_native(op) or not reads_input_alone(graph, node):
        return None
    task, known = task_of(graph, node), plan_of(graph, node)
    arrangement = None if task is None else best_arrangement(task.problem)
    if task is None or arrangement is None:
        return None
    if known is not None:
        _, plan = known
        alone = plan.prep is Prep.NONE and plan.outer == 1
        if alone or plan.cost.cycles < arrangement.cost.cycles:
            return None
    spec = arrangement.spec
    axes = len(op.strides)
    kernel = arranged_kernel(op.weight.array, task, arrangement)
    conv = plain_conv(kernel, spec.pad[:axes], op.bias)
    shape = spec.in_shape[: axes + 1]
    result = spec.out_shape[: axes + 1]
    values = (
        replace(graph.value(name), shape=shape),
        replace(graph.value(node.output), shape=result),
        *followed(graph, node, result),
    )
    return Edit(
        text=_text(op, arrangement),
        remove=(node,),
        add=(replace(node, op=conv),),
        values=values,
        head=head_steps(arrangement, node.name),
    )


def _text(op: Conv, arrangement: Arrangement) -> str:
    spec = arrangement.spec
    parts = []
    if arrangement.block != (1, 1):
        parts.append(f"blocks of {by(arrangement.block)} as channels")
    if arrangement.copies > 1:
        parts.append(f"{arrangement.copies} shifted copies as channels")
    how = " and ".join(parts) or "more zeros around it"
    return (
        f"{described(op)}: the host writes the input as {list(spec.in_shape)}, with {how}; kernel "
        f"{by(spec.kernel[: len(op.strides)])}"
    )


RULE = Rule(name="host-taps", exact=True, match=match)
