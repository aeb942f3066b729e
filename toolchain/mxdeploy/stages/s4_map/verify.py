"""The verifier: judges a plan by the chip's rules alone, without knowing how it was found.

It recomputes everything from the network and the plan: what a tensor occupies and while it is
needed, what a layer's kernels and biases occupy, and what each layer reads against what was
written there. The rules are in ``proof``, one file about each thing, and in ``rules`` for what a
layer must satisfy wherever it is placed.
"""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.timing import network_cycles
from mxdeploy.stages.s4_map.proof import (
    data,
    joins,
    processors,
    realization,
    regions,
    streams,
    structure,
    weights,
)
from mxdeploy.stages.s4_map.rules import layer_findings


def verify_plan(plan: Plan) -> tuple[Diagnostic, ...]:
    """Every rule of the chip that ``plan`` breaks; empty when it is sound.

    Later rules rely on earlier ones: what comes after a plan that is not about its network, after
    layers that no chip computes, or after regions that cannot hold their values is not judged.

    Args:
        plan: any plan, also one that was made or changed by hand.

    Returns:
        Findings, codes MX41xx, and those of ``rules`` for single layers.
    """
    broken = tuple(structure.correspondence(plan)) or (
        *realization.structure(plan),
        *streams.together(plan),
    )
    if broken:
        return broken
    pairs = tuple(zip(plan.hardware.layers, plan.layers, strict=True))
    broken = (
        *(finding for layer in plan.hardware.layers for finding in layer_findings(layer)),
        *structure.values(plan, pairs),
        *regions.shapes(plan, pairs),
    )
    if broken:
        return broken
    broken = (
        *joins.joins(plan, pairs),
        *joins.operands(pairs),
        *structure.packed(plan, pairs),
        *processors.passes(pairs),
    )
    if broken:
        return broken
    return (
        *processors.quadrants(plan),
        *processors.targets(pairs),
        *structure.reads(plan),
        *data.lives(plan),
        *data.overwritten(plan, pairs),
        *weights.kernel_slots(pairs),
        *weights.kernel_overlaps(plan),
        *weights.bias_slots(pairs),
        *weights.bias_overlaps(pairs),
        *streams.streams(plan, pairs),
        *realization.same_tensors(plan),
        *_cycles(plan),
    )


def _cycles(plan: Plan) -> Iterator[Diagnostic]:
    total = network_cycles(plan.hardware, plan.layers, plan.input)
    if plan.cycles != total:
        yield Diagnostic(
            code="MX4121",
            where="plan",
            what=f"{plan.cycles} cycles, the layers add up to {total}",
        )
