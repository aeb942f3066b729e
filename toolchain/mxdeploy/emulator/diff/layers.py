"""Two layers in parts: what they compute, with which numbers, and where everything lies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.accelerator.describe import LayerDescription, Operation, Writing
from mxdeploy.emulator.accelerator.execute import output_starts, output_step, passthrough_starts
from mxdeploy.emulator.diff.flow import FROM_INPUT
from mxdeploy.emulator.diff.network import NetworkLayer
from mxdeploy.emulator.diff.numbers import NumberDiff, compare_numbers, padded
from mxdeploy.text import ranges

Parts = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One aspect of a layer that differs, in words."""

    name: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDiff:
    """Two layers that stand for each other, or one alone.

    Attributes:
        a: number of the layer in A, None when only B has it.
        b: number of the layer in B, None when only A has it.
        text: what the layer is, in one line (A's, unless only B has it).
        short: the same, shorter.
        geometry: differing sizes: channels, pixels, windows, kernels.
        operation: what else differs in what is computed.
        placement: what lies elsewhere or is done in another way with the same result.
        weights: differing kernels; None when there is nothing to compare.
        bias: differing biases; None when there is nothing to compare.
        outputs_same: both computed the same values; None when inputs differ or one did not run.
        cycles_a: CNN clock cycles in A.
        cycles_b: CNN clock cycles in B.
    """

    a: int | None
    b: int | None
    text: str
    short: str
    geometry: tuple[Part, ...] = ()
    operation: tuple[Part, ...] = ()
    placement: tuple[Part, ...] = ()
    weights: NumberDiff | None = None
    bias: NumberDiff | None = None
    outputs_same: bool | None = None
    cycles_a: int | None = None
    cycles_b: int | None = None

    @property
    def paired(self) -> bool:
        """Whether both programs have the layer."""
        return self.a is not None and self.b is not None

    @property
    def computes_same(self) -> bool:
        """Sizes and operations agree."""
        return self.paired and not (self.geometry or self.operation)

    @property
    def numbers_same(self) -> bool:
        """Weights and biases agree."""
        return self.paired and not any(
            numbers is not None and numbers.different for numbers in (self.weights, self.bias)
        )


def compare_layers(
    a: Sequence[NetworkLayer], b: Sequence[NetworkLayer], *, same_input: bool
) -> tuple[LayerDiff, ...]:
    """Pair the layers of two programs and compare each pair.

    Layers are paired by number when there are equally many, else by what they compute.

    Args:
        a: layers of A.
        b: layers of B.
        same_input: both programs ran on the same input, so that outputs can be compared.
    """
    pairs = list(_pairs(a, b))
    partner = {i: j for i, j in pairs if i is not None and j is not None}
    return tuple(
        _compare(a[i], b[j], partner, same_input=same_input)
        if i is not None and j is not None
        else _alone(a, b, i, j)
        for i, j in pairs
    )


def _pairs(
    a: Sequence[NetworkLayer], b: Sequence[NetworkLayer]
) -> Iterator[tuple[int | None, int | None]]:
    if len(a) == len(b):
        yield from zip(range(len(a)), range(len(b)), strict=True)
        return
    left, right = ([repr(_geometry(x) | _operation(x)) for x in side] for side in (a, b))
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for _, first_a, end_a, first_b, end_b in matcher.get_opcodes():
        both = min(end_a - first_a, end_b - first_b)
        yield from ((first_a + n, first_b + n) for n in range(both))
        yield from ((i, None) for i in range(first_a + both, end_a))
        yield from ((None, j) for j in range(first_b + both, end_b))


def _alone(
    a: Sequence[NetworkLayer], b: Sequence[NetworkLayer], i: int | None, j: int | None
) -> LayerDiff:
    layer = a[i] if i is not None else b[j or 0]
    return LayerDiff(
        a=i,
        b=j,
        text=layer.description.to_text(),
        short=_short(layer),
        cycles_a=None if i is None else layer.cycles,
        cycles_b=None if j is None else layer.cycles,
    )


def _compare(
    a: NetworkLayer, b: NetworkLayer, partner: dict[int, int], *, same_input: bool
) -> LayerDiff:
    # Empty channels at the end may be there or not: they say nothing about the network.
    inputs = _may_agree((a.inputs, a.most_inputs), (b.inputs, b.most_inputs))
    outputs = _may_agree((a.outputs, a.most_outputs), (b.outputs, b.most_outputs))
    agreeing = {"input channels": inputs, "output channels": outputs}
    parts = _parts(_geometry(a), _geometry(b))
    return LayerDiff(
        a=a.description.number,
        b=b.description.number,
        text=a.description.to_text(),
        short=_short(a),
        geometry=tuple(part for part in parts if not agreeing.get(part.name)),
        operation=_parts(_operation(a), _operation(b)) + _sources(a, b, partner),
        placement=_parts(_placement(a.description), _placement(b.description)),
        weights=compare_numbers(a.weights, b.weights, fits=inputs and outputs),
        bias=compare_numbers(a.bias, b.bias, fits=outputs),
        outputs_same=_outputs_same(a, b) if same_input else None,
        cycles_a=a.cycles,
        cycles_b=b.cycles,
    )


def _may_agree(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two numbers, each known from a least to a most, can be the same."""
    return max(a[0], b[0]) <= min(a[1], b[1])


def _short(layer: NetworkLayer) -> str:
    """``64x32x32 max 2x2/2 conv 3x3 to 32``."""
    description = layer.description
    reading, pooling = description.reading, description.pooling
    parts = [f"{layer.inputs}x{reading.rows}x{reading.columns}"]
    if description.combining is not None:
        parts.append(f"{description.combining.function} of {reading.operands}")
    if pooling is not None:
        parts.append("{} {}x{}/{}".format(pooling.kind, *pooling.window, pooling.stride))
    if description.kernels is None:
        parts.append("pass")
    else:
        transposed = description.operation is Operation.TRANSPOSED
        kind = "deconv" if transposed else "conv"
        parts.append("{} {}x{} to {}".format(kind, *description.kernels.size, layer.outputs))
    return " ".join(parts)


def _outputs_same(a: NetworkLayer, b: NetworkLayer) -> bool | None:
    if a.output is None or b.output is None:
        return None
    left: NDArray[np.integer] = a.output
    right: NDArray[np.integer] = b.output
    if left.dtype != right.dtype or left.shape[1:] != right.shape[1:]:
        return False
    left, right = padded(left, right, (0,))
    return bool(np.array_equal(left, right))


def _parts(a: Parts, b: Parts) -> tuple[Part, ...]:
    names = dict.fromkeys((*a, *b))
    return tuple(
        Part(name=name, a=a.get(name, "none"), b=b.get(name, "none"))
        for name in names
        if a.get(name) != b.get(name)
    )


# --- what a layer computes ----------------------------------------------------------------------


def _geometry(layer: NetworkLayer) -> Parts:
    description = layer.description
    reading, pooling, kernels = description.reading, description.pooling, description.kernels
    parts = {
        "input channels": str(layer.inputs),
        "input size": f"{reading.rows}x{reading.columns}",
        "output channels": str(layer.outputs),
        "output size": "{}x{}".format(*description.out_size),
        "operands": str(reading.operands),
    }
    if pooling is not None:
        parts["pooling window"] = "{}x{}".format(*pooling.window)
        parts["pooling stride"] = str(pooling.stride)
    if kernels is not None:
        parts["kernel"] = "{}x{}".format(*kernels.size)
        parts["padding"] = "{}x{}".format(*description.pad)
    return parts


def _operation(layer: NetworkLayer) -> Parts:
    description = layer.description
    parts = {"operation": str(description.operation)}
    if description.pooling is not None and description.pooling.window != (1, 1):
        parts["pooling"] = description.pooling.kind
        if description.pooling.kind == "average":
            parts["pooling"] += " to nearest" if description.pooling.rounding else " rounded down"
    if description.combining is not None:
        parts["element-wise"] = description.combining.function
        if description.pooling is not None:
            order = "before" if description.combining.pool_first else "after"
            parts["pooling order"] = f"{order} the element-wise operation"
    if description.kernels is not None:
        parts["weight bits"] = str(description.kernels.weight_bits)
    if description.scaling is not None:
        scaling = description.scaling
        parts["output width"] = "32 bit" if scaling.wide else "8 bit"
        if not scaling.wide:
            parts["shift"] = f"{scaling.shift:+d}"
            parts["activation"] = str(scaling.activation)
    return parts


def _sources(a: NetworkLayer, b: NetworkLayer, partner: dict[int, int]) -> tuple[Part, ...]:
    """Where the operands come from, B's layers counted as their partners in A."""
    moved = tuple(
        tuple(sorted(partner.get(index, -2) if index >= 0 else index for index in operand))
        for operand in a.sources
    )
    there = tuple(tuple(sorted(operand)) for operand in b.sources)
    parts = []
    if moved != there:
        parts.append(Part(name="reads", a=_from(a.sources), b=_from(b.sources)))
    elif len(a.origins) == len(b.origins) and not np.array_equal(a.origins, b.origins):
        first = int(np.flatnonzero(a.origins != b.origins)[0])
        parts.append(
            Part(
                name="order of input channels",
                a=f"input {first} is output {a.origins[first]} of its source",
                b=f"input {first} is output {b.origins[first]}",
            )
        )
    return tuple(parts)


def _from(sources: Iterable[tuple[int, ...]]) -> str:
    def named(operand: tuple[int, ...]) -> str:
        return " and ".join("the input" if i == FROM_INPUT else f"layer {i}" for i in operand)

    return " with ".join(named(operand) or "nothing" for operand in sources)


# --- where it lies ------------------------------------------------------------------------------


def effective(layer: LayerDescription) -> tuple[object, ...]:
    """All of a layer that has an effect: the output's words instead of the pointers to them."""
    nowhere = Writing(bases=(), group_words=0, pass_words=0, time_slot_words=0, increment=0)
    flatten = layer.flatten and layer.reading.passes > 1
    rest = dataclasses.replace(layer, writing=nowhere, flatten=flatten)
    if layer.kernels is None:
        # Bases and steps count only where a quadrant writes.
        return rest, output_step(layer), _passthrough_words(layer)
    return rest, output_step(layer), output_starts(layer).tobytes()


def _passthrough_words(layer: LayerDescription) -> tuple[bytes, ...]:
    active = {p // mem.PROCESSORS_PER_QUADRANT for p in layer.reading.processors}
    return tuple(passthrough_starts(layer, quadrant).tobytes() for quadrant in sorted(active))


def _placement(layer: LayerDescription) -> Parts:
    reading = layer.reading
    parts = {
        "processors": ranges(reading.processors),
        "reads from": f"word {reading.word} ({4 * reading.word:#06x})",
        "input passes": str(reading.passes),
        "input data": "CHW" if reading.chw else "HWC",
        "writes to": _output_words(layer),
        "output step": f"{output_step(layer)} words per pixel",
        "output passes": str(layer.output_passes),
        "streaming": "yes" if layer.streaming else "no",
        "quadrants": "each by itself" if layer.independent else "together",
    }
    if layer.kernels is not None:
        kernels = layer.kernels
        parts["kernels start at"] = _kernel_start(layer)
        parts["output columns"] = f"{kernels.columns} ({kernels.slots} slots)"
        parts["quadrants summed"] = ranges(layer.summed)
    if layer.scaling is not None and layer.scaling.bias:
        places = (f"quadrant {quadrant} byte {byte}" for quadrant, byte in layer.scaling.bias)
        parts["bias in"] = ", ".join(places)
    return parts


def _kernel_start(layer: LayerDescription) -> str:
    kernels, _ = layer.products
    byte = (kernels.first >> 3) * kernels.elements + kernels.skipped_bytes
    word, rest = divmod(byte, mem.KERNEL_WORD_BYTES)
    bit = f", bit {kernels.first & 7}" if kernels.first & 7 else ""
    return f"word {word}{f' + {rest} bytes' if rest else ''}{bit}"


def _output_words(layer: LayerDescription) -> str:
    """The memories and the first word of the first pixel."""
    if layer.kernels is None:
        active = {p // mem.PROCESSORS_PER_QUADRANT for p in layer.reading.processors}
        starts = np.concatenate([passthrough_starts(layer, q).reshape(-1) for q in sorted(active)])
    else:
        starts = output_starts(layer)
    memories, words = np.divmod(starts, mem.DATA_WORDS)
    used = ranges(sorted({int(memory) for memory in memories}))
    first = int(words.min())
    return f"word {first} ({4 * first:#06x}) of memories {used}"
