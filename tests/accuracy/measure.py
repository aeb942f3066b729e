"""Accuracy of a network in integers against the model as onnxruntime runs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import PairedComparison, compare_answers
from mxdeploy.arith.head import apply_head
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.outputs import classifier_of, model_outputs
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s8_run.float_model import FloatMachine
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.accuracy.subjects import SUBJECTS, Data, Subject, read_data

Answers = NDArray[np.int64]

_BATCH = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One network at one width, calibrated once.

    Attributes:
        model: its name.
        bits: width of all weights.
        seed: of the choice of calibration inputs.
        calibration: number of calibration inputs.
        paired: integer against float.
        float_correct: inputs that the float model has right.
        seconds: CPU time of quantization.
        missed: what the bars ask for and is not reached, in words.
    """

    model: str
    bits: int
    seed: int
    calibration: int
    paired: PairedComparison
    float_correct: int
    seconds: float
    missed: tuple[str, ...]

    @property
    def float_points(self) -> float:
        """The float model's accuracy, in points."""
        return 100 * self.float_correct / self.paired.total

    @property
    def integer_points(self) -> float:
        """The integer model's accuracy, in points."""
        return self.float_points + 100 * self.paired.difference


def measure(
    shared: Path,
    name: str,
    *,
    bits: int,
    seeds: int,
    calibration: int,
    limit: int | None = None,
) -> Iterator[Measurement]:
    """Measure a subject with calibration inputs chosen by each of ``seeds`` seeds.

    Args:
        shared: folder with models and data.
        name: of the subject.
        bits: width of all weights.
        seeds: how many choices of calibration inputs.
        calibration: calibration inputs of each choice; never more than three quarters of what
            there is, so that the choices differ.
        limit: test inputs in use (None: all).
    """
    subject, file = SUBJECTS[name], shared / "models" / f"{name}.onnx"
    network = legalize(import_onnx(file))
    data = read_data(shared, subject, network, limit)
    real = None
    for seed in range(seeds):
        chosen = _chosen(data, calibration, seed)
        start = time.process_time()
        quantized = _quantize(network, data.pool[chosen], bits)
        seconds = time.process_time() - start
        if real is None:
            real = float_answers(file, quantized, data.x)
        found = integer_answers(quantized, data.x)
        paired = compare_answers(real, found, data.labels)
        right = int((real == data.labels).sum())
        yield Measurement(
            model=name,
            bits=bits,
            seed=seed,
            calibration=len(chosen),
            paired=paired,
            float_correct=right,
            seconds=seconds,
            missed=tuple(missed_bars(subject, bits, right, paired)),
        )


def missed_bars(
    subject: Subject, bits: int, float_correct: int, paired: PairedComparison
) -> Iterator[str]:
    """What a subject's bars at this width ask for and is not reached."""
    lost = -100 * paired.difference
    drop, least = (subject.drop or {}).get(bits), (subject.least or {}).get(bits)
    if drop is not None and lost > drop:
        yield f"{lost:.2f} points lost, {drop} allowed"
    points = 100 * (float_correct + paired.gained - paired.lost) / paired.total
    if least is not None and points < least:
        yield f"{points:.2f} points reached, {least} wanted"


def float_answers(model: Path, network: QuantNetwork, x: NDArray[np.float32]) -> Answers:
    """Classes that the model itself gives on onnxruntime (n,)."""
    classifier = classifier_of(network)
    assert classifier is not None
    outputs = FloatMachine(model).run(x)
    names = [result.name for result in network.model_results]
    return classifier.choices({classifier.name: outputs[names.index(classifier.name)]})


def integer_answers(network: QuantNetwork, x: NDArray[np.float32]) -> Answers:
    """Classes that the integer network and the CPU's steps behind it give (n,)."""
    classifier = classifier_of(network)
    assert classifier is not None
    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    parts = []
    for start in range(0, len(x), _BATCH):
        integers = chip_inputs(network, x[start : start + _BATCH])
        outputs = model_outputs(network, dict(machine.run(integers).outputs))
        parts.append(classifier.choices(outputs))
    return np.concatenate(parts)


def _chosen(data: Data, calibration: int, seed: int) -> NDArray[np.intp]:
    count = min(calibration, len(data.pool) * 3 // 4)
    return np.sort(np.random.default_rng(seed).permutation(len(data.pool))[:count])


def _quantize(network: Network, x: NDArray[np.float32], bits: int) -> QuantNetwork:
    options = QuantizeOptions(weight_bits=bits)
    return quantize(network, apply_head(network.head, x), options)
