"""Which values share a scale.

Operands of an element-wise operation, both sides of pooling, the parts of a join, and what a layer
that only copies reads and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.errors import Diagnostic
from mxdeploy.ir.network import Network, Node
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s3_quantize.copies import keeps_scale
from mxdeploy.stages.s3_quantize.findings import conflicting_scales
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_nodes, layer_of


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
    sets = _DisjointSets(used)
    for node in network.nodes:
        sets.unite(_necessarily_equal(node))
    declared = {name: value.scale for name in used if (value := network.value(name).declared)}
    for node in layer_nodes(network):
        if keeps_scale(network, node):
            source, output = node.inputs[0], node.output
            known = {declared[n] for n in used if n in declared and sets.related(n, source, output)}
            if len(known) <= 1:
                sets.unite([source, output])
    findings = []
    groups = []
    for names in sets.members():
        scales = {name: declared[name] for name in names if name in declared}
        if len(set(scales.values())) > 1:
            findings.append(conflicting_scales(list(scales), list(scales.values())))
        groups.append(ScaleGroup(values=tuple(names), declared=next(iter(scales.values()), None)))
    return tuple(groups), tuple(findings)


def _necessarily_equal(node: Node) -> list[str]:
    """Values around a node that the accelerator cannot give different scales."""
    if is_join(node) or layer_of(node).spec.kind is Kind.PASSTHROUGH:
        return [*node.inputs, node.output]
    return list(node.inputs)


class _DisjointSets:
    """Names in groups that grow together."""

    def __init__(self, names: Sequence[str]) -> None:
        self._leader = {name: name for name in names}

    def unite(self, names: Sequence[str]) -> None:
        for name in names[1:]:
            self._leader[self._find(name)] = self._find(names[0])

    def related(self, name: str, *others: str) -> bool:
        return self._find(name) in {self._find(other) for other in others}

    def members(self) -> list[list[str]]:
        groups: dict[str, list[str]] = {}
        for name in self._leader:
            groups.setdefault(self._find(name), []).append(name)
        return list(groups.values())

    def _find(self, name: str) -> str:
        while self._leader[name] != name:
            name = self._leader[name]
        return name
