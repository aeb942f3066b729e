"""Accuracy of a network in integers against the model as onnxruntime runs it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import Z_95, PairedComparison, compare_answers
from mxdeploy.answers import float_answers, integer_answers
from mxdeploy.chosen_data import calibration_data
from mxdeploy.data import DataSet, Layout
from mxdeploy.errors import Diagnostic
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.narrowing import kernel_bytes
from mxdeploy.options import ProjectOptions, QuantizeSection
from mxdeploy.pipeline import Legalized, quantize_as_chosen
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.integer import IntegerMachine
from mxdeploy.synthetic import SyntheticChoice
from tests.accuracy.subjects import SUBJECTS, Bars, Data, FloatArray, Labelled, Subject, read_data

_BATCH = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One network at one width, calibrated once.

    Attributes:
        model: its name.
        bits: width of all weights; the share of the memory of 8-bit ones that they may take; or
            the points that may be lost (``drop1``).
        seed: of the choice of calibration inputs.
        calibration: number of calibration inputs; 0: made-up ones.
        paired: integer against float.
        float_correct: inputs that the float model has right.
        emulated: inputs on which the accelerator model gave every output of the integer model,
            bit for bit; None: it did not run.
        seconds: CPU time of quantization.
        kernel_bytes: memory that the weights take.
        told: what the user is told of narrow weights, the names of layers left out.
        missed: what the bars ask for and is not reached, in words.
        changes: of each test input (n,): 1 gained, -1 lost, 0 neither.
    """

    model: str
    bits: str
    seed: int
    calibration: int
    paired: PairedComparison
    float_correct: int
    emulated: int | None
    seconds: float
    kernel_bytes: int
    told: tuple[str, ...]
    missed: tuple[str, ...]
    changes: NDArray[np.int8]

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
    bits: str,
    seeds: int,
    calibration: int,
    limit: int | None = None,
    emulate: bool = False,
) -> Iterator[Measurement]:
    """Measure a subject with calibration inputs chosen by each of ``seeds`` seeds.

    Args:
        shared: folder with models and data.
        name: of the subject.
        bits: width of all weights (``8`` .. ``1``), what they may take (``50%``), or what may be
            lost (``drop1``: one point, the labels of the calibration inputs judge).
        seeds: how many choices of calibration inputs.
        calibration: calibration inputs of each choice; never more than three quarters of what
            there is, so that the choices differ. 0: no data at all, so that seeds change nothing.
        limit: test inputs in use (None: all).
        emulate: run the accelerator model on all test inputs, too, with the first seed.
    """
    subject = SUBJECTS[name]
    file = shared / "models" / f"{subject.model or name}.onnx"
    network = legalize(import_onnx(file))
    data = read_data(shared, subject, network, limit)
    bars = subject.data_free if calibration == 0 else subject.bars
    real = None
    for seed in range(seeds):
        chosen = _chosen(data, calibration, seed)
        start = time.process_time()
        quantized, notes = _quantize(file, network, subject, chosen, bits)
        seconds = time.process_time() - start
        if real is None:
            real = float_answers(file, quantized, data.x)
        found = integer_answers(quantized, data.x)
        paired = compare_answers(real, found, data.labels)
        is_right = real == data.labels
        right = int(is_right.sum())
        yield Measurement(
            model=name,
            bits=bits,
            seed=seed,
            calibration=len(chosen.x) if chosen is not None else 0,
            paired=paired,
            float_correct=right,
            emulated=equal_on_emulator(quantized, data.x) if emulate and not seed else None,
            seconds=seconds,
            kernel_bytes=kernel_bytes(quantized),
            told=tuple(note.what.partition(" (")[0] for note in notes),
            missed=tuple(missed_bars(bars, bits, right, paired)),
            changes=(found == data.labels).astype(np.int8) - is_right.astype(np.int8),
        )


def together(changes: Sequence[NDArray[np.int8]]) -> tuple[float, float, float]:
    """Points gained in the mean over all seeds, and the limits of the 95 % interval.

    The seeds share the test inputs: so each input counts once, with what became of it in the mean.
    """
    each = np.stack(changes).mean(axis=0)
    mean, error = float(each.mean()), float(each.std(ddof=1)) / np.sqrt(len(each))
    return 100 * mean, 100 * (mean - Z_95 * error), 100 * (mean + Z_95 * error)


def missed_bars(
    bars: Bars, bits: str, float_correct: int, paired: PairedComparison
) -> Iterator[str]:
    """What the bars at this width ask for and is not reached."""
    lost = -100 * paired.difference
    drop, least = bars.drop.get(bits), bars.least.get(bits)
    if drop is not None and lost > drop:
        yield f"{lost:.2f} points lost, {drop} allowed"
    points = 100 * (float_correct + paired.gained - paired.lost) / paired.total
    if least is not None and points < least:
        yield f"{points:.2f} points reached, {least} wanted"


def equal_on_emulator(network: QuantNetwork, x: FloatArray) -> int:
    """Inputs on which the accelerator model and the integer model give the same, bit for bit."""
    plan = map_network(network)
    machine = AcceleratorMachine(lower(plan))
    integer = IntegerMachine(build_integer_model(network, all_layers=False), network)
    equal = 0
    for start in range(0, len(x), _BATCH):
        inputs = chip_inputs(network, x[start : start + _BATCH])
        wanted = dict(integer.run(inputs).outputs)
        for i, one in enumerate(inputs):
            found = machine.run(one).outputs
            equal += all(np.array_equal(t.array, wanted[name][i]) for name, t in found)
    return equal


def _chosen(data: Data, calibration: int, seed: int) -> Labelled | None:
    if calibration == 0:
        return None
    count = min(calibration, len(data.pool.x) * 3 // 4)
    places = np.sort(np.random.default_rng(seed).permutation(len(data.pool.x))[:count])
    return Labelled(data.pool.x[places], data.pool.labels[places])


def _quantize(
    file: Path, network: Network, subject: Subject, chosen: Labelled | None, bits: str
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """Quantize as ``build`` does; ``chosen`` None: with made-up inputs."""
    synthetic = SyntheticChoice(scale=subject.scale)
    if chosen is None:
        data = calibration_data(synthetic, network, file)
    else:
        data = DataSet(
            source="", x=chosen.x, labels=chosen.labels, layout=Layout.AUTO, scale=subject.scale
        )
    choice = synthetic if chosen is None else None
    options = ProjectOptions(quantize=QuantizeSection.model_validate(wish(bits)))
    return quantize_as_chosen(Legalized(network), data, options, choice)


def wish(bits: str) -> dict[str, object]:
    """Options of quantization for widths as the command line of this program names them."""
    if bits.startswith("drop"):
        return {"max_drop": float(bits.removeprefix("drop"))}
    return {"weight_memory": bits} if bits.endswith("%") else {"weight_bits": int(bits)}
