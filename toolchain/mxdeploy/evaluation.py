"""Accuracy of a build on data: the float model, the integer model and the emulator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import Accuracy, PairedComparison, compare_answers
from mxdeploy.builds import BuildFolder, open_build
from mxdeploy.data import DataSet
from mxdeploy.inputs import chip_inputs
from mxdeploy.outputs import Classifier, classifier_of, model_outputs, require_classes, shapes_of
from mxdeploy.pixel_evaluation import PixelEvaluation, pixel_meter

if TYPE_CHECKING:
    from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine

BATCH = 32
"""Inputs per step: small enough for memory, large enough to be fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputQuality:
    """How close one of the model's outputs comes to the float model's.

    Attributes:
        name: in the model.
        shape: without the batch dimension.
        sqnr_db: signal to quantization noise; None for positions.
        equal: share of equal elements, for positions; None for real numbers.
    """

    name: str
    shape: tuple[int, ...]
    sqnr_db: float | None
    equal: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came out.

    Attributes:
        source: data file and key.
        layout: order of axes found.
        scale: scaling applied.
        inputs: number of inputs.
        accuracy: ``float``, ``integer``, ``emulator``; None without labels, or when no output tells
            classes.
        paired: integer against float, input by input; None where ``accuracy`` is.
        agreement: share of inputs for which float and integer choose the same class; None when no
            output tells classes.
        pixels: the same for a map of classes; None where no output is one, or labels are those of
            whole inputs.
        outputs: the integer model's outputs (the CPU's steps included), in the model's order.
        unequal: inputs on which integer model and emulator differ (there should be none).
    """

    source: str
    layout: str
    scale: str
    inputs: int
    accuracy: dict[str, Accuracy] | None
    paired: PairedComparison | None
    agreement: float | None
    pixels: PixelEvaluation | None
    outputs: tuple[OutputQuality, ...]
    unequal: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; ``sqnr_db`` is that of the first output."""
        accuracy = self.accuracy
        return {
            "source": self.source,
            "layout": self.layout,
            "scale": self.scale,
            "inputs": self.inputs,
            "accuracy": None if accuracy is None else {k: a.share for k, a in accuracy.items()},
            "correct": None if accuracy is None else {k: a.correct for k, a in accuracy.items()},
            "paired": None if self.paired is None else self.paired.to_dict(),
            "agreement": self.agreement,
            "pixels": None if self.pixels is None else self.pixels.to_dict(),
            "sqnr_db": self.outputs[0].sqnr_db,
            "outputs": [asdict(output) for output in self.outputs],
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
    classifier = classifier_of(network)
    check_labels(classifier, dataset)
    pixels = pixel_meter(network, dataset, folder.info.classes)
    meters = [_Meter(name, shape) for name, shape in shapes_of(network).items()]
    choices: dict[str, list[NDArray[np.int64]]] = {"float": [], "integer": [], "emulator": []}
    unequal: list[int] = []
    done = 0
    for batch in _batches(folder, dataset, jobs):
        forms = {
            "float": dict(zip(shapes_of(network), batch.real, strict=True)),
            "integer": model_outputs(network, batch.integer),
            "emulator": model_outputs(network, batch.emulator),
        }
        for meter in meters:
            meter.add(forms["float"][meter.name], forms["integer"][meter.name])
        if pixels is not None:
            pixels.add(forms, done)
        if classifier is not None:
            for form, outputs in forms.items():
                choices[form].append(classifier.choices(outputs))
        unequal += [done + i for i in batch.different()]
        done += len(batch.real[0])
        advance(len(batch.real[0]))
    chosen = {form: np.concatenate(parts) for form, parts in choices.items() if parts}
    same = chosen["float"] == chosen["integer"] if chosen else None
    return Evaluation(
        source=dataset.source,
        layout=str(dataset.layout),
        scale=str(dataset.scale),
        inputs=len(dataset),
        accuracy=accuracy_of(chosen, dataset.labels),
        paired=paired_of(chosen, dataset.labels, "float", "integer"),
        agreement=None if same is None else float(same.mean()),
        pixels=None if pixels is None else pixels.result(),
        outputs=tuple(meter.result() for meter in meters),
        unequal=tuple(unequal),
    )


def check_labels(classifier: Classifier | None, dataset: DataSet) -> None:
    """Refuse labels that are no classes of the network.

    Raises:
        UsageError: a label is out of range.
    """
    if dataset.labels is not None and classifier is not None:
        require_classes("MX8060", dataset.source, dataset.labels, classifier.classes)


def accuracy_of(
    choices: Mapping[str, NDArray[np.int64]], labels: NDArray[np.int64] | None
) -> dict[str, Accuracy] | None:
    """Right answers of each form; None without labels or without choices."""
    if labels is None or not choices:
        return None
    return {
        form: Accuracy(correct=int((chosen == labels).sum()), total=len(labels))
        for form, chosen in choices.items()
    }


def paired_of(
    choices: Mapping[str, NDArray[np.int64]],
    labels: NDArray[np.int64] | None,
    first: str,
    second: str,
) -> PairedComparison | None:
    """Two forms' answers, input by input; None without labels or without choices."""
    if labels is None or not choices:
        return None
    return compare_answers(choices[first], choices[second], labels)


class _Meter:
    """Compares one output of the model in its float and its integer form, batch by batch."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        """Nothing seen yet."""
        self.name = name
        self._shape = shape
        self._power = self._noise = 0.0
        self._equal = self._seen = 0
        self._positions = False

    def add(self, real: NDArray[Any], found: NDArray[Any]) -> None:
        """One batch."""
        self._positions = found.dtype == np.int32
        signal, other = (a.reshape(-1).astype(np.float64) for a in (real, found))
        self._power += float((signal**2).sum())
        self._noise += float(((signal - other) ** 2).sum())
        self._equal += int((signal == other).sum())
        self._seen += signal.size

    def result(self) -> OutputQuality:
        """What all batches together say."""
        ratio = self._power / self._noise if self._power and self._noise else math.inf
        return OutputQuality(
            name=self.name,
            shape=self._shape,
            sqnr_db=None if self._positions else 10 * math.log10(ratio),
            equal=self._equal / self._seen if self._positions else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Batch:
    """Some inputs in all forms.

    Attributes:
        real: the float model's outputs, in its order, (n, ...).
        integer: the integer model's outputs by the network's names, (n, C, H, W).
        emulator: the emulator's.
    """

    real: list[NDArray[Any]]
    integer: dict[str, NDArray[Any]]
    emulator: dict[str, NDArray[Any]]

    def different(self) -> list[int]:
        """Inputs on which integer model and emulator differ."""
        found = np.zeros(len(self.real[0]), dtype=bool)
        for name, left in self.integer.items():
            found |= (left != self.emulator[name]).reshape(len(left), -1).any(axis=1)
        return [int(i) for i in np.flatnonzero(found)]


def _batches(folder: BuildFolder, dataset: DataSet, jobs: int) -> Iterator[_Batch]:
    """All inputs, some at a time."""
    from mxdeploy.stages.s8_run.float_model import FloatMachine
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    network = folder.plan.network
    integers = chip_inputs(network, dataset.x)
    starts = range(0, len(dataset), BATCH)
    floats = FloatMachine(folder.model, network.parts, source=network.input)
    machine = IntegerMachine(folder.integer_model, network)
    emulated = _run_emulator(folder.path, [integers[i : i + BATCH] for i in starts], jobs)
    for start, emulator in zip(starts, emulated, strict=True):
        batch = slice(start, start + BATCH)
        yield _Batch(
            real=floats.run(dataset.x[batch]),
            integer=dict(machine.run(integers[batch]).outputs),
            emulator=emulator,
        )


@lru_cache(maxsize=1)
def _machine(folder: Path) -> AcceleratorMachine:
    """The build's program on the accelerator model, loaded once per process."""
    from mxdeploy.stages.s5_lower import lower
    from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine

    return AcceleratorMachine(lower(open_build(folder).plan))


def _emulate(folder: Path, batch: NDArray[np.int8]) -> dict[str, NDArray[Any]]:
    """The network's outputs for each input of a batch."""
    machine = _machine(folder)
    runs = [dict(machine.run(x).outputs) for x in batch]
    return {name: np.stack([run[name].array for run in runs]) for name in runs[0]}


def _run_emulator(
    folder: Path, batches: list[NDArray[np.int8]], jobs: int
) -> Iterator[dict[str, NDArray[Any]]]:
    jobs = min(jobs, len(batches))
    if jobs == 1:
        for batch in batches:
            yield _emulate(folder, batch)
        return
    # Workers start afresh: onnxruntime's threads in this process do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_emulate, [folder] * len(batches), batches)
