"""Narrower weights where they cost least: within a given memory, or for a given accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, output_noise, quantize
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s3_quantize.sensitivity import WIDTHS, Noise, sensitivities
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s3_quantize.wiring import layer_nodes, layer_of
from mxdeploy.stages.s4_map.needs import layer_need
from mxdeploy.width_choice import Choice, Cost, WeightMemory, best_choices, first_good

FloatArray = NDArray[np.float32]
Answers = NDArray[np.integer]

_JUDGES = 1024
"""Calibration inputs that judge accuracy, at most."""
_MODERATE: tuple[WeightBits, ...] = (8, 4)
"""Later layers take up less of what two bits lose than of other noise: so both are tried."""
_TRIALS = 33
"""Choices between the largest and the smallest among which accuracy decides."""
_BATCH = 64


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
    return sum(layer_need(network, layer).kernel_bytes for layer in network.layers)


def choices(network: Network, data: FloatArray, options: QuantizeOptions) -> tuple[Choice, ...]:
    """The best choices of widths for the free layers, the largest first; sizes are of all layers.

    Args:
        network: legalized.
        data: calibration data, after the network's head.
        options: the widths to start from.
    """
    return _choices(network, options, sensitivities(network, data, options), WIDTHS)


def _choices(
    network: Network,
    options: QuantizeOptions,
    noise: Mapping[str, Noise],
    widths: tuple[WeightBits, ...],
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
        costs[layer.name] = {
            bits: Cost(
                layer_need(guessed, hollow(layer, bits)).kernel_bytes, noise[layer.name][bits]
            )
            for bits in WIDTHS
            if bits <= layer.weight_bits and (bits in widths or not noise[layer.name][bits])
        } or {layer.weight_bits: Cost(layer_need(guessed, layer).kernel_bytes, 0.0)}  # type: ignore[dict-item]
    return tuple(replace(choice, size=choice.size + fixed) for choice in best_choices(costs))


def with_choice(options: QuantizeOptions, choice: Choice) -> QuantizeOptions:
    """The options with the widths of a choice."""
    rules = tuple(
        WidthRule(pattern=name, bits=bits, exact=True) for name, bits in choice.widths.items()
    )
    return replace(options, widths=(*options.widths, *rules))


def quantize_to_size(
    network: Network, data: FloatArray | None, options: QuantizeOptions, memory: WeightMemory
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """Quantize with the widths that cost the outputs least within so much kernel memory.

    Args:
        network: legalized.
        data: calibration data, after the network's head.
        options: the widths to start from.
        memory: kernel memory on all processors together.

    Raises:
        UsageError: no calibration data; or as :func:`quantize`.
        ModelError: not even the narrowest weights are so small; or as :func:`quantize`.
    """
    if data is None:
        raise UsageError(_no_data("--weight-memory"))
    guessed = quantize(network, None, replace(options, guess_ranges=True))
    limit = memory.bytes_of(kernel_bytes(guessed))
    noise = sensitivities(network, data, options)
    found = []
    for widths in (WIDTHS, _MODERATE):
        known = _choices(network, options, noise, widths)
        affordable = [choice for choice in known if choice.size <= limit]
        if affordable:
            found.append(quantize(network, data, with_choice(options, affordable[0])))
        elif not found:
            raise ModelError(_too_little(memory, limit, known[-1].size))
    result = min(found, key=output_noise)
    return result, price(network, data, options, result, f"to take at most {limit:,} bytes")


def quantize_to_drop(
    network: Network,
    data: FloatArray | None,
    options: QuantizeOptions,
    points: float,
    labels: Answers | None = None,
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """Quantize with the smallest weights whose answers are good enough.

    Every second of the calibration inputs judges; the others calibrate.

    Args:
        network: legalized; the largest of its output's channels is the answer.
        data: calibration data, after the network's head.
        options: the widths to start from.
        points: percent of the answers that may be lost.
        labels: right answers, one per input; without them, no answer should change.

    Raises:
        UsageError: no calibration data, or too few; or as :func:`quantize`.
        ModelError: no choice of widths is good enough; or as :func:`quantize`.
    """
    if data is None or not len(data[1::2]):
        raise UsageError(_no_data("--max-drop"))
    known, judge = data[::2], data[1::2][:_JUDGES]
    answers = _float_answers(network, judge)
    right = answers
    if labels is not None and labels.shape == (len(data),) and answers.shape[1:] == (1,):
        right = labels[1::2][:_JUDGES, np.newaxis]
    found = _thinned(choices(network, known, options))
    drops: dict[int, float] = {}

    def is_too_bad(place: int) -> bool:
        chosen = replace(with_choice(options, found[place]), measure=False)
        given = _integer_answers(quantize(network, known, chosen), judge)
        drops[place] = 100 * float((answers == right).mean() - (given == right).mean())
        return drops[place] > points

    bad = first_good(len(found), is_too_bad)
    last = (len(found) if bad is None else bad) - 1
    if last < 0:
        raise ModelError(_too_much(points, drops[0]))
    what = "of the answers change" if right is answers else "of the answers are lost"
    reason = f"as far as {points:g} points allow: {drops[last]:.2f} % {what} on {len(judge)} inputs"
    result = quantize(network, data, with_choice(options, found[last]))
    return result, price(network, data, options, result, reason)


def price(
    network: Network,
    data: FloatArray | None,
    options: QuantizeOptions,
    narrow: QuantNetwork,
    reason: str,
) -> tuple[Diagnostic, ...]:
    """What narrow weights save and cost; nothing when none became narrower."""
    wide = quantize(network, data, replace(options, measure=False))
    before = {layer.name: layer.weight_bits for layer in wide.layers}
    changed = [layer for layer in narrow.layers if layer.weight_bits < before[layer.name]]
    if not changed:
        return ()
    names = ", ".join(f"{layer.name}: {layer.weight_bits} bits" for layer in changed)
    return (
        Diagnostic(
            code="MX3016",
            where="network",
            what=f"{len(changed)} layer(s) have narrower weights {reason} ({names}); "
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


def _thinned(found: Sequence[Choice]) -> list[Choice]:
    """Some of the choices, evenly spaced in size, the first and the last among them."""
    sizes = np.array([-choice.size for choice in found])
    wanted = np.linspace(sizes[0], sizes[-1], _TRIALS)
    return [found[place] for place in np.unique(np.searchsorted(sizes, wanted))]


def _float_answers(network: Network, data: FloatArray) -> Answers:
    session, name = Session(build_float_model(network), 2), network.outputs[0]
    parts = [
        session.run({network.inputs[0]: data[start : start + _BATCH]}, [name])[name]
        for start in range(0, len(data), _BATCH)
    ]
    return _answers(np.concatenate(parts))


def _integer_answers(network: QuantNetwork, data: FloatArray) -> Answers:
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    source = network.value(network.input)
    steps = np.clip(np.rint(data / source.scale), -128, 127).astype(np.int8)
    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    return _answers(machine.run(steps.reshape(-1, *source.shape))[network.outputs[0]])


def _answers(outputs: NDArray[np.generic]) -> Answers:
    """The largest channel (n, positions)."""
    answers: Answers = outputs.reshape(len(outputs), outputs.shape[1], -1).argmax(axis=1)
    return answers


def _no_data(option: str) -> Diagnostic:
    return Diagnostic(
        code="MX3019",
        where=option,
        what="there are no calibration data, or too few",
        why="which layers may have narrow weights is measured on calibration data",
        fix="--calib FILE, or name the layers: --weight-bits LAYER=4",
    )


def _too_little(memory: WeightMemory, limit: int, least: int) -> Diagnostic:
    return Diagnostic(
        code="MX3020",
        where=f"--weight-memory {memory}",
        what=f"the weights take {least:,} bytes at least, not {limit:,}",
        why=f"that is with {WIDTHS[-1]} bits in all layers whose width was not chosen; one bit is "
        "for networks trained so",
        fix=f"--weight-memory {least}, or a smaller network",
    )


def _too_much(points: float, drop: float) -> Diagnostic:
    return Diagnostic(
        code="MX3021",
        where=f"--max-drop {points:g}",
        what=f"{drop:.2f} points are lost on the calibration data without narrower weights",
        why="8-bit activations and weights alone cost more than allowed",
        fix="mxdeploy quantize shows where; train quantization-aware, or allow more",
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
