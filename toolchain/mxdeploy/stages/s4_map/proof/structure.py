"""The plan is about its network: same layers, same values, each read where it was written."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import limits
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import Plan, Region
from mxdeploy.stages.s4_map.proof.words import Pairs, leaves


def correspondence(plan: Plan) -> Iterator[Diagnostic]:
    """The plan is about this network: same layers, same values, in the same order."""
    network = plan.network
    if len(plan.layers) != len(network.layers) or len(plan.layers) > limits.MAX_LAYERS:
        yield Diagnostic(
            code="MX4101",
            where="plan",
            what=f"{len(plan.layers)} layers for {len(network.layers)} of the network",
            why=limits.MAX_LAYERS.text,
        )
        return
    for index, (layer, placed) in enumerate(zip(network.layers, plan.layers, strict=True)):
        planned = (placed.index, placed.name, tuple(r.value for r in placed.inputs))
        if (*planned, placed.output.value) != (index, layer.name, layer.inputs, layer.output):
            yield Diagnostic(
                code="MX4102",
                where=placed.name,
                what=f"stands for layer {index} ({layer.name}) of the network",
            )
    hosts = (plan.input.value, tuple(r.value for r in plan.outputs))
    if hosts != (network.input, network.outputs):
        yield Diagnostic(
            code="MX4103", where="plan", what="its input or outputs are not the network's"
        )


def values(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """Each layer reads values of its own geometry; their pixels may lie in other rows."""
    for layer, _ in pairs:
        spec = layer.spec
        for name in layer.inputs:
            channels, rows, columns = plan.hardware.value(name).shape
            wanted = (spec.in_channels, spec.in_size[0] * spec.in_size[1])
            if (channels, rows * columns) != wanted:
                yield Diagnostic(
                    code="MX4122",
                    where=layer.name,
                    what=f"reads {name}, {channels} x {rows} x {columns}, as "
                    f"{spec.in_channels} x {spec.in_size[0]} x {spec.in_size[1]}",
                    why="a layer reads channels as they were written",
                )


def reads(plan: Plan) -> Iterator[Diagnostic]:
    """Every region that is read is exactly one that was written before, or a join of such."""
    written = {plan.input.value: plan.input}
    for placed in plan.layers:
        for region in placed.inputs:
            for leaf in leaves(region):
                if written.get(leaf.value) != leaf:
                    yield Diagnostic(
                        code="MX4110",
                        where=placed.name,
                        what=f"reads {leaf}, written was {written.get(leaf.value)}",
                    )
        written[placed.output.value] = placed.output
    for region in plan.outputs:
        if written.get(region.value) != region:
            yield Diagnostic(
                code="MX4111",
                where="host",
                what=f"reads {region}, which is not where it was written",
            )


def packed(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """What is not an operand of several lies without gaps, as do the host's input and outputs."""
    for layer, placed in pairs:
        if layer.spec.operands == 1 and not placed.inputs[0].parts:
            yield from _packed(layer.name, placed.inputs[0])
    for region in (plan.input, *plan.outputs):
        yield from _packed("host", region)


def _packed(where: str, region: Region) -> Iterator[Diagnostic]:
    if region.parts or region.gap or region.step_words != region.passes:
        yield Diagnostic(
            code="MX4123",
            where=where,
            what=f"{region.value} does not lie in consecutive words",
            why="only operands of an element-wise layer and parts of a concatenation have gaps",
        )
