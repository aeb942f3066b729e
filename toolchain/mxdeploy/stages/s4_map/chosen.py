"""A placement that a person chose, by the names of tensors and layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.plan import BiasSlot, DataOrder, Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s4_map.assembly import Places
from mxdeploy.stages.s4_map.needs import layer_need
from mxdeploy.stages.s4_map.streaming import Flow, obstacles, stream, with_copy


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTensor:
    """Where a tensor lies: its first processor, and its first byte in each data memory."""

    first_processor: int
    offset_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLayer:
    """Where a layer's kernels and biases lie; None where it has none."""

    kernel_start_word: int | None = None
    bias_quadrant: int | None = None
    bias_start_byte: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPlacement:
    """A whole placement.

    Attributes:
        input_order: order of the input in data memory.
        fifo: the input comes through the FIFOs.
        streams: how many layers stream.
        tensors: by name of the value: the input, and every layer's output.
        layers: by name of the layer.
    """

    input_order: DataOrder
    fifo: bool = False
    streams: int = 0
    tensors: Mapping[str, ChosenTensor]
    layers: Mapping[str, ChosenLayer] = field(default_factory=dict)


def placement_of(plan: Plan) -> ChosenPlacement:
    """The placement of a plan."""
    step = mem.PROCESSORS_PER_MEMORY
    regions = [plan.input, *(layer.output for layer in plan.layers)]
    return ChosenPlacement(
        input_order=plan.input.order,
        fifo=plan.fifo,
        streams=plan.streams,
        tensors={
            region.value: ChosenTensor(
                first_processor=_lowest(region.processors) // step * step,
                offset_bytes=region.offset_bytes,
            )
            for region in regions
        },
        layers={
            layer.name: ChosenLayer(
                kernel_start_word=layer.kernels.start_word if layer.kernels else None,
                bias_quadrant=layer.bias.quadrant if layer.bias else None,
                bias_start_byte=layer.bias.start_byte if layer.bias else None,
            )
            for layer in plan.layers
        },
    )


def chosen_flow(network: QuantNetwork, chosen: ChosenPlacement) -> Flow:
    """How the input comes, and which layers stream.

    Raises:
        UsageError: the layers cannot stream; with all reasons.
    """
    order = chosen.input_order
    if not chosen.fifo and not chosen.streams:
        return Flow(source=network, network=network, order=order)
    for count in (chosen.streams - 1, chosen.streams):
        changed = with_copy(network, count) if 0 < count <= len(network.layers) else network
        if {layer.name for layer in changed.layers} == set(chosen.layers):
            network = changed
    found = obstacles(network, chosen.streams, order)
    if found:
        raise UsageError(found)
    return stream(network, chosen.streams, order)


def chosen_places(flow: Flow, chosen: ChosenPlacement) -> Places:
    """The same by number.

    Raises:
        UsageError: tensors or layers are missing, unknown, or out of the chip's range; all of them.
    """
    network = flow.network
    names = [network.input, *(layer.output for layer in network.layers)]
    found = [
        *_names("tensor", names, chosen.tensors),
        *_names("layer", [layer.name for layer in network.layers], chosen.layers),
    ]
    found += found or [*_ranges(flow, chosen)]
    if found:
        raise UsageError(found)
    places = [chosen.tensors[name] for name in names]
    layers = [chosen.layers[layer.name] for layer in network.layers]
    return Places(
        processors=tuple(place.first_processor for place in places),
        words=tuple(place.offset_bytes // mem.WORD_BYTES for place in places),
        kernels=tuple(layer.kernel_start_word or 0 for layer in layers),
        biases=tuple(
            _bias(layer, layer_need(network, source).bias_bytes)
            for layer, source in zip(layers, network.layers, strict=True)
        ),
    )


def _bias(layer: ChosenLayer, length_bytes: int) -> BiasSlot | None:
    if layer.bias_quadrant is None or layer.bias_start_byte is None or not length_bytes:
        return None
    return BiasSlot(
        quadrant=layer.bias_quadrant, start_byte=layer.bias_start_byte, length_bytes=length_bytes
    )


def _names(
    kind: str, wanted: list[str], chosen: Mapping[str, ChosenTensor] | Mapping[str, ChosenLayer]
) -> Iterator[Diagnostic]:
    fix = "start from map.json of a build of this model with the same options"
    for name in wanted:
        if name not in chosen:
            what = f"the placement has no {kind} {name}"
            yield Diagnostic(code="MX4022", where=name, what=what, fix=fix)
    for name in chosen:
        if name not in wanted:
            what = f"the network has no {kind} {name}"
            yield Diagnostic(code="MX4023", where=name, what=what, fix=fix)


def _ranges(flow: Flow, chosen: ChosenPlacement) -> Iterator[Diagnostic]:
    """What cannot even be written down as a plan; all else is judged by the verifier."""
    network = flow.network
    for name, tensor in chosen.tensors.items():
        end = limits.channels_per_pass(network.value(name).shape[0]) - 1
        last = tensor.first_processor + (flow.place(end) if name == network.input else end)
        if not 0 <= tensor.first_processor <= last < mem.PROCESSORS:
            yield Diagnostic(
                code="MX4024",
                where=f"tensor {name}",
                what=f"lies on processors {tensor.first_processor} to {last}",
                why=limits.MAX_PROCESSORS.text,
                fix="choose a lower first processor",
            )
        if tensor.offset_bytes % mem.WORD_BYTES or not 0 <= tensor.offset_bytes < mem.DATA_BYTES:
            yield Diagnostic(
                code="MX4025",
                where=f"tensor {name}",
                what=f"begins at byte {tensor.offset_bytes} of a data memory",
                why=f"{limits.OFFSET_ALIGNMENT.text} {limits.DATA_MEMORY_BYTES.text}",
                fix="choose a multiple of 4 inside the memory",
            )


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
