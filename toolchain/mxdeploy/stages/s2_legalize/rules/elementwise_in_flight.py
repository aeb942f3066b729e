"""An addition is done by the convolution that alone reads it, on the way in: exact.

A 2-D convolution reads several operands at once and combines them before it convolves, at no cost
in layers; a 1-D convolution with one tap and a fully connected layer are 1x1 convolutions. What the
layer pools, it pools after combining (two operands at most), or before: averages of a sum are
sums of averages. On more than 64 channels only two operands in two passes are combined so.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node, Value
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Elementwise
from mxdeploy.ops.layer import Eltwise, EltwiseFunction, Kind, LayerSpec, PoolKind
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution with one operand that alone reads an Elementwise."""
    if not isinstance(node.op, LayerOp) or node.op.spec.eltwise is not None:
        return None
    source = graph.private_source(node)
    if source is None or not isinstance(source.op, Elementwise):
        return None
    if len({chip_map(graph.shape(name)) for name in source.inputs}) > 1:
        return None
    spec = _combining(node.op.spec, source.op.function, len(source.inputs))
    if spec is None or constraints.violated(constraints.ELTWISE, spec, ()):
        return None
    new = replace(
        node,
        op=replace(node.op, spec=spec, combined_clip=_bounds(graph.value(source.output))),
        inputs=source.inputs,
        origin=graph.origins(source, node),
    )
    return Edit(
        text=f"{source.name} is done by {node.name} while it reads its input",
        remove=(source, node),
        add=(new,),
        values=with_operand_ranges(graph, source),
    )


def _combining(spec: LayerSpec, function: str, operands: int) -> LayerSpec | None:
    """The layer with several operands; None when it is of no kind that combines."""
    one_tap = spec.kind is Kind.CONV1D and spec.kernel == (1, 1)
    vector = spec.kind is Kind.LINEAR and not spec.flatten
    if spec.kind is not Kind.CONV2D and not one_tap and not vector:
        return None
    first = (
        operands > limits.MAX_OPERANDS_POOL_LAST.value
        and spec.pool is not None
        and spec.pool.kind is PoolKind.AVERAGE
    )
    last = spec.pool is not None and not first
    eltwise = Eltwise(function=EltwiseFunction(function), pool_first=not last)
    return replace(spec, kind=Kind.CONV2D, eltwise=eltwise, operands=operands)


def _bounds(value: Value) -> tuple[float, float] | None:
    """Bounds of the combination: a Clip, or the range that is declared for it."""
    declared = value.declared
    if value.clip is not None or declared is None or declared.zero_point:
        return value.clip
    half = 1 << limits.DATA_BITS.value - 1
    return -half * declared.scale, (half - 1) * declared.scale


def with_operand_ranges(graph: Graph, node: Node) -> tuple[Value, ...]:
    """The operands of ``node`` with the range declared for their combination.

    All have one scale; it is theirs where they have none of their own.
    """
    declared = graph.value(node.output).declared
    values = [graph.value(name) for name in node.inputs]
    if declared is None:
        return ()
    return tuple(replace(v, declared=declared) for v in values if v.declared is None)


RULE = Rule(name="add-in-flight", exact=True, match=match)
