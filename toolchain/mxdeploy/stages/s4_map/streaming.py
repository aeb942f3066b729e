"""Streaming: the first layers take turns, so that their data need not fit in data memory.

The input then comes through the FIFOs. Between the layers that stream only a few rows exist at a
time, in rings; all rings and the output of the last streaming layer exist side by side.

Two rules of the chip change what the layers compute (though not the result): 1x1 kernels in a
streaming layer or right behind one become the centre of 3x3 kernels, and biases of streaming layers
become constant channels (see ``constants``).

Two more rules concern the end of a stream: its last layer has padding, and no linear layer follows.
Where they are broken, a copy put in behind the last layer helps: it ends the stream, as the centre
of 3x3 kernels with padding, or stands between the stream and the linear layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.streaming import (
    RING_SPARE_WORDS,
    Cadence,
    StreamLayer,
    cadences,
    roomy_ring,
    whole_frame,
)
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Kind
from mxdeploy.ops.stream import stream_layer
from mxdeploy.stages.s4_map import stream_findings as findings
from mxdeploy.stages.s4_map.arrangement import Piece
from mxdeploy.stages.s4_map.constants import NONE, Constants, constants_for, with_constants
from mxdeploy.stages.s4_map.untie import copy_of

_KERNEL = (int(limits.CONV2D_KERNEL),) * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How the input comes to the network, and which layers stream.

    Attributes:
        source: what is computed.
        network: the same as the layers compute it.
        order: order of the input.
        fifo: the input comes through the FIFOs.
        rings: words of the ring of each layer that streams, from layer 0 on.
        fill: constant in the input's further channels.
    """

    source: QuantNetwork
    network: QuantNetwork
    order: DataOrder
    fifo: bool = False
    rings: tuple[int, ...] = ()
    fill: int = 0

    @property
    def streams(self) -> int:
        """Number of layers that stream."""
        return len(self.rings)

    def claim_words(self, tensor: int) -> int:
        """Words to keep free for tensor ``tensor`` (0: the input), which circulates in a ring."""
        passes = limits.passes(self.network.layers[tensor].spec.in_channels)
        return self.rings[tensor] + RING_SPARE_WORDS * passes

    def lifetime(self, piece: Piece) -> Piece:
        """The piece with the time that it is needed.

        While layers stream, their rings and the output of the last of them exist side by side.
        """
        tensor, streams = piece.tensors[0], self.streams
        birth = -1 if tensor <= streams else piece.birth
        death = max(piece.death, streams - 1) if tensor < streams else piece.death
        return replace(piece, birth=birth, death=death)

    def place(self, processor: int) -> int:
        """Processor of the input, relative to its first one, that is the ``processor``-th."""
        if self.fifo:
            quadrant, lane = divmod(processor, _channels_per_fifo(self.order))
            return quadrant * mem.PROCESSORS_PER_QUADRANT + lane
        return processor * (int(limits.CHW_PROCESSOR_STEP) if self.order is DataOrder.CHW else 1)

    @property
    def input_step(self) -> int:
        """Distance of the processors that may be the input's first one."""
        return mem.PROCESSORS_PER_QUADRANT if self.fifo else mem.PROCESSORS_PER_MEMORY


def _channels_per_fifo(order: DataOrder) -> int:
    return 1 if order is DataOrder.CHW else mem.PROCESSORS_PER_MEMORY


def obstacles(network: QuantNetwork, count: int, order: DataOrder) -> tuple[Diagnostic, ...]:
    """Why the first ``count`` layers cannot stream; empty when they can."""
    if not count:
        return tuple(_whole_input(network, network.layers[0], order))
    if count > limits.MAX_STREAMING_LAYERS:
        last = network.layers[: int(limits.MAX_STREAMING_LAYERS) + 1][-1]
        return (findings.stream_limit(last, f"{count} with it", limits.MAX_STREAMING_LAYERS),)
    layers = network.layers[:count]
    found = tuple(_structure(network, layers, count))
    if found:
        return found
    larger = _with_larger_kernels(network, count)[:count]
    constants = constants_for(larger, _channels_per_fifo(order))
    if constants is None:
        return (findings.bias_in_stream(_hopeless(larger)),)
    further = constants[0].count
    return (
        *_input(larger[0], larger[0].spec.in_channels + further, further, order),
        *_limits(_realized(larger, constants), order),
    )


def stream(network: QuantNetwork, count: int, order: DataOrder) -> Flow:
    """Let the first ``count`` layers stream; there must be no ``obstacles``.

    With ``count`` 0 the input comes through the FIFOs, and layer 0 waits for all of it.
    """
    if not count:
        return Flow(source=network, network=network, order=order, fifo=True)
    larger = _with_larger_kernels(network, count)
    constants = constants_for(larger[:count], _channels_per_fifo(order))
    if constants is None:
        raise ValueError(f"{network.name}: the biases of {count} layers cannot be replaced")
    layers = _realized(larger, constants)
    streams = _stream_layers(layers[:count], order)
    turns = zip(streams, cadences(streams), strict=True)
    return Flow(
        source=network,
        network=_with_layers(network, layers),
        order=order,
        fifo=True,
        rings=tuple(roomy_ring(layer, cadence) for layer, cadence in turns),
        fill=constants[0].value,
    )


def with_copy(network: QuantNetwork, count: int) -> QuantNetwork:
    """The network with a copy behind its ``count``-th layer, in whose place all others read it."""
    layers = list(network.layers)
    last = layers[count - 1]
    copy, value = copy_of(network, network.value(last.output), f"{last.name} (copy)")
    layers[count - 1] = replace(last, output=value.name)
    layers.insert(count, replace(copy, inputs=(value.name,), output=last.output))
    return replace(network, values=(*network.values, value), layers=tuple(layers))


def _structure(
    network: QuantNetwork, layers: Sequence[QuantLayer], count: int
) -> Iterator[Diagnostic]:
    """The layers are a chain of convolutions that the streaming hardware knows."""
    before = network.input
    for layer in layers:
        what = _why_not(network, layer, before)
        if what:
            yield findings.not_streamable(layer, what)
        before = layer.output
    last = layers[-1]
    if len(layers) < count:
        yield findings.not_streamable(last, "its own output, which the host reads, does not fit")
    if last.spec.kernel != (1, 1) and min(last.spec.pad) < limits.MIN_LAST_STREAM_PAD:
        yield findings.not_streamable(last, "it would be the last one and has no padding")
    for behind in network.layers[len(layers) : len(layers) + 1]:
        if behind.spec.kind is Kind.LINEAR:
            yield findings.not_streamable(last, f"{behind.name} behind it is a linear layer")


def _why_not(network: QuantNetwork, layer: QuantLayer, before: str) -> str:
    """What keeps a layer, which should read ``before``, from streaming; empty when nothing does."""
    spec = layer.spec
    if spec.kind is not Kind.CONV2D or spec.output_bits != limits.DATA_BITS:
        return f"it is {spec.to_text()}"
    if network.value(before).shape != spec.in_shape:
        return f"it reads {list(network.value(before).shape)} as {list(spec.in_shape)}"
    return _not_alone(network, layer, before)


def _not_alone(network: QuantNetwork, layer: QuantLayer, before: str) -> str:
    """Who else than ``layer`` needs ``before``, or what else it reads; empty for neither."""
    if layer.inputs != (before,):
        return f"it reads {', '.join(layer.inputs)}"
    readers = [other for other in network.layers if before in other.inputs]
    joined = any(before in join.inputs for join in network.joins)
    if len(readers) > 1 or joined or before in network.outputs:
        return f"{before} is needed as a whole"
    return ""


def _hopeless(layers: Sequence[QuantLayer]) -> QuantLayer:
    """The first layer whose biases (or those behind it) cannot be replaced."""
    count = next(n for n in range(1, len(layers) + 1) if constants_for(layers[:n], 1) is None)
    return layers[count - 1]


def _whole_input(
    network: QuantNetwork, layer: QuantLayer, order: DataOrder
) -> Iterator[Diagnostic]:
    """A layer 0 that does not stream waits until the FIFOs have delivered all of the input."""
    what = _not_alone(network, layer, network.input)
    if layer.spec.kind is Kind.PASSTHROUGH:
        what = f"it is {layer.spec.to_text()}"
    if what:
        yield findings.not_streamable(layer, what)
    yield from _input(layer, layer.spec.in_channels, 0, order)
    shape = stream_layer(layer.spec, chw=order is DataOrder.CHW)
    yield from _cadence(layer, shape, whole_frame(shape))


def _input(
    layer: QuantLayer, channels: int, constants: int, order: DataOrder
) -> Iterator[Diagnostic]:
    """The FIFOs carry the input."""
    chw = order is DataOrder.CHW
    limit = limits.FIFO_CHW_CHANNELS if chw else limits.FIFO_HWC_CHANNELS
    if channels > limit:
        yield findings.too_many_fifo_channels(layer, channels, constants, limit)
    words = stream_layer(layer.spec, chw=chw).frame_words
    if words > limits.MAX_FRAME_WORDS:
        yield findings.stream_limit(layer, f"an input of {words:,} words", limits.MAX_FRAME_WORDS)


def _limits(layers: Sequence[QuantLayer], order: DataOrder) -> Iterator[Diagnostic]:
    """The counters of the streaming hardware are wide enough, row caches and rings fit."""
    if order is DataOrder.CHW and layers[0].spec.pool is not None:
        yield findings.not_streamable(layers[0], "it pools an input in CHW order")
    streams = _stream_layers(layers, order)
    for layer, shape, cadence in zip(layers, streams, cadences(streams), strict=True):
        yield from _cadence(layer, shape, cadence)


def _cadence(layer: QuantLayer, shape: StreamLayer, cadence: Cadence) -> Iterator[Diagnostic]:
    entries = cadence.cache_start + shape.cache_entries * shape.passes
    ring = roomy_ring(shape, cadence) + RING_SPARE_WORDS * shape.passes
    for value, limit, text in (
        (cadence.start, limits.MAX_STREAM_START, "its start after {:,} words"),
        (cadence.step, limits.MAX_STREAM_STEP, "windows {:,} words apart"),
        (cadence.row_step, limits.MAX_STREAM_ROW_STEP, "{:,} words from row to row"),
        (cadence.passes_before, limits.MAX_STREAM_VOLUMES, "{:,} passes in front of it"),
        (entries, limits.TRAM_ENTRIES, "its row cache end at entry {:,}"),
        (ring, limits.MAX_STREAM_BUFFER, "a ring of {:,} words"),
    ):
        if value > limit:
            yield findings.stream_limit(layer, text.format(value), limit)


def _stream_layers(layers: Sequence[QuantLayer], order: DataOrder) -> tuple[StreamLayer, ...]:
    return tuple(
        stream_layer(layer.spec, chw=order is DataOrder.CHW and index == 0)
        for index, layer in enumerate(layers)
    )


def _with_larger_kernels(network: QuantNetwork, count: int) -> tuple[QuantLayer, ...]:
    """All layers; the first ``count`` ones and the one behind them without 1x1 kernels."""
    first = network.layers[: count + 1]
    return (*map(_larger_kernel, first), *network.layers[count + 1 :])


def _larger_kernel(layer: QuantLayer) -> QuantLayer:
    """A 1x1 kernel becomes the centre of a 3x3 kernel, with padding so that the size stays."""
    spec = layer.spec
    if spec.kind is not Kind.CONV2D or spec.kernel != (1, 1) or layer.weight is None:
        return layer
    weight = np.pad(layer.weight.array.astype(np.int8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    return replace(layer, spec=replace(spec, kernel=_KERNEL, pad=(1, 1)), weight=Tensor(weight))


def _realized(
    layers: Sequence[QuantLayer], constants: Sequence[Constants]
) -> tuple[QuantLayer, ...]:
    """The layers, the first ones with constant channels in place of their biases."""
    pairs = pairwise((*constants, NONE))
    first = [
        with_constants(layer, before, after)
        for layer, (before, after) in zip(layers[: len(constants)], pairs, strict=True)
    ]
    return (*first, *layers[len(constants) :])


def _with_layers(network: QuantNetwork, layers: tuple[QuantLayer, ...]) -> QuantNetwork:
    """The network with other layers; values have the shapes that these read and write."""
    if all(new is old for new, old in zip(layers, network.layers, strict=True)):
        return network
    shapes = {layer.output: layer.spec.out_shape for layer in layers}
    shapes[network.input] = layers[0].spec.in_shape
    values = tuple(
        replace(value, shape=shapes.get(value.name, value.shape)) for value in network.values
    )
    return replace(network, layers=layers, values=values)
