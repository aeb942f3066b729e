"""What can be told before the search: structure, rules of single layers, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.joining import join_layout, join_passes
from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.arrangement import Arrangement
from mxdeploy.stages.s4_map.in_place import overwriting
from mxdeploy.stages.s4_map.needs import (
    LayerNeed,
    TensorNeed,
    aligned_words,
    layer_need,
    tensor_needs,
)
from mxdeploy.stages.s4_map.problem import chw_possible
from mxdeploy.stages.s4_map.rules import layer_findings
from mxdeploy.stages.s4_map.streaming import obstacles
from mxdeploy.stages.s4_map.untie import untied


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A tensor, or a layer's input and output together, that data memory does not hold.

    Attributes:
        finding: in words.
        streams: layers that would have to stream so that it need not.
    """

    finding: Diagnostic
    streams: int


def check_network(network: QuantNetwork) -> tuple[QuantNetwork, Arrangement, tuple[TooLarge, ...]]:
    """Refuse what cannot be placed, with all findings.

    Returns:
        The network, with copies where values would have to lie at two places; which of its tensors
        lie together; and what can be placed only if the first layers stream.

    Raises:
        ModelError: the structure, a layer or the sum of all layers exceeds what the chip has.
    """
    found = (*_structure(network), *(f for lr in network.layers for f in layer_findings(lr)))
    if found:
        raise ModelError(found)
    network, arrangement = untied(network)
    layers = tuple(layer_need(network, layer) for layer in network.layers)
    tensors = tensor_needs(network)
    too_large = tuple(_data(network, arrangement, layers, tensors))
    found = (*_kernels(layers), *_biases(layers))
    if found:
        raise ModelError((*found, *_not_streamed(network, too_large)))
    return network, arrangement, too_large


def _not_streamed(network: QuantNetwork, too_large: tuple[TooLarge, ...]) -> tuple[Diagnostic, ...]:
    """What does not fit because the layers that would have to stream for it cannot."""
    if not too_large:
        return ()
    count = max(large.streams for large in too_large)
    reasons = obstacles(network, count, DataOrder.HWC)
    return (*(large.finding for large in too_large), *reasons) if reasons else ()


def _structure(network: QuantNetwork) -> Iterator[Diagnostic]:
    if not network.layers:
        yield findings.no_layers()
    if len(network.layers) > limits.MAX_LAYERS:
        yield findings.too_many_layers(len(network.layers))
    for layer in network.layers:
        for name in layer.inputs:
            shape = network.value(name).shape
            pixels = layer.spec.in_size[0] * layer.spec.in_size[1]
            if (shape[0], shape[1] * shape[2]) != (layer.spec.in_channels, pixels):
                yield findings.reshaped_channels(layer, shape)
    yield from _contract(network)


def _contract(network: QuantNetwork) -> Iterator[Diagnostic]:
    """What is interleaved has a single reader; joins are read by convolutions."""
    joins = {join.output for join in network.joins}
    readers = Counter(name for layer in network.layers for name in layer.inputs)
    readers += Counter(part for join in network.joins for part in join.inputs)
    for layer in network.layers:
        operands = layer.inputs if layer.spec.operands > 1 else ()
        for name in operands:
            alone = readers[name] == 1 and name not in network.outputs
            if not alone or name == network.input or name in joins:
                yield findings.breaks_contract(layer.name, f"the operand {name} has other uses")
        if layer.spec.kind is Kind.PASSTHROUGH and joins & {*layer.inputs}:
            yield findings.breaks_contract(layer.name, "copies a concatenation")
    for join in network.joins:
        channels = [network.value(name).shape[0] for name in join.inputs]
        several = join_passes(join_layout(channels)) > 1
        for name in join.inputs:
            alone = readers[name] == 1 and name not in network.outputs
            if several and (not alone or name == network.input):
                yield findings.breaks_contract(join.output, f"the part {name} has other uses")


def _kernels(layers: tuple[LayerNeed, ...]) -> Iterator[Diagnostic]:
    for need in layers:
        if need.kernel_words > limits.KERNEL_MEMORY_WORDS:
            yield findings.layer_exceeds_kernel_memory(need)
    if sum(need.kernel_bytes for need in layers) > mem.TOTAL_KERNEL_BYTES:
        yield findings.too_many_weights(layers)
        return
    middle = [n for n in layers if n.processors > mem.PROCESSORS // 2 and n.kernel_words]
    if middle:
        words = sum(aligned_words(n.kernel_words) for n in middle[:-1]) + middle[-1].kernel_words
        single = any(n.kernel_words > limits.KERNEL_MEMORY_WORDS for n in middle)
        if words > limits.KERNEL_MEMORY_WORDS and not single:
            yield findings.middle_exceeds_kernel_memory(middle, words)


def _biases(layers: tuple[LayerNeed, ...]) -> Iterator[Diagnostic]:
    too_long = [n for n in layers if n.bias_bytes > limits.BIAS_MEMORY_BYTES]
    yield from map(findings.layer_exceeds_bias_memory, too_long)
    total = sum(need.bias_bytes for need in layers)
    if total > mem.QUADRANTS * mem.BIAS_BYTES and not too_long:
        yield findings.biases_do_not_pack(layers)


def _data(
    network: QuantNetwork,
    arrangement: Arrangement,
    layers: tuple[LayerNeed, ...],
    tensors: tuple[TensorNeed, ...],
) -> Iterator[TooLarge]:
    source = tensors[0]
    hwc = mem.WORD_BYTES * source.words(DataOrder.HWC)
    chw = (
        mem.WORD_BYTES * source.words(DataOrder.CHW) if chw_possible(network, arrangement) else None
    )
    if min(hwc, hwc if chw is None else chw) > mem.DATA_BYTES:
        yield TooLarge(findings.input_exceeds_data_memory(source, hwc, chw), 1)
    for number, (need, tensor) in enumerate(zip(layers, tensors[1:], strict=True), 1):
        size = mem.WORD_BYTES * tensor.words(DataOrder.HWC)
        if size > mem.DATA_BYTES:
            finding = findings.tensor_exceeds_data_memory(tensor, need.name, size)
            yield TooLarge(finding, number + 1)
    in_place = overwriting(network, arrangement)
    piece_of = {t: i for i, piece in enumerate(arrangement.pieces) for t in piece.tensors}
    for index, (layer, reading) in enumerate(zip(network.layers, arrangement.sources, strict=True)):
        tied = layer.spec.kind is Kind.PASSTHROUGH
        first = reading.tensors[0]
        possible = (piece_of[first], piece_of[index + 1]) in in_place
        if (tied or first) and not possible and len(reading.tensors) == 1:
            shared = _shared_data(layer.name, tensors[first], tensors[index + 1], tied=tied)
            yield from (TooLarge(finding, index + 1) for finding in shared)


def _shared_data(
    layer: str, read: TensorNeed, written: TensorNeed, *, tied: bool
) -> Iterator[Diagnostic]:
    """A layer whose input and output have to share data memories, and do not fit together."""
    sizes = [mem.WORD_BYTES * t.words(DataOrder.HWC) for t in (read, written)]
    memories = read.memories(DataOrder.HWC) + written.memories(DataOrder.HWC)
    share = tied or memories > mem.DATA_MEMORIES
    if share and max(sizes) <= mem.DATA_BYTES < sum(sizes):
        yield findings.layer_exceeds_data_memory(layer, *sizes)
