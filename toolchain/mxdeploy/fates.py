"""What became of every node of the user's model: layers, work of the CPU, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mxdeploy.ir.network import Rewrite
from mxdeploy.ir.quantized import QuantNetwork


class Place(StrEnum):
    """Where the work of a node is done."""

    LAYER = "layer"
    IN_LAYER = "in layer"
    JOIN = "join"
    CPU_BEFORE = "cpu in front"
    CPU_BEHIND = "cpu behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One place where a node's work is done.

    Attributes:
        place: LAYER when a hardware layer bears the node's name, IN_LAYER when a layer does it
            besides; JOIN when values only come to lie side by side; or the CPU.
        layer: number of the hardware layer; None elsewhere.
        text: what is done there: the layer's operation, the name of the layer that it is a part
            of, the join, or the step of the CPU.
    """

    place: Place
    layer: int | None = None
    text: str

    def to_text(self) -> str:
        """In words, e.g. ``layer 3: conv2d 3x3 pad 1, relu``."""
        match self.place:
            case Place.LAYER:
                return f"layer {self.layer}: {self.text}"
            case Place.IN_LAYER:
                return f"part of layer {self.layer}"
            case Place.JOIN:
                return "no work: its operands lie side by side"
            case Place.CPU_BEFORE:
                return f"CPU, in front of the layers: {self.text}"
            case Place.CPU_BEHIND:
                return f"CPU, behind the layers: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one node.

    Attributes:
        node: its name in the user's model.
        op_type: its ONNX operator.
        destinations: where its work is done; none when no work is left.
        rewrites: what legalization and quantization did to it, in order.
    """

    node: str
    op_type: str
    destinations: tuple[Destination, ...]
    rewrites: tuple[Rewrite, ...]

    @property
    def exact(self) -> bool:
        """Whether nothing was approximated."""
        return all(rewrite.exact for rewrite in self.rewrites)

    def to_text(self) -> str:
        """The destinations in words, one line each."""
        lines = dict.fromkeys(destination.to_text() for destination in self.destinations)
        return "\n".join(lines) or "no work left"

    def to_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "node": self.node,
            "operator": self.op_type,
            "became": [
                {"place": str(d.place), "layer": d.layer, "text": d.to_text()}
                for d in self.destinations
            ],
            "exact": self.exact,
            "rewrites": [{"rule": r.rule, "text": r.text, "exact": r.exact} for r in self.rewrites],
        }


def fates(network: QuantNetwork) -> tuple[Fate, ...]:
    """The fate of every node of the model, in the model's order.

    Args:
        network: as placed: layers that the mapping has put in are counted.
    """
    found: dict[str, list[Destination]] = {node.name: [] for node in network.model}
    rewrites: dict[str, list[Rewrite]] = {node.name: [] for node in network.model}
    for step in network.head:
        _note(found, step.origin.split(", "), Place.CPU_BEFORE, type(step).__name__)
    for number, layer in enumerate(network.layers):
        others = [name for name in layer.origin if name != layer.name]
        _note(found, [layer.name], Place.LAYER, layer.spec.to_text(), number)
        _note(found, others, Place.IN_LAYER, layer.name, number)
    for join in network.joins:
        idle = [name for name in join.origin if not found.get(name)]
        _note(found, idle, Place.JOIN, join.output)
    for tail_step in network.tail:
        _note(found, [tail_step.origin], Place.CPU_BEHIND, type(tail_step.op).__name__)
    for rewrite in network.rewrites:
        for name in rewrite.nodes:
            if name in rewrites:
                rewrites[name].append(rewrite)
    return tuple(
        Fate(
            node=node.name,
            op_type=node.op_type,
            destinations=tuple(found[node.name]),
            rewrites=tuple(rewrites[node.name]),
        )
        for node in network.model
    )


def _note(
    found: dict[str, list[Destination]],
    names: list[str],
    place: Place,
    text: str,
    layer: int | None = None,
) -> None:
    for name in names:
        if name in found:
            found[name].append(Destination(place=place, layer=layer, text=text))
