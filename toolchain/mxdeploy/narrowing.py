"""Narrower weights where they cost least: within a given memory, or for a given accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, output_noise, quantize
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s3_quantize.sensitivity import (
    TWO_VALUES,
    WIDTHS,
    Noise,
    sensitivities,
)
from mxdeploy.stages.s3_quantize.widths import layer_widths
from mxdeploy.stages.s3_quantize.wiring import layer_nodes, layer_of
from mxdeploy.stages.s4_map.needs import LayerNeed, layer_need
from mxdeploy.text import count
from mxdeploy.trace import Steps, unwatched
from mxdeploy.width_choice import Choice, Cost, WeightMemory, best_choices

FloatArray = NDArray[np.float32]
Answers = NDArray[np.integer]

_SUPPOSED: Noise = {bits: 4.0**-bits for bits in WIDTHS}
"""Noise of narrow weights where nothing is known: a bit less is 6 dB more."""
_MODERATE: tuple[WeightBits, ...] = (8, 4)
"""Noises of two bits add up less exactly than others do: choices without them are tried, too."""


def free_layers(network: Network, options: QuantizeOptions) -> list[str]:
    """Layers with weights whose width the user did not choose by name."""
    chosen = {rule.pattern for rule in options.widths}
    return [
        node.name
        for node in layer_nodes(network)
        if layer_of(node).weight is not None and not chosen.intersection((node.name, *node.origin))
    ]


def hollow(layer: QuantLayer, bits: WeightBits | None) -> QuantLayer:
    """A layer with narrower weights, none of them zero that was not: enough to place it."""
    if layer.weight is None or bits is None or bits >= layer.weight_bits:
        return layer
    present = -(layer.weight.array != 0).astype(np.int8)
    return replace(layer, weight=Tensor(present), weight_bits=bits)


def kernel_bytes(network: QuantNetwork) -> int:
    """Kernel memory of all layers, on all processors together."""
    return sum(need.kernel_bytes for need in _needs(network))


def _needs(network: QuantNetwork) -> list[LayerNeed]:
    return [layer_need(network, layer) for layer in network.layers]


def choices(
    network: Network, data: FloatArray, options: QuantizeOptions, on_step: Steps = unwatched
) -> tuple[Choice, ...]:
    """The best choices of widths for the free layers, the largest first; sizes are of all layers.

    Args:
        network: legalized.
        data: calibration data, after the network's head.
        options: the widths to start from.
        on_step: told how far it is.
    """
    return _choices(network, options, sensitivities(network, data, options, on_step))


def _choices(
    network: Network,
    options: QuantizeOptions,
    noise: Mapping[str, Noise],
    widths: tuple[WeightBits, ...] = (*WIDTHS, TWO_VALUES),
) -> tuple[Choice, ...]:
    """The best choices among these widths, and those that cost a layer nothing."""
    guessed = quantize(network, None, replace(options, guess_ranges=True))
    free = set(free_layers(network, options))
    costs: dict[str, Mapping[WeightBits, Cost]] = {}
    fixed = 0
    for layer in guessed.layers:
        if layer.name not in free:
            fixed += layer_need(guessed, layer).kernel_bytes
            continue
        known = noise[layer.name]
        costs[layer.name] = {
            bits: Cost(layer_need(guessed, hollow(layer, bits)).kernel_bytes, known[bits])
            for bits in known
            if bits <= layer.weight_bits and (bits in widths or not known[bits])
        } or {layer.weight_bits: Cost(layer_need(guessed, layer).kernel_bytes, 0.0)}  # type: ignore[dict-item]
    return tuple(replace(choice, size=choice.size + fixed) for choice in best_choices(costs))


def supposed_choice(network: Network, options: QuantizeOptions, memory: WeightMemory) -> Choice:
    """A choice within so much memory without calibration data, for a look at the placement.

    Narrow weights are supposed to cost every layer the same, and copies nothing.

    Args:
        network: legalized.
        options: the widths to start from.
        memory: kernel memory on all processors together.

    Raises:
        ModelError: not even the narrowest weights are so small.
    """
    noise = {
        node.name: dict.fromkeys(WIDTHS, 0.0) if is_copy(layer_of(node)) else _SUPPOSED
        for node in layer_nodes(network)
    }
    limit = memory.bytes_of(_needs(quantize(network, None, options)))
    known = _choices(network, options, noise)
    affordable = [choice for choice in known if choice.size <= limit]
    if not affordable:
        raise ModelError(_too_little(memory, limit, known[-1]))
    return affordable[0]


def with_choice(options: QuantizeOptions, choice: Choice) -> QuantizeOptions:
    """The options with the widths of a choice."""
    rules = tuple(
        WidthRule(pattern=name, bits=bits, exact=True) for name, bits in choice.widths.items()
    )
    return replace(options, widths=(*options.widths, *rules))


def quantize_to_size(
    network: Network,
    data: FloatArray | None,
    options: QuantizeOptions,
    memory: WeightMemory,
    on_step: Steps = unwatched,
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """Quantize with the widths that cost the outputs least within so much kernel memory.

    Args:
        network: legalized.
        data: calibration data, after the network's head.
        options: the widths to start from.
        memory: kernel memory on all processors together.
        on_step: told how far it is.

    Raises:
        UsageError: no calibration data; or as :func:`quantize`.
        ModelError: not even the narrowest weights are so small; or as :func:`quantize`.
    """
    if data is None:
        raise UsageError(no_data("--weight-memory"))
    guessed = quantize(network, None, replace(options, guess_ranges=True))
    limit = memory.bytes_of(_needs(guessed))
    if kernel_bytes(guessed) <= limit:
        return quantize(network, data, options), ()
    noise = sensitivities(network, data, options, on_step)
    wanted: list[Choice] = []
    for known in (
        _choices(network, options, noise),
        _choices(network, options, noise, _MODERATE),
        _choices(network, options, _evened(noise)),
    ):
        affordable = [choice for choice in known if choice.size <= limit]
        if not affordable and not wanted:
            raise ModelError(_too_little(memory, limit, known[-1]))
        if affordable and all(affordable[0].widths != one.widths for one in wanted):
            wanted.append(affordable[0])
    found = []
    for place, one in enumerate(wanted):
        on_step(place, len(wanted), f"trying weights of {one.size:,} bytes")
        found.append(quantize(network, data, with_choice(options, one)))
    result = min(found, key=output_noise)
    return result, price(network, data, options, result, f"to take at most {limit:,} bytes")


def _evened(noise: Mapping[str, Noise]) -> dict[str, Noise]:
    """As if narrow weights cost all layers the same that they cost at all.

    What one layer alone costs does not show how far later layers take it up, so that as many wide
    layers as the memory holds may serve the outputs better than those that seem to need it.
    """
    return {
        name: {bits: 4.0**-bits if one else 0.0 for bits, one in known.items()}
        for name, known in noise.items()
    }


def price(
    network: Network,
    data: FloatArray | None,
    options: QuantizeOptions,
    narrow: QuantNetwork,
    reason: str,
) -> tuple[Diagnostic, ...]:
    """What narrow weights save and cost; nothing when none became narrower."""
    before = layer_widths(network, options)
    changed = [
        layer
        for layer in narrow.layers
        if layer.weight is not None and layer.weight_bits < before[layer.name]
    ]
    if not changed:
        return ()
    wide = quantize(network, data, replace(options, measure=False))
    names = ", ".join(f"{layer.name}: {count(layer.weight_bits, 'bit')}" for layer in changed)
    return (
        Diagnostic(
            code="MX3016",
            where="network",
            what=f"narrower weights in {count(len(changed), 'layer')}, {reason} ({names}); "
            f"kernels take {kernel_bytes(narrow):,} instead of {kernel_bytes(wide):,} bytes",
            why=_cost(wide, narrow),
            fix="mxdeploy evaluate on labelled data says what it means; other choices: "
            "--weight-bits",
            severity="note",
        ),
    )


def _cost(wide: QuantNetwork, narrow: QuantNetwork) -> str:
    """Signal to quantization noise of the outputs with and without the narrow weights."""
    lines = []
    for name in narrow.outputs:
        ratios = [
            layer.quality.sqnr_db
            for network in (wide, narrow)
            for layer in network.layers
            if layer.output == name and layer.quality is not None
        ]
        known = [ratio for ratio in ratios if ratio is not None]
        if len(known) == len((wide, narrow)):
            noise = 100 * 10 ** (-known[1] / 20)
            lines.append(
                f"output {name}: noise {known[0]:.1f} dB below the signal becomes {known[1]:.1f} dB"
                f" ({noise:.2g} %) on the calibration data"
            )
    return "; ".join(lines) or "without calibration data the price is not known"


def no_data(option: str) -> Diagnostic:
    """Widths follow from what calibration shows."""
    return Diagnostic(
        code="MX3019",
        where=option,
        what="there are no calibration data, or too few",
        why="which layers may have narrow weights is measured on calibration data",
        fix="--calib FILE, or name the layers: --weight-bits LAYER=4",
    )


def left_open(memory: str | None, drop: float | None) -> tuple[Diagnostic, ...]:
    """What cannot be known of a build's widths without calibration data."""
    if memory is not None:
        where, what = f"--weight-memory {memory}", "which layers get narrow weights is supposed"
    elif drop is not None:
        where, what = f"--max-drop {drop:g}", "is not considered: no weights are made narrower"
    else:
        return ()
    return (
        Diagnostic(
            code="MX3024",
            where=where,
            what=what,
            why="build decides it on calibration data; check has none",
            severity="note",
        ),
    )


def _too_little(memory: WeightMemory, limit: int, least: Choice) -> Diagnostic:
    ones = sum(bits == TWO_VALUES for bits in least.widths.values())
    one_bit = (
        f"one bit (0 and -1) in {ones} of them, which lose next to nothing with it"
        if ones
        else "with one bit (0 and -1) each of them loses too much"
    )
    return Diagnostic(
        code="MX3020",
        where=f"--weight-memory {memory}",
        what=f"the weights take {least.size:,} bytes at least, not {limit:,}",
        why=f"that is with {WIDTHS[-1]} bits in all layers whose width was not chosen; {one_bit}",
        fix=f"--weight-memory {least.size}, or a smaller network",
    )


def one_wish(*, fit: bool, memory: str | None, drop: float | None) -> None:
    """Check that widths are to follow from one wish at most.

    Raises:
        UsageError: from several.
    """
    given = {"--fit": fit, "--weight-memory": memory is not None, "--max-drop": drop is not None}
    names = [name for name, is_given in given.items() if is_given]
    if len(names) > 1:
        raise UsageError(
            Diagnostic(
                code="MX3022",
                where=" ".join(names),
                what="the widths of the weights cannot follow from several wishes",
                why="each of them alone decides every width",
                fix=f"one of {', '.join(names)}",
            )
        )
