"""Poolings axis by axis, and edits that several pooling rules share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import Pad, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape

_SEQUENCE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a pooling does along one axis.

    Attributes:
        length: rows (or columns) of the map.
        outputs: rows (or columns) of the result.
        size: elements of a window.
        stride: distance of windows.
        dilation: distance of the elements of a window.
        begin: padding in front of the map.
        end: padding behind it.
    """

    length: int
    outputs: int
    size: int
    stride: int
    dilation: int
    begin: int
    end: int

    @property
    def span(self) -> int:
        """From the first to the last element of a window."""
        return (self.size - 1) * self.dilation + 1

    @property
    def reach(self) -> int:
        """From the start of the first window to the end of the last one."""
        return (self.outputs - 1) * self.stride + self.span

    def counted(self, index: int, begin: int, end: int) -> int:
        """Elements of window ``index`` on the map or in ``begin`` and ``end`` of the padding."""
        first = index * self.stride - self.begin
        places = range(first, first + self.span, self.dilation)
        return sum(-begin <= place < self.length + end for place in places)


def windows(graph: Graph, node: Node) -> tuple[Window, ...] | None:
    """The axes of a pooling; None when it is none, or its shapes are not known.

    Nor are there any when a window sees nothing but padding.
    """
    op = node.op
    if not isinstance(op, Pooling):
        return None
    shape, outputs = graph.shape(node.inputs[0]), graph.shape(node.output)[1:]
    if len(shape) != len(op.size) + 1 or len(outputs) != len(op.size):
        return None
    found = tuple(replace(a, outputs=n) for a, n in zip(axes_of(op, shape), outputs, strict=True))
    ends = [(a, i) for a in found for i in (0, a.outputs - 1)]
    return found if all(a.counted(i, 0, 0) for a, i in ends) else None


def axes_of(op: Pooling, shape: Shape) -> tuple[Window, ...]:
    """The axes of a pooling of a value of ``shape``, full windows only."""
    axes = len(op.size)
    dilations = op.dilations or (1,) * axes
    found: list[Window] = []
    for i, length in enumerate(shape[1:]):
        begin, end = op.pads[i], op.pads[axes + i]
        span = (op.size[i] - 1) * dilations[i] + 1
        found.append(
            Window(
                length=length,
                outputs=(begin + length + end - span) // op.strides[i] + 1,
                size=op.size[i],
                stride=op.strides[i],
                dilation=dilations[i],
                begin=begin,
                end=end,
            )
        )
    return tuple(found)


def reshaped(op: Pooling, axes: tuple[Window, ...], *, ceil_mode: bool = False) -> Pooling:
    """``op`` with the windows ``axes``."""
    return replace(
        op,
        size=tuple(a.size for a in axes),
        strides=tuple(a.stride for a in axes),
        dilations=tuple(a.dilation for a in axes),
        pads=(*(a.begin for a in axes), *(a.end for a in axes)),
        ceil_mode=ceil_mode,
    )


def zero_padding(axes: tuple[Window, ...]) -> tuple[int, ...]:
    """Zeros around a map (begins, then ends) with which its pooling needs no padding.

    Behind the last window there may be more or less than needed (less than nothing: rows are cut
    off), as long as the number of windows stays. In a plane an even number of rows is preferred: a
    layer can add that.
    """
    ends: list[int] = []
    for axis in axes:
        least = axis.reach - axis.begin - axis.length
        possible = range(least, least + axis.stride)
        some = [e for e in (max(least, 0), *possible) if e in possible]
        even = [e for e in some if (axis.begin + e) % 2 == 0]
        ends.append((even if even and len(axes) > _SEQUENCE else some)[0])
    return (*(a.begin for a in axes), *ends)


def pad_edit(graph: Graph, node: Node, text: str) -> Edit | None:
    """Zeros are put around the map that ``node`` pools; the pooling has no padding then."""
    axes, op = windows(graph, node), node.op
    if axes is None or not isinstance(op, Pooling):
        return None
    pads = zero_padding(axes)
    begins, ends = pads[: len(axes)], pads[len(axes) :]
    size = tuple(a.length + b + e for a, b, e in zip(axes, begins, ends, strict=True))
    padded = Value(
        name=graph.new_name(f"{node.output}.padded"),
        shape=(graph.shape(node.output)[0], *size),
        origin=node.name,
    )
    pad = replace(
        node,
        name=graph.new_node_name(f"{node.name}.pad"),
        op=Pad(pads=(0, *begins, 0, *ends), value=0.0),
        output=padded.name,
    )
    bare = replace(op, pads=(0,) * len(pads))
    return Edit(
        text=text,
        remove=(node,),
        add=(pad, replace(node, op=bare, inputs=(padded.name,))),
        values=(padded,),
    )
