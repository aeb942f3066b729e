"""Declared 8-bit ranges as the bounds they impose: quantized training saturates, and so do we."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Network, Range, Rewrite, Value
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.integer_model import WIDE_BITS
from mxdeploy.stages.s3_quantize.ranges import Clip
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_nodes, layer_of


def with_bounds(network: Network) -> Network:
    """The network with every declared range turned into bounds of its value.

    A symmetric range keeps its scale, too. Data on the chip are symmetric, so a range with a zero
    point keeps its bounds alone and gets a scale that covers them, which is recorded as an inexact
    rewrite. The 32-bit output of a layer has no range at all.
    """
    wide = {
        node.output for node in layer_nodes(network) if layer_of(node).spec.output_bits == WIDE_BITS
    }
    values = tuple(_bounded(value, wide=value.name in wide) for value in network.values)
    bounds = _bounds_of_parts(network, {value.name: value.clip for value in values})
    notes = tuple(
        _note(old, old.declared)
        for old, new in zip(network.values, values, strict=True)
        if old.declared is not None and new.declared is None and old.name not in wide
    )
    values = tuple(replace(value, clip=bounds[value.name]) for value in values)
    return replace(network, values=values, rewrites=(*network.rewrites, *notes))


def _bounds_of_parts(network: Network, clips: dict[str, Clip | None]) -> dict[str, Clip | None]:
    """Bounds of all values; a join's bounds hold for the parts that nobody else reads."""
    result = dict(clips)
    for node in network.nodes:
        outer = clips[node.output]
        if not is_join(node) or outer is None:
            continue
        for name in node.inputs:
            if network.consumers(name) == (node,) and name not in network.outputs:
                inner = result[name] or outer
                result[name] = max(inner[0], outer[0]), min(inner[1], outer[1])
    return result


def _bounded(value: Value, *, wide: bool) -> Value:
    declared = value.declared
    if declared is None:
        return value
    if wide:
        return replace(value, declared=None)
    low, high = _bounds(declared)
    if value.clip is not None:
        low, high = max(low, value.clip[0]), min(high, value.clip[1])
    return replace(value, declared=None if declared.zero_point else declared, clip=(low, high))


def _bounds(declared: Range) -> tuple[float, float]:
    point = declared.zero_point
    return (DATA_MIN - point) * declared.scale, (DATA_MAX - point) * declared.scale


def _note(value: Value, declared: Range) -> Rewrite:
    low, high = _bounds(declared)
    return Rewrite(
        rule="symmetric-range",
        nodes=(value.origin,),
        text=f"{value.name}: the declared range {low:g}..{high:g} has a zero point; data on the "
        "chip have none, so one integer step covers more",
        exact=False,
    )
