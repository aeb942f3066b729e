"""Where everything lies on the chip: processors, kernel memory, bias memory, data memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.limits import WIDE_OUTPUT_BITS
from mxdeploy.ir.quantized import QuantNetwork


class DataOrder(StrEnum):
    """Order of a tensor in data memory.

    HWC: a word holds four channels of one pixel. CHW: a word holds four pixels of one channel
    (input of the first layer only).
    """

    HWC = "HWC"
    CHW = "CHW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A tensor in data memory.

    The word of pixel ``p`` and pass ``e`` in the memory of a processor is
    ``offset_bytes / 4 + p * step_words + e * (gap + 1)`` for 8-bit HWC data; 32-bit data take four
    words per group of four channels, CHW data four pixels per word.

    A join (a concatenation along the channels) has ``parts``: its channels are those of the parts,
    one part after the other, each where its own region says. Its ``processors`` are those of all
    parts, its ``offset_bytes`` the lowest, and its ``passes`` cover all parts' words of a pixel:
    the word of pass ``e`` is ``offset_bytes / 4 + p * passes + e``.

    Attributes:
        value: name of the value.
        processors: 64-bit mask; channel ``c`` is in pass ``c // n`` on the ``c % n``-th set bit,
            with ``n`` the number of set bits.
        offset_bytes: first byte inside each data memory, multiple of 4.
        passes: words per pixel (channels divided by processors, rounded up).
        order: HWC or CHW.
        bits: 8 or 32.
        gap: words left free between this tensor's words (interleaved operands).
        pixel_words: words from a pixel to the next where other tensors' words lie between them
            (parts of a join of several passes); 0 when only the gap lies between.
        parts: the parts of a join, in the order of its channels; empty otherwise.
    """

    value: str
    processors: int
    offset_bytes: int
    passes: int
    order: DataOrder = DataOrder.HWC
    bits: int = 8
    gap: int = 0
    pixel_words: int = 0
    parts: tuple[RegionPart, ...] = ()

    @property
    def step_words(self) -> int:
        """Words from a pixel to the next (of 8-bit HWC data)."""
        return self.pixel_words or self.passes * (self.gap + 1)

    @property
    def is_packed(self) -> bool:
        """Nothing lies between the tensor's words, and it is no join."""
        return self.step_words == self.passes and not self.parts

    @property
    def words_per_pass(self) -> int:
        """Words that a pixel takes in a pass: 1, or 4 of 32-bit data (one for each channel)."""
        return mem.PROCESSORS_PER_MEMORY if self.is_wide else 1

    @property
    def is_wide(self) -> bool:
        """Whether it holds 32-bit accumulators."""
        return self.bits == WIDE_OUTPUT_BITS

    def in_quadrant(self, quadrant: int) -> int:
        """The 16-bit mask of the region's processors in ``quadrant`` (0..3)."""
        ones = (1 << mem.PROCESSORS_PER_QUADRANT) - 1
        return self.processors >> quadrant * mem.PROCESSORS_PER_QUADRANT & ones

    @property
    def quadrants(self) -> tuple[int, ...]:
        """Quadrants with at least one of the region's processors."""
        return tuple(q for q in range(mem.QUADRANTS) if self.in_quadrant(q))

    @property
    def time_slots(self) -> int:
        """Groups of four processors in the quadrant that has the most (pass-through)."""
        most = max(self.in_quadrant(q).bit_count() for q in range(mem.QUADRANTS))
        return -(-most // mem.PROCESSORS_PER_MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPart:
    """A part of a join.

    Attributes:
        region: where it lies; no join itself.
        channels: its channels.
    """

    region: Region
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSlot:
    """A layer's kernels: the same words on each of its processors.

    Attributes:
        start_word: first 72-bit word, multiple of 4.
        words: number of words.
    """

    start_word: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasSlot:
    """A layer's biases: consecutive bytes in the bias memory of one quadrant.

    One byte for each output slot, in the order of the kernels; slots without a channel hold zero.
    """

    quadrant: int
    start_byte: int
    length_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """Placement of one hardware layer.

    Attributes:
        index: number of the hardware layer, 0..31.
        name: name of the QuantLayer.
        inputs: one region per operand (interleaved operands differ in ``offset_bytes`` by 4).
        output: region written.
        in_passes: words read per pixel and operand (flatten: per input pixel as well).
        out_passes: output words per pixel.
        kernels: kernel memory, None for pass-through.
        bias: bias memory, None without bias.
        cycles: estimated CNN clock cycles; of a layer that streams its own work, without waiting.
        ring_words: words of each data memory, from the input's offset on, in which the input of a
            layer that streams circulates; 0 when the layer reads its input as a whole.
    """

    index: int
    name: str
    inputs: tuple[Region, ...]
    output: Region
    in_passes: int
    out_passes: int
    kernels: KernelSlot | None
    bias: BiasSlot | None
    cycles: int
    ring_words: int = 0

    @property
    def streams(self) -> bool:
        """The layer works while the layer before it (or the host) still writes its input."""
        return self.ring_words > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The network as placed.

    Attributes:
        network: what is placed.
        layers: in order of execution, one per QuantLayer; those that stream come first.
        input: where the network's input lies.
        outputs: where the host reads each output.
        quadrants: quadrants in use (quadrant 0 always).
        cycles: estimated CNN clock cycles of one inference, start included; with layers that
            stream a rough estimate, which includes the host that delivers the input.
        fifo: the host writes the input, word by word, to the FIFOs of the quadrants in which it
            lies, after the start; otherwise to data memory, before the start.
        realization: the network as the layers compute it, where that is not ``network``: the same
            layers and values, but values may have further channels behind their own, and layers
            other kernels. None: they compute ``network`` as it is.
        input_fill: what the host writes to those further channels of the input.
    """

    network: QuantNetwork
    layers: tuple[LayerPlan, ...]
    input: Region
    outputs: tuple[Region, ...]
    quadrants: tuple[int, ...]
    cycles: int
    fifo: bool = False
    realization: QuantNetwork | None = None
    input_fill: int = 0

    @property
    def hardware(self) -> QuantNetwork:
        """The network as the layers compute it."""
        return self.network if self.realization is None else self.realization

    @property
    def streams(self) -> int:
        """Number of layers that stream: the first ones."""
        return sum(layer.streams for layer in self.layers)

    def ring_words(self, value: str) -> int:
        """Words of the ring in which a value circulates; 0 for those that exist as a whole."""
        return sum(x.ring_words for x in self.layers if x.streams and x.inputs[0].value == value)

    def verify(self) -> None:
        """Check that the plan is about its network: same layers, same values, same order.

        Whether the placement keeps the chip's rules is for the mapping's verifier to say.

        Raises:
            ValueError: names the first layer or region that does not belong.
        """
        if len(self.layers) != len(self.network.layers):
            raise ValueError(f"{len(self.layers)} layers for {len(self.network.layers)}")
        for index, (layer, placed) in enumerate(zip(self.network.layers, self.layers, strict=True)):
            inputs = tuple(region.value for region in placed.inputs)
            found = (placed.index, placed.name, inputs, placed.output.value)
            if found != (index, layer.name, layer.inputs, layer.output):
                raise ValueError(f"{placed.name} does not stand for layer {index}, {layer.name}")
        outputs = tuple(region.value for region in self.outputs)
        if (self.input.value, outputs) != (self.network.input, self.network.outputs):
            raise ValueError("input and outputs are not those of the network")
        if self.realization is not None:
            _verify_realization(self.network, self.realization)

    def to_text(self) -> str:
        """Stable text, one line per layer."""
        lines = [f"plan {self.network.name}: {self.cycles} cycles"]
        lines.append(f"  input {_region(self.input)}{' through FIFOs' if self.fifo else ''}")
        for layer in self.layers:
            kernels = (
                f"kernels {layer.kernels.start_word}+{layer.kernels.words}"
                if layer.kernels
                else "no kernels"
            )
            bias = (
                f"bias q{layer.bias.quadrant} {layer.bias.start_byte}+{layer.bias.length_bytes}"
                if layer.bias
                else "no bias"
            )
            ring = f"ring of {layer.ring_words} words; " if layer.streams else ""
            lines.append(
                f"  {layer.index} {layer.name}: {' + '.join(_region(r) for r in layer.inputs)} -> "
                f"{_region(layer.output)}; {ring}{kernels}; {bias}; passes {layer.in_passes} -> "
                f"{layer.out_passes}; {layer.cycles} cycles"
            )
        lines += [f"  output {_region(r)}" for r in self.outputs]
        return "\n".join(lines) + "\n"


def _verify_realization(network: QuantNetwork, realization: QuantNetwork) -> None:
    """Check that the layers of a realization stand for those of the network."""
    realization.verify()
    wanted, found = (
        [(n.input, n.outputs), *((x.name, x.inputs, x.output) for x in n.layers)]
        for n in (network, realization)
    )
    if found != wanted:
        raise ValueError("the realization has other layers than the network")
    for value in network.values:
        channels, *size = realization.value(value.name).shape
        if channels < value.shape[0] or tuple(size) != value.shape[1:]:
            raise ValueError(f"{value.name}: the realization has shape {[channels, *size]}")
    for name in network.outputs:
        if realization.value(name).shape != network.value(name).shape:
            raise ValueError(f"{name}: an output with further channels")


def _region(region: Region) -> str:
    wide = " 32-bit" if region.bits != 8 else ""  # noqa: PLR2004 - the ordinary width
    return (
        f"{region.value}@0x{region.offset_bytes:04x} on 0x{region.processors:016x} "
        f"{region.order}{wide}"
    )
