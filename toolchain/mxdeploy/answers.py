"""Answers of a model and of its integers to the same inputs, without a build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import Accuracy, PairedComparison, compare_answers
from mxdeploy.arith.tail import Reals
from mxdeploy.data import DataSet
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.evaluation import check_labels
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.outputs import Classifier, classifier_of, model_outputs
from mxdeploy.pixel_evaluation import PixelEvaluation, pixel_meter

Answers = NDArray[np.int64]

_BATCH = 250


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Right answers of a model, and what its integers answer otherwise.

    Attributes:
        accuracy: of the float model; None where pixels are counted.
        paired: the integers against it; None where pixels are counted.
        pixels: the same where every pixel has a class; None elsewhere.
    """

    accuracy: Accuracy | None = None
    paired: PairedComparison | None = None
    pixels: PixelEvaluation | None = None

    def lines(self) -> list[str]:
        """For people."""
        if self.pixels is not None:
            return self.pixels.lines()
        if self.accuracy is None or self.paired is None:
            return []
        return [f"float    {self.accuracy.to_text()}", f"integer  {self.paired.to_text()}"]


def float_answers(model: Path, network: QuantNetwork, x: NDArray[np.float32]) -> Answers:
    """Classes that the model itself gives on onnxruntime, (n,).

    Args:
        model: the user's ONNX file.
        network: its integers; they say which output tells classes.
        x: in the model's own units, (n, *shape of its input).

    Raises:
        UsageError: no output tells classes.
    """
    classifier = _classifier(network)
    return np.concatenate([classifier.choices(o) for o in _float_outputs(model, network, x)])


def integer_answers(network: QuantNetwork, x: NDArray[np.float32]) -> Answers:
    """Classes that the integer network and the steps of the CPU behind it give, (n,).

    Raises:
        UsageError: no output tells classes.
    """
    classifier = _classifier(network)
    return np.concatenate([classifier.choices(o) for o in _integer_outputs(network, x)])


def _float_outputs(
    model: Path, network: QuantNetwork, x: NDArray[np.float32]
) -> Iterator[dict[str, NDArray[Any]]]:
    """The model's own outputs by name, some inputs at a time."""
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    names = [result.name for result in network.model_results]
    machine = FloatMachine(model, network.parts, source=network.input)
    for start in range(0, len(x), _BATCH):
        yield dict(zip(names, machine.run(x[start : start + _BATCH]), strict=True))


def _integer_outputs(network: QuantNetwork, x: NDArray[np.float32]) -> Iterator[dict[str, Reals]]:
    """The same of the integers."""
    from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    for start in range(0, len(x), _BATCH):
        integers = chip_inputs(network, x[start : start + _BATCH])
        yield model_outputs(network, dict(machine.run(integers).outputs))


def compare_with_float(model: Path, network: QuantNetwork, data: DataSet) -> Compared:
    """Count right answers of a model and of its integers, of inputs or of pixels.

    Raises:
        UsageError: no labels, labels that are no classes, or no output tells classes.
    """
    if data.maps is not None:
        return Compared(pixels=_pixels(model, network, data))
    if data.labels is None:
        raise UsageError(_no_labels(data.source))
    check_labels(_classifier(network), data)
    real = float_answers(model, network, data.x)
    paired = compare_answers(real, integer_answers(network, data.x), data.labels)
    correct = int((real == data.labels).sum())
    return Compared(accuracy=Accuracy(correct=correct, total=len(data)), paired=paired)


def _pixels(model: Path, network: QuantNetwork, data: DataSet) -> PixelEvaluation | None:
    meter = pixel_meter(network, data, network.classes)
    if meter is None:
        return None
    both = zip(
        _float_outputs(model, network, data.x), _integer_outputs(network, data.x), strict=True
    )
    for number, (real, integer) in enumerate(both):
        meter.add({"float": real, "integer": integer}, number * _BATCH)
    return meter.result()


def _classifier(network: QuantNetwork) -> Classifier:
    classifier = classifier_of(network)
    if classifier is None:
        raise UsageError(
            Diagnostic(
                code="MX8063",
                where=f"model {network.name}",
                what="no output tells classes, so there are no answers to count",
                fix="compare its outputs instead: mxdeploy build, then mxdeploy evaluate",
            )
        )
    return classifier


def _no_labels(source: str) -> Diagnostic:
    return Diagnostic(
        code="MX8064",
        where=source,
        what="has no labels",
        why="accuracy is counted against them",
        fix="store them beside the inputs: y for x, y_test for x_test",
    )
