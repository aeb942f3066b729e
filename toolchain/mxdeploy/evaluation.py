"""Accuracy of a build on data: the float model, the integer model and the emulator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.builds import BuildFolder, open_build
from mxdeploy.data import DataSet
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.inputs import chip_inputs
from mxdeploy.ops.tail import ArgMax

if TYPE_CHECKING:
    from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine

BATCH = 32
"""Inputs per step: small enough for memory, large enough to be fast."""
Z_95 = 1.959964
"""Standard normal quantile of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How many inputs were classified right."""

    correct: int
    total: int

    @property
    def share(self) -> float:
        """Right answers, 0..1."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        n, p, z2 = self.total, self.share, Z_95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came out.

    Attributes:
        source: data file and key.
        layout: order of axes found.
        scale: scaling applied.
        inputs: number of inputs.
        accuracy: ``float``, ``integer``, ``emulator``; None without labels.
        agreement: share of inputs for which float and integer choose the same channel; None when
            the output is a single number per input.
        sqnr_db: signal to quantization noise of the integer output; None when a tail (softmax, …)
            follows it in the model.
        unequal: inputs on which integer model and emulator differ (there should be none).
    """

    source: str
    layout: str
    scale: str
    inputs: int
    accuracy: dict[str, Accuracy] | None
    agreement: float | None
    sqnr_db: float | None
    unequal: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        accuracy = self.accuracy
        return {
            "source": self.source,
            "layout": self.layout,
            "scale": self.scale,
            "inputs": self.inputs,
            "accuracy": None if accuracy is None else {k: a.share for k, a in accuracy.items()},
            "correct": None if accuracy is None else {k: a.correct for k, a in accuracy.items()},
            "agreement": self.agreement,
            "sqnr_db": self.sqnr_db,
            "unequal": list(self.unequal),
        }


def evaluate(
    folder: BuildFolder, dataset: DataSet, *, jobs: int, advance: Callable[[int], None]
) -> Evaluation:
    """Run ``dataset`` through the three forms of a build.

    Args:
        folder: the build.
        dataset: inputs in the model's units.
        jobs: processes for the emulator.
        advance: told how many inputs are done.

    Raises:
        UsageError: labels do not suit the network's outputs.
    """
    network = folder.plan.network
    integers = chip_inputs(network, dataset.x)
    name = network.outputs[0]
    float_outputs = _run_float(folder, dataset.x)
    integer_outputs = _run_integer(folder, integers)[name]
    emulator_outputs = np.concatenate(list(_run_emulator(folder.path, integers, jobs, advance)))
    scores = {
        "float": float_outputs.reshape(len(dataset), -1),
        "integer": integer_outputs.reshape(len(dataset), -1),
        "emulator": emulator_outputs.reshape(len(dataset), -1),
    }
    several = scores["integer"].shape[1] > 1
    choices = {form: values.argmax(axis=1) for form, values in scores.items()}
    if any(isinstance(op, ArgMax) for op in network.tail):  # the model itself names the channel
        choices["float"] = scores["float"][:, 0].astype(np.int64)
    scale = network.value(name).scale
    different = (scores["integer"] != scores["emulator"]).any(axis=1)
    return Evaluation(
        source=dataset.source,
        layout=str(dataset.layout),
        scale=str(dataset.scale),
        inputs=len(dataset),
        accuracy=accuracy_of(choices, scores["integer"].shape[1], dataset),
        agreement=float((choices["float"] == choices["integer"]).mean()) if several else None,
        sqnr_db=None if network.tail else _sqnr_db(scores, scale),
        unequal=tuple(int(i) for i in np.flatnonzero(different)),
    )


def accuracy_of(
    choices: dict[str, NDArray[np.int64]], channels: int, dataset: DataSet
) -> dict[str, Accuracy] | None:
    """Right answers of each form, or None without labels.

    Raises:
        UsageError: a label is not one of the output's channels.
    """
    labels = dataset.labels
    if labels is None:
        return None
    if labels.min() < 0 or labels.max() >= channels:
        raise UsageError(
            Diagnostic(
                code="MX8060",
                where=dataset.source,
                what=f"has labels {labels.min()}..{labels.max()}",
                why=f"the network has {channels} outputs",
                fix="give labels 0..n-1 in the order of the network's outputs",
            )
        )
    return {
        form: Accuracy(correct=int((chosen == labels).sum()), total=len(labels))
        for form, chosen in choices.items()
    }


def _sqnr_db(scores: dict[str, NDArray[Any]], scale: float) -> float:
    signal = scores["float"].astype(np.float64)
    noise = signal - scores["integer"].astype(np.float64) * scale
    power, error = float((signal**2).mean()), float((noise**2).mean())
    return 10 * math.log10(power / error) if power and error else math.inf


def _run_float(folder: BuildFolder, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """First output of the user's own model up to the network's tail, in C x H x W order."""
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    return FloatMachine(folder.model).run(x)


def _run_integer(folder: BuildFolder, integers: NDArray[np.int8]) -> dict[str, NDArray[Any]]:
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    machine = IntegerMachine(folder.integer_model, folder.plan.network)
    name = folder.plan.network.outputs[0]
    parts = [machine.run(integers[i : i + BATCH])[name] for i in range(0, len(integers), BATCH)]
    return {name: np.concatenate(parts)}


@lru_cache(maxsize=1)
def _machine(folder: Path) -> AcceleratorMachine:
    """The build's program on the accelerator model, loaded once per process."""
    from mxdeploy.stages.s5_lower import lower
    from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine

    return AcceleratorMachine(lower(open_build(folder).plan))


def _emulate(folder: Path, batch: NDArray[np.int8]) -> NDArray[Any]:
    """First output for each input of a batch."""
    machine = _machine(folder)
    return np.stack([machine.run(x).outputs[0][1].array for x in batch])


def _run_emulator(
    folder: Path, integers: NDArray[np.int8], jobs: int, advance: Callable[[int], None]
) -> Iterator[NDArray[Any]]:
    batches = [integers[i : i + BATCH] for i in range(0, len(integers), BATCH)]
    jobs = min(jobs, len(batches))
    if jobs == 1:
        for batch in batches:
            yield _emulate(folder, batch)
            advance(len(batch))
        return
    # Workers start afresh: onnxruntime's threads in this process do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for outputs in pool.map(_emulate, [folder] * len(batches), batches):
            yield outputs
            advance(len(outputs))
