"""Which values share a scale: operands of an element-wise operation, both sides of pooling."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.errors import Diagnostic
from mxdeploy.ir.network import Network
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s3_quantize.findings import conflicting_scales
from mxdeploy.stages.s3_quantize.float_model import layer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleGroup:
    """Values with one scale.

    Attributes:
        values: names, in the order of the network.
        declared: the scale that the model declares, if any.
    """

    values: tuple[str, ...]
    declared: float | None


def scale_groups(network: Network) -> tuple[tuple[ScaleGroup, ...], tuple[Diagnostic, ...]]:
    """The network's values by common scale, and what is wrong with their declarations."""
    used = [*network.inputs, *(node.output for node in network.nodes)]
    leader = {name: name for name in used}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for node in network.nodes:
        spec = layer_of(node).spec
        same = [*node.inputs, node.output] if spec.kind is Kind.PASSTHROUGH else [*node.inputs]
        for other in same[1:]:
            leader[find(other)] = find(same[0])

    members: dict[str, list[str]] = {}
    for name in used:
        members.setdefault(find(name), []).append(name)
    findings = []
    groups = []
    for names in members.values():
        scales = [
            (name, declared.scale)
            for name in names
            if (declared := network.value(name).declared) is not None
        ]
        if len({scale for _, scale in scales}) > 1:
            findings.append(conflicting_scales([n for n, _ in scales], [s for _, s in scales]))
        groups.append(ScaleGroup(values=tuple(names), declared=scales[0][1] if scales else None))
    return tuple(groups), tuple(findings)
