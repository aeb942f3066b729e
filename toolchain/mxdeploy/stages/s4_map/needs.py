"""What tensors and layers need of the chip's memories, wherever they are placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.joining import PartPlace, join_layout, join_passes
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ops.layer import Kind, LayerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorNeed:
    """A tensor's share of the data memories.

    Attributes:
        value: name of the value.
        channels: channels.
        size: rows and columns.
        width: processors (channels per pass).
        passes: words per pixel and group of four processors.
        bits: 8 or 32.
    """

    value: str
    channels: int
    size: tuple[int, int]
    width: int
    passes: int
    bits: int

    @property
    def pixels(self) -> int:
        """Rows times columns."""
        return self.size[0] * self.size[1]

    @property
    def shape(self) -> str:
        """Channels, rows and columns, for people."""
        return f"{self.channels} x {self.size[0]} x {self.size[1]}"

    def words(self, order: DataOrder) -> int:
        """Words in each data memory that the tensor touches."""
        if order is DataOrder.CHW:
            return -(-self.pixels // layouts.LANES) * self.passes
        return self.pixels * self.passes * (self.bits // int(limits.DATA_BITS))

    def memories(self, order: DataOrder) -> int:
        """Number of data memories that the tensor touches."""
        if order is DataOrder.CHW:
            return self.width
        return -(-self.width // mem.PROCESSORS_PER_MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNeed:
    """A layer's share of kernel and bias memory.

    Attributes:
        name: the layer's name.
        in_passes: words read per pixel (flatten: words read in all).
        slots: output slots of all output passes.
        kernel_words: 72-bit words on each input processor; 0 for pass-through.
        processors: input processors (of all parts of a join).
        weight_bits: 8, 4, 2 or 1.
        bias_bytes: bytes of one bias memory, one for each output slot (those without a channel
            are read as well, and hold zero); 0 without (or with an all-zero) bias.
    """

    name: str
    in_passes: int
    slots: int
    kernel_words: int
    processors: int
    weight_bits: int
    bias_bytes: int

    @property
    def kernel_bytes(self) -> int:
        """Bytes of kernel memory on all processors together."""
        return self.kernel_words * self.processors * mem.KERNEL_WORD_BYTES


def tensor_need(value: QuantValue) -> TensorNeed:
    """What ``value`` needs; its channels must be within the chip's limit."""
    channels, rows, columns = value.shape
    return TensorNeed(
        value=value.name,
        channels=channels,
        size=(rows, columns),
        width=limits.channels_per_pass(channels),
        passes=limits.passes(channels),
        bits=value.bits,
    )


def tensor_needs(network: QuantNetwork) -> tuple[TensorNeed, ...]:
    """The tensors in data memory: the input, then the output of each layer."""
    names = (network.input, *(layer.output for layer in network.layers))
    return tuple(tensor_need(network.value(name)) for name in names)


def kernel_elements(spec: LayerSpec) -> int:
    """Weights in one stored kernel: 9 for 3x3, 1 for 1x1 and linear, the length for 1-D."""
    return 1 if spec.kind is Kind.LINEAR else spec.kernel[0] * spec.kernel[1]


def layer_need(network: QuantNetwork, layer: QuantLayer) -> LayerNeed:
    """What ``layer`` needs; its channels must be within the chip's limit."""
    spec = layer.spec
    places = source_places(network, layer)
    in_passes = join_passes(places)
    slots = limits.passes(spec.out_channels) * limits.channels_per_pass(spec.out_channels)
    if spec.flatten:
        in_passes *= spec.in_size[0] * spec.in_size[1]
        slots = spec.out_channels
    words = 0
    if spec.kind is not Kind.PASSTHROUGH:
        words = layouts.kernel_words(slots * in_passes, kernel_elements(spec), layer.weight_bits)
    has_bias = layer.bias is not None and bool(layer.bias.array.any())
    return LayerNeed(
        name=layer.name,
        in_passes=in_passes,
        slots=slots,
        kernel_words=words,
        processors=processor_count(places),
        weight_bits=layer.weight_bits,
        bias_bytes=slots if has_bias else 0,
    )


def processor_count(places: Sequence[PartPlace]) -> int:
    """Processors that parts at these places take together."""
    return len({p.first_processor + k for p in places for k in range(p.processors)})


def source_channels(network: QuantNetwork, layer: QuantLayer) -> tuple[int, ...]:
    """Channels of what ``layer`` reads: of an operand (all are alike), or of a join's parts."""
    join = network.join(layer.inputs[0])
    names = (layer.inputs[0],) if join is None else join.inputs
    return tuple(network.value(name).shape[0] for name in names)


def source_places(network: QuantNetwork, layer: QuantLayer) -> tuple[PartPlace, ...]:
    """Where the parts of what ``layer`` reads lie relative to each other (one: not a join)."""
    return join_layout(source_channels(network, layer))


def aligned_words(words: int) -> int:
    """Kernel words up to the next start a layer may have."""
    step = int(limits.KERNEL_START_ALIGNMENT)
    return -(-words // step) * step
