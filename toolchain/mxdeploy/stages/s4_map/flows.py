"""Which ways the data may take, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import limits
from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.arrangement import Arrangement
from mxdeploy.stages.s4_map.check import TooLarge
from mxdeploy.stages.s4_map.needs import tensor_need
from mxdeploy.stages.s4_map.options import MapOptions
from mxdeploy.stages.s4_map.problem import chw_possible
from mxdeploy.stages.s4_map.streaming import Flow, obstacles, stream, with_copy


def in_memory(
    network: QuantNetwork, arrangement: Arrangement, options: MapOptions
) -> tuple[Flow, ...]:
    """The whole input lies in data memory: as asked for, or HWC first, or what is fewer bytes.

    Raises:
        ModelError: what is asked for is not possible.
    """
    chw = chw_possible(network, arrangement)
    possible: tuple[DataOrder, ...] = (DataOrder.HWC, DataOrder.CHW) if chw else (DataOrder.HWC,)
    if options.objective is Objective.MEMORY:
        need = tensor_need(network.value(network.input))
        possible = tuple(sorted(possible, key=lambda o: need.words(o) * need.memories(o)))
    if options.input_order is not None:
        if options.input_order not in possible:
            raise ModelError(findings.order_not_possible(network.layers[0]))
        possible = (options.input_order,)
    if not options.fifo:
        return tuple(Flow(source=network, network=network, order=order) for order in possible)
    found = {order: obstacles(network, 0, order) for order in possible}
    good = tuple(stream(network, 0, order) for order, reasons in found.items() if not reasons)
    if not good:
        raise ModelError(found[possible[0]])
    return good


def streamed(
    network: QuantNetwork, options: MapOptions, too_large: tuple[TooLarge, ...]
) -> Iterator[Flow]:
    """The first layers stream, as few as possible first; then those that take a copy for it."""
    least = least_streams(options, too_large)
    most = min(len(network.layers), int(limits.MAX_STREAMING_LAYERS))
    if options.streams is not None:
        most = options.streams
    for count in range(least, most + 1):
        if not why_not_streamed(network, options, count):
            yield stream(network, count, _order(options))
    for count in range(least, most + 1):
        yield from _with_copy(network, options, count)


def _with_copy(network: QuantNetwork, options: MapOptions, count: int) -> Iterator[Flow]:
    """A copy behind the ``count``-th layer ends the stream, or follows it."""
    layers = len(network.layers)
    if not 0 < count <= layers or layers == limits.MAX_LAYERS:
        return
    changed = with_copy(network, count)
    for streams in (count + 1, count):
        if not why_not_streamed(changed, options, streams):
            yield stream(changed, streams, _order(options))


def least_streams(options: MapOptions, too_large: tuple[TooLarge, ...]) -> int:
    """The number of layers that have to stream so that what is too large need not be held."""
    return options.streams or max((large.streams for large in too_large), default=1)


def why_not_streamed(
    network: QuantNetwork, options: MapOptions, count: int
) -> tuple[Diagnostic, ...]:
    """Why the first ``count`` layers cannot stream; empty when they can."""
    return obstacles(network, count, _order(options))


def _order(options: MapOptions) -> DataOrder:
    return options.input_order or DataOrder.HWC
