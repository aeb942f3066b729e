"""Narrower weights for networks that do not fit: which layers, how narrow, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.narrowing import choices, free_layers, hollow, price, with_choice
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, quantize
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s3_quantize.wiring import layer_nodes, layer_of
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s4_map.needs import layer_need
from mxdeploy.trace import Steps, unwatched
from mxdeploy.width_choice import first_good

NARROWER: tuple[WeightBits, ...] = (4, 2)
"""Widths that are tried, in this order; one bit (0 and -1) is for networks trained so."""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer made narrower."""

    layer: str
    bits: WeightBits


def fitting_steps(network: Network, options: QuantizeOptions) -> tuple[Step, ...]:
    """The fewest layers with narrower weights with which the network fits on the chip.

    Layers that only copy come first (two bits cost them nothing), then the largest layers at 4
    bits, then at 2. Layers whose width the user chose keep it.

    Args:
        network: legalized.
        options: the widths to start from.

    Returns:
        Steps in order, at most one per layer; empty when the network fits as it is.

    Raises:
        ModelError: it does not fit with all these steps either; carries what the mapping said about
            the widths to start from.
    """
    guessed = quantize(network, None, replace(options, guess_ranges=True))
    failure = _failure(guessed, {})
    if failure is None:
        return ()
    free = free_layers(network, options)
    if _failure(guessed, dict.fromkeys(free, NARROWER[-1])) is not None:
        raise ModelError((*failure.diagnostics, _narrower_is_no_help(len(free))))
    steps = _steps(network, guessed, free)
    low, high = 0, len(steps)  # the first ``low`` steps are not enough, the first ``high`` are
    while high - low > 1:
        middle = (low + high) // 2
        if _failure(guessed, _widths(steps[:middle])) is None:
            high = middle
        else:
            low = middle
    return tuple(Step(layer, bits) for layer, bits in _widths(steps[:high]).items())


def with_steps(options: QuantizeOptions, steps: Sequence[Step]) -> QuantizeOptions:
    """The options with other widths for the layers of ``steps``."""
    rules = tuple(WidthRule(pattern=step.layer, bits=step.bits, exact=True) for step in steps)
    return replace(options, widths=(*options.widths, *rules))


def quantize_to_fit(
    network: Network,
    data: NDArray[np.float32] | None,
    options: QuantizeOptions,
    on_step: Steps = unwatched,
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """Quantize with narrow layers that let the network fit, and say what that costs.

    With calibration data, the widths that cost the outputs least; else the fewest layers.

    Args:
        network: legalized.
        data: calibration data, after the network's head; None when the model declares its ranges.
        options: the widths to start from.
        on_step: told how far it is.

    Raises:
        UsageError, ModelError: as :func:`quantize`, and when nothing makes the network fit.
    """
    steps = fitting_steps(network, options)
    if not steps:
        return quantize(network, data, options), ()
    chosen = with_steps(options, steps)
    if data is not None:
        guessed = quantize(network, None, replace(options, guess_ranges=True))
        known = choices(network, data, options, on_step)
        # What is smaller fits as well, but for rare cases of awkward placement.
        place = first_good(len(known), lambda k: _failure(guessed, known[k].widths) is None)
        chosen = chosen if place is None else with_choice(options, known[place])
    narrow = quantize(network, data, chosen)
    return narrow, price(network, data, options, narrow, "so that the network fits")


def _steps(network: Network, guessed: QuantNetwork, free: Sequence[str]) -> list[Step]:
    """What may be made narrower, in the order in which it is."""
    size = {layer.name: layer_need(guessed, layer).kernel_bytes for layer in guessed.layers}
    width = {layer.name: layer.weight_bits for layer in guessed.layers}
    copies = [node.name for node in layer_nodes(network) if is_copy(layer_of(node))]
    steps = [Step(name, NARROWER[-1]) for name in free if name in copies]
    others = sorted(set(free).difference(copies), key=lambda name: (-size[name], name))
    steps += [Step(name, bits) for bits in NARROWER for name in others]
    return [step for step in steps if step.bits < width[step.layer]]


def _widths(steps: Sequence[Step]) -> dict[str, WeightBits]:
    return {step.layer: step.bits for step in steps}


def _failure(network: QuantNetwork, widths: Mapping[str, WeightBits]) -> ModelError | None:
    """What the mapping says against the network with these widths; None when it fits."""
    layers = tuple(hollow(layer, widths.get(layer.name)) for layer in network.layers)
    try:
        map_network(replace(network, layers=layers))
    except ModelError as error:
        return error
    return None


def _narrower_is_no_help(count: int) -> Diagnostic:
    """Even the narrowest weights leave the network too large."""
    return Diagnostic(
        code="MX3017",
        where="--fit",
        what=f"the network does not fit with {NARROWER[-1]}-bit weights in "
        f"{text.count(count, 'layer')} either",
        why="narrower weights shrink kernel memory only, and layers whose width was chosen keep it",
        fix="see the findings above",
    )
