"""Kernels and pooling windows that slide over rows and columns: attributes checked and resolved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mxdeploy.stages.s1_import.node_view import NodeView, NotReadableError, Shape

MAX_AXES = 2
"""Rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A sliding window, one number per axis; ``pads`` as in ONNX (all begins, then all ends)."""

    size: Shape
    strides: Shape
    dilations: Shape
    pads: Shape

    @property
    def reach(self) -> Shape:
        """Elements from the first to the last that the window sees."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.size, self.dilations, strict=True))


def read_window(view: NodeView, size: Shape, what: str) -> Window:
    """The window of a node whose kernel has ``size``.

    Raises:
        NotReadableError: more than two axes, or an unknown way of padding.
        FindingError: attributes that do not fit one another.
    """
    rank = len(size)
    if not 1 <= rank <= MAX_AXES:
        raise NotReadableError(f"{what} over {rank} axes")
    ones = (1,) * rank
    window = Window(
        size=size,
        strides=view.get_ints("strides") or ones,
        dilations=view.get_ints("dilations") or ones,
        pads=view.get_ints("pads") or (0,) * (2 * rank),
    )
    for name, numbers, least in (
        ("kernel_shape", window.size, 1),
        ("strides", window.strides, 1),
        ("dilations", window.dilations, 1),
        ("pads", window.pads, 0),
    ):
        count = 2 * rank if name == "pads" else rank
        if len(numbers) != count or min(numbers) < least:
            raise view.disagree(f"{name} are {list(numbers)}")
    return window


def padded(view: NodeView, window: Window) -> Window:
    """``window`` with the padding that ``auto_pad`` asks for.

    Raises:
        FindingError: the window is larger than the padded input.
    """
    mode = auto_pad(view)
    pads = window.pads
    if mode == "VALID":
        pads = (0,) * len(pads)
    elif mode != "NOTSET":
        pads = _same(view.shape()[1:], window, mode)
    result = Window(size=window.size, strides=window.strides, dilations=window.dilations, pads=pads)
    shape = view.known_shape()
    if shape is not None and not view.get_int("ceil_mode", 0):
        half = len(pads) // 2
        full = [n + b + e for n, b, e in zip(shape[1:], pads[:half], pads[half:], strict=True)]
        if any(r > n for r, n in zip(result.reach, full, strict=True)):
            raise view.disagree(f"a window of {list(result.reach)} over {full} elements")
    return result


def auto_pad(view: NodeView) -> str:
    """NOTSET, VALID, SAME_UPPER or SAME_LOWER."""
    mode = view.get_string("auto_pad", "NOTSET") or "NOTSET"
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise NotReadableError(f"auto_pad {mode!r}")
    return mode


def shared_out(totals: Shape, mode: str) -> Shape:
    """Padding of ``totals`` per axis divided between begin and end."""
    small = tuple(t // 2 for t in totals)
    large = tuple(t - t // 2 for t in totals)
    return (*small, *large) if mode == "SAME_UPPER" else (*large, *small)


def _same(shape: Shape, window: Window, mode: str) -> Shape:
    """As much padding as makes the output ``ceil(input / stride)`` long."""
    totals = tuple(
        max((math.ceil(n / s) - 1) * s + reach - n, 0)
        for n, s, reach in zip(shape, window.strides, window.reach, strict=True)
    )
    return shared_out(totals, mode)
