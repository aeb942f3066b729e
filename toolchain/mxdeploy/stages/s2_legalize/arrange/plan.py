"""The cheapest way to compute a convolution that the chip does not have as it is.

A convolution is a ``Problem``: what is to be computed in each direction, and the channels. Its
``Plan`` says, for each direction, which way to take; the layers in front or behind that a plan
needs are convolutions themselves and may need plans of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ops.layer import Kind, LayerSpec, Pool, PoolKind
from mxdeploy.stages.s2_legalize.arrange.axis import (
    MAX_PAD,
    Axis,
    Prep,
    Way,
    copied,
    direct,
    resized,
    rowed,
    summed,
)
from mxdeploy.stages.s2_legalize.cost import Cost, data_words, layer_cost

_PLANE = 2
_PLANE_KERNELS = (1, limits.CONV2D_KERNEL.value)
_LINE_KERNELS = tuple(range(1, limits.MAX_CONV1D_KERNEL.value + 1))
_DEPTH = 4
"""Layers in a row that make copies, at most."""
_MOST_TRIED = 8
_WORTH_A_LAYER = 0.8
"""Two layers instead of one must save a fifth of the cycles."""
_WORTH_ROUNDING = 0.5
"""Adding up sums that are rounded to 8 bits must save half of the cycles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A convolution.

    Attributes:
        axes: rows and columns, or positions of 1-D data.
        inputs: input channels.
        outputs: output channels.
    """

    axes: tuple[Axis, ...]
    inputs: int
    outputs: int

    @property
    def kernels(self) -> tuple[int, ...]:
        """Kernel lengths of the chip."""
        if self.axes[0].spread > 1:
            return _PLANE_KERNELS[-1:]
        return _PLANE_KERNELS if len(self.axes) == _PLANE else _LINE_KERNELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ways for all axes, alike in what layers they need.

    Attributes:
        problem: what is computed.
        ways: one for each axis.
        cost: of all layers together.
        beside: how to compute the convolution that makes the copies or adds up the sums, if the
            ways have one.
    """

    problem: Problem
    ways: tuple[Way, ...]
    cost: Cost
    beside: Plan | None = None

    @property
    def prep(self) -> Prep:
        """The layer beside the convolution."""
        return self.ways[0].prep

    @property
    def copies(self) -> int:
        """Number of copies, or of partial sums."""
        return _copies(self.ways)

    @property
    def inner(self) -> int:
        """Step at which the convolution reads."""
        return self.ways[0].inner

    @property
    def outer(self) -> int:
        """Step at which its result is read."""
        return self.ways[0].outer


@lru_cache(maxsize=4096)
def best_plan(problem: Problem, depth: int = _DEPTH) -> Plan | None:
    """The cheapest plan; None when there is none that fits the chip.

    Args:
        problem: the convolution.
        depth: how many layers may stand in a row in front of (or behind) it.
    """
    alone = _cheapest(_alone(problem))
    if alone is not None and all(axis.step == 1 for axis in problem.axes):
        return alone
    if depth == 0:
        return alone
    beside = _with_copies(problem, depth)
    rounded = _with_sums(problem, depth) if depth == _DEPTH else None
    if rounded is not None and (
        beside is None or rounded.cost.cycles <= _WORTH_ROUNDING * beside.cost.cycles
    ):
        beside = rounded
    if alone is None or beside is None:
        return alone or beside
    return beside if beside.cost.cycles <= _WORTH_A_LAYER * alone.cost.cycles else alone


def _cheapest(plans: Iterable[Plan]) -> Plan | None:
    return min(plans, key=lambda plan: plan.cost, default=None)


def _alone(problem: Problem) -> Iterator[Plan]:
    for ways in _together([list(direct(axis, problem.kernels)) for axis in problem.axes]):
        cost = layer_cost(final_layer(problem, ways))
        if cost is not None:
            yield Plan(problem=problem, ways=ways, cost=cost)


def _with_copies(problem: Problem, depth: int) -> Plan | None:
    """With a layer in front; with several in a row only if one is not enough."""
    kernels, native = problem.kernels, max(problem.kernels)
    for reach in range(1, depth + 1):
        longest = reach * (native - 1) + 1
        lengths = kernels if reach == 1 else (1, *range(native, longest + 1))
        pads = reach * MAX_PAD
        options = [_distinct(copied(axis, kernels, lengths, pads)) for axis in problem.axes]
        plans = list(_checked(problem, _together(options), depth))
        if reach == 1:
            other = resized if len(problem.axes) == _PLANE else rowed
            options = [_distinct(other(axis, kernels)) for axis in problem.axes]
            plans += _checked(problem, _together(options), depth)
        found = _cheapest(plans)
        if found is not None:
            return found
    return None


def _with_sums(problem: Problem, depth: int) -> Plan | None:
    kernels = problem.kernels
    if any(axis.spread > 1 for axis in problem.axes):
        return None
    options = [_distinct(summed(axis, kernels, kernels)) for axis in problem.axes]
    ways = (ways for ways in _together(options) if _copies(ways) > 1)
    return _cheapest(_checked(problem, ways, depth))


def _distinct(ways: Iterable[Way]) -> list[Way]:
    """One of all ways that cost the same."""
    kinds = {
        (
            way.copy_taps,
            way.copy_pad,
            way.row,
            len(way.shifts),
            way.inner,
            way.taps,
            way.outputs,
        ): way
        for way in ways
    }
    return list(kinds.values())


def _together(options: list[list[Way]]) -> Iterator[tuple[Way, ...]]:
    """Ways that one convolution can take in all directions at once."""
    for ways in product(*options):
        first = ways[0]
        read = first.inner * (limits.TRANSPOSED_STRIDE.value if first.prep is Prep.ODD else 1)
        if max(read, first.outer) > limits.MAX_POOL_STRIDE.value:
            continue
        if len({(way.prep, way.inner, way.outer, way.taps) for way in ways}) == 1:
            yield ways


def _checked(problem: Problem, options: Iterable[tuple[Way, ...]], depth: int) -> Iterator[Plan]:
    """Plans in which another layer is needed and all fits the chip; the most promising only."""
    known = [(layer_cost(final_layer(problem, ways)), ways) for ways in options]
    promising = sorted(
        ((cost, number, ways) for number, (cost, ways) in enumerate(known) if cost is not None),
        key=lambda item: (item[0].cycles + _least_beside(problem, item[2]), item[:2]),
    )
    for cost, _, ways in promising[:_MOST_TRIED]:
        plan = _with_layer(Plan(problem=problem, ways=ways, cost=cost), depth)
        if plan is not None and _fits(plan):
            yield plan


def _least_beside(problem: Problem, ways: tuple[Way, ...]) -> int:
    """Cycles that the layer beside the convolution takes at least: one for every value."""
    channels = problem.outputs if ways[0].prep is Prep.SUM else problem.inputs
    return _copies(ways) * channels * prod(way.stored for way in ways)


def _fits(plan: Plan) -> bool:
    channels = plan.problem.outputs if plan.prep is Prep.SUM else plan.problem.inputs
    words = data_words(plan.copies * channels, _pair(tuple(way.stored for way in plan.ways)))
    return plan.cost.words <= limits.KERNEL_MEMORY_WORDS.value and words <= mem.DATA_WORDS


def _with_layer(plan: Plan, depth: int) -> Plan | None:
    """The plan with the layer beside the convolution; None when there is nothing for it to do."""
    problem, ways = plan.problem, plan.ways
    if plan.prep in (Prep.ODD, Prep.ROWS):
        odd = plan.prep is Prep.ODD
        cost = layer_cost(resizing_layer(problem, ways) if odd else row_layer(problem, ways[0]))
        return None if cost is None else replace(plan, cost=plan.cost + cost)
    if all(way.copy_taps == 1 for way in ways):
        return None
    beside = best_plan(side_problem(problem, ways), depth - 1)
    return beside and replace(plan, cost=plan.cost + beside.cost, beside=beside)


def side_problem(problem: Problem, ways: tuple[Way, ...]) -> Problem:
    """The convolution that makes the copies, or adds up the partial sums."""
    copies = _copies(ways)
    adds = ways[0].prep is Prep.SUM
    axes = tuple(
        Axis(
            size=way.stored if adds else axis.size,
            taps=tuple(sorted(way.shifts)),
            least=way.outputs if adds else way.stored,
            most=way.outputs if adds else way.stored,
        )
        for axis, way in zip(problem.axes, ways, strict=True)
    )
    channels = problem.outputs if adds else problem.inputs
    inputs, outputs = (copies * channels, channels) if adds else (channels, copies * channels)
    return Problem(axes=axes, inputs=inputs, outputs=outputs)


def final_layer(problem: Problem, ways: tuple[Way, ...]) -> LayerSpec:
    """The layer with the convolution's own weights."""
    copies = _copies(ways)
    prep, stride = ways[0].prep, ways[0].inner
    size = tuple(way.stored for way in ways)
    if prep is Prep.ODD:
        stride *= limits.TRANSPOSED_STRIDE.value
        size = resizing_layer(problem, ways).out_size
    if prep is Prep.SUM:
        size = tuple(axis.size for axis in problem.axes)
    kind = Kind.CONV2D if len(ways) == _PLANE else Kind.CONV1D
    if problem.axes[0].spread > 1:
        kind = Kind.CONV_TRANSPOSE2D
    return LayerSpec(
        kind=kind,
        in_channels=problem.inputs * (1 if prep is Prep.SUM else copies),
        in_size=_pair(size),
        out_channels=problem.outputs * (copies if prep is Prep.SUM else 1),
        kernel=_pair(tuple(way.taps for way in ways)),
        pad=_pair(tuple(way.pad for way in ways), 0),
        pool=None if stride == 1 else Pool(kind=PoolKind.MAX, size=(1, 1), stride=stride),
    )


def resizing_layer(problem: Problem, ways: tuple[Way, ...]) -> LayerSpec:
    """The transposed convolution that makes copies of odd sizes."""
    copies = _copies(ways)
    return LayerSpec(
        kind=Kind.CONV_TRANSPOSE2D,
        in_channels=problem.inputs,
        in_size=_pair(tuple(axis.size for axis in problem.axes)),
        out_channels=copies * problem.inputs,
        kernel=_pair(tuple(way.copy_taps for way in ways)),
        pad=_pair(tuple(way.copy_pad for way in ways), 0),
    )


def row_layer(problem: Problem, way: Way) -> LayerSpec:
    """The convolution over rows that makes copies of 1-D data."""
    return LayerSpec(
        kind=Kind.CONV2D,
        in_channels=problem.inputs,
        in_size=(problem.axes[0].size // way.row, way.row),
        out_channels=len(way.shifts) * problem.inputs,
        kernel=(way.copy_taps, way.copy_taps),
        pad=(way.copy_pad, 1),
    )


def _copies(ways: tuple[Way, ...]) -> int:
    return prod(len(way.shifts) for way in ways)


def _pair(numbers: tuple[int, ...], missing: int = 1) -> tuple[int, int]:
    first, second = (*numbers, missing)[:2]
    return first, second
