"""Made-up inputs that agree with what a model's BatchNormalization nodes remember of its data.

Such a node holds the mean and the variance that each channel had in training. Where inputs that
look as natural images do come out near them, by the Kullback-Leibler divergence of normal
distributions, they stay as they are: to come nearer does not make integers better, because such
inputs also reach further than their variance says, as real ones do. Otherwise the data are of
another kind, and of all looks that made-up inputs can have, the one is taken that comes nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import DataSet
from mxdeploy.errors import UsageError
from mxdeploy.inputs import model_layout
from mxdeploy.ir.network import Network
from mxdeploy.synthetic import (
    NATURAL,
    FloatArray,
    Look,
    SyntheticChoice,
    input_levels,
    synthetic_data,
    synthetic_inputs,
)

if TYPE_CHECKING:
    from mxdeploy.stages.s1_import.batch_statistics import BatchStatistics, StatisticsModel
    from mxdeploy.stages.s8_run.float_model import FloatMachine

Values = NDArray[np.generic]

_NEAR = 0.5
"""Nats per channel up to which natural inputs do."""
_TRIED = {
    "centre": (-0.8, -0.6, -0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.4, 0.6, 0.8),
    "brightness": (0.0, 0.05, 0.1, 0.25, 0.5, 0.75),
    "contrast": (-4.5, -4.0, -3.5, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5),
    "exponent": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5),
    "common": (0.0, 0.5, 0.9, 0.99),
}
"""What a look may differ in, in the order in which it is sought."""
_INPUTS = 64
"""Made-up inputs whose channels are looked at, per look."""
_ROUNDS = 4
_GAIN = 0.99
"""A look is only left for one whose disagreement is smaller than this part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The look that was chosen.

    Attributes:
        look: of the inputs.
        disagreement: mean divergence of a channel, in nats.
        natural: the same for inputs that look as natural images do.
        nodes: that remember something.
    """

    look: Look
    disagreement: float
    natural: float
    nodes: int

    def to_text(self) -> str:
        """In words, for reports."""
        nodes = f"{self.nodes} BatchNormalization node{'s' if self.nodes > 1 else ''}"
        if self.look == NATURAL:
            return f"as natural images: {self.natural:.2f} nats per channel from {nodes}"
        look = self.look
        return (
            f"amplitudes f^-{look.exponent:g}, contrast {np.exp(look.contrast):.2f}, mean "
            f"{look.centre:+g} +-{look.brightness:g}: {self.disagreement:.2f} nats per channel "
            f"from {nodes}, natural images {self.natural:.2f}"
        )


def matching_data(model: Path, network: Network, choice: SyntheticChoice) -> DataSet:
    """Made-up inputs of a legalized network, which look as its file says.

    Args:
        model: the ONNX file.
        network: what became of it.
        choice: what the user said about the inputs' range.

    Raises:
        UsageError: nobody says how large the inputs are.
    """
    match = best_match(model, network, input_levels(network, choice))
    if match is None:
        return synthetic_data(network, choice)
    return synthetic_data(network, choice, match.look, match.to_text())


def best_match(model: Path, network: Network, levels: FloatArray) -> Match | None:
    """The look that inputs should have by the file's statistics; None: it holds none.

    Args:
        model: the ONNX file.
        network: what became of it.
        levels: the values that an input's elements may have, in rising order.
    """
    from mxdeploy.stages.s1_import.batch_statistics import statistics_model
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    statistics = statistics_model(model)
    if statistics is None:
        return None
    try:
        machine = FloatMachine(statistics.content, network.parts, source=network.inputs[0])
    except UsageError:
        return None  # onnxruntime does not take it, or not with outputs in its middle
    layout = model_layout(network.head)

    def disagreement(look: Look) -> float:
        x = synthetic_inputs(network.input_shape, layout, levels, count=_INPUTS, look=look)
        return _disagreement(machine, statistics, x)

    natural = disagreement(NATURAL)
    best = _best(disagreement) if natural > _NEAR else NATURAL
    return Match(
        look=best,
        disagreement=disagreement(best),
        natural=natural,
        nodes=len(statistics.nodes),
    )


def _best(disagreement: Callable[[Look], float]) -> Look:
    """The look with the smallest disagreement that is found from the natural one.

    Every property is varied by itself, over all that is tried of it, then again near what was
    found, until nothing is better.
    """
    known = {NATURAL: disagreement(NATURAL)}
    best = NATURAL
    for number in range(_ROUNDS):
        start = best
        for name in _TRIED:
            for look in _variations(best, name, near=number > 0):
                if look not in known:
                    known[look] = disagreement(look)
                if known[look] < known[best] * _GAIN:
                    best = look
        if best == start:
            break
    return best


def divergence(values: Values, stored: BatchStatistics) -> float:
    """How far channels are from what a node remembers: mean over the channels, in nats.

    Args:
        values: (n, channels x positions), what the node reads of n inputs.
        stored: what it remembers.
    """
    channels = values.astype(np.float64).reshape(len(values), len(stored.mean), -1)
    mean = channels.mean(axis=(0, 2))
    variance = channels.var(axis=(0, 2)) + stored.epsilon
    ratio = variance / stored.variance
    moved = np.square(mean - stored.mean) / stored.variance
    return float(np.mean(0.5 * (ratio + moved - 1 - np.log(ratio))))


def _disagreement(machine: FloatMachine, statistics: StatisticsModel, x: FloatArray) -> float:
    """Mean over the nodes; infinite where values are not finite."""
    outputs: Sequence[Values] = machine.run(x)
    found = [divergence(o, stored) for o, stored in zip(outputs, statistics.nodes, strict=True)]
    mean = float(np.mean(found))
    return mean if np.isfinite(mean) else float("inf")


def _variations(look: Look, name: str, *, near: bool) -> Iterator[Look]:
    tried = _TRIED[name]
    if near:
        place = tried.index(getattr(look, name))
        tried = tried[max(place - 1, 0) : place + 2]
    for value in tried:
        yield replace(look, **{name: value})
