"""A constant factor and offset on the input that no layer can take over go to the host: exact.

An offset in front of a padded convolution, for example: the padding adds zeros after the offset,
and no bias does the same; or a mean image that is subtracted. The host applies the function to the
real numbers, before they are quantized.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops import head
from mxdeploy.ops.graph import Affine, PerElement
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine, or PerElement, that alone reads the input, in which the host has put no zeros yet."""
    op = node.op
    if not isinstance(op, Affine | PerElement) or node.inputs[0] not in graph.network.inputs:
        return None
    if any(isinstance(step, head.Pad | head.ShiftedCopies) for step in graph.network.head):
        return None
    value = graph.value(node.inputs[0])
    if graph.only_reader(value.name) is not node or not graph.readers(node.output):
        return None
    steps: list[head.HeadOp] = [_step(node.name, op)]
    if value.clip is not None:
        steps.insert(0, head.Clip(origin=value.origin, low=value.clip[0], high=value.clip[1]))
    return Edit(
        text="is computed on the CPU, in front of the network",
        remove=(node,),
        values=(replace(value, declared=graph.value(node.output).declared, clip=None),),
        rename=((node.output, value.name),),
        head=tuple(steps),
    )


def _step(origin: str, op: Affine | PerElement) -> head.HeadOp:
    if isinstance(op, PerElement):
        return head.PerElement(origin=origin, scale=op.scale, offset=op.offset)
    return head.Affine(origin=origin, scale=op.scale, offset=op.offset)


RULE = Rule(name="host-affine", exact=True, match=match)
