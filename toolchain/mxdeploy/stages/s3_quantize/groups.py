"""Which values share a scale.

Operands of an element-wise operation, both sides of pooling, the parts of a join, and what a layer
that only copies reads and writes. Where a model declares different scales for such values, the
largest is taken: it covers them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mxdeploy.ir.network import Network, Node, Rewrite
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s3_quantize.copies import is_averaged_copy, is_copy, keeps_scale
from mxdeploy.stages.s3_quantize.ranges import scale_of_clip
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_nodes, layer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleGroup:
    """Values with one scale.

    Attributes:
        values: names, in the order of the network.
        declared: the scale that the model declares, if any; the largest of several.
    """

    values: tuple[str, ...]
    declared: float | None


def scale_groups(
    network: Network, *, measured: bool
) -> tuple[tuple[ScaleGroup, ...], tuple[Rewrite, ...]]:
    """The network's values by common scale, and where that is not the one they declare.

    Args:
        network: legalized.
        measured: calibration data tell scales; a copy that is averaged may then have its own.
    """
    used = [*network.inputs, *(node.output for node in network.nodes)]
    sets = _DisjointSets(used)
    for node in network.nodes:
        sets.unite(_necessarily_equal(node))
    declared = {name: value.scale for name in used if (value := network.value(name).declared)}
    for node in layer_nodes(network):
        if keeps_scale(network, node):
            source, output = node.inputs[0], node.output
            known = {declared[n] for n in used if n in declared and sets.related(n, source, output)}
            own = measured and not known and is_averaged_copy(network, node)
            if len(known) <= 1 and not own:
                sets.unite([source, output])
    notes = []
    groups = []
    for names in sets.members():
        scales = {name: declared[name] for name in names if name in declared}
        chosen = None
        if scales:
            chosen = max(*scales.values(), *_sums(network, names))
            changed = {network.value(n).origin: n for n in reversed(scales) if scales[n] != chosen}
            notes += [_note(network, n, scales[n], chosen) for n in reversed(changed.values())]
        groups.append(ScaleGroup(values=tuple(names), declared=chosen))
    return tuple(groups), tuple(notes)


def _sums(network: Network, names: Sequence[str]) -> Iterator[float]:
    """Scales that layers ask for which combine operands among ``names`` on the way in.

    The combination is saturated at the operands' scale, whatever its own range is declared to be.
    """
    yield 0.0
    for node in layer_nodes(network):
        op = layer_of(node)
        if op.spec.eltwise is None or node.inputs[0] not in names:
            continue
        yield scale_of_clip(op.combined_clip) or 0.0
        output = network.value(node.output).declared
        if output is not None and is_copy(op):
            yield output.scale


def _note(network: Network, name: str, declared: float, chosen: float) -> Rewrite:
    return Rewrite(
        rule="common-scale",
        nodes=(network.value(name).origin,),
        text=f"{name}: one step is {chosen:g} instead of the declared {declared:g}, as for values "
        "that it is combined with",
        exact=False,
    )


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
