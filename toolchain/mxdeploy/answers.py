"""Answers of a model and of its integers to the same inputs, without a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import Accuracy, PairedComparison, compare_answers
from mxdeploy.data import DataSet
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.evaluation import check_labels
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.outputs import Classifier, classifier_of, model_outputs

Answers = NDArray[np.int64]

_BATCH = 250


def float_answers(model: Path, network: QuantNetwork, x: NDArray[np.float32]) -> Answers:
    """Classes that the model itself gives on onnxruntime, (n,).

    Args:
        model: the user's ONNX file.
        network: its integers; they say which output tells classes.
        x: in the model's own units, (n, *shape of its input).

    Raises:
        UsageError: no output tells classes.
    """
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    classifier = _classifier(network)
    names = [result.name for result in network.model_results]
    machine = FloatMachine(model, network.parts, source=network.input)
    found: NDArray[Any] = machine.run(x)[names.index(classifier.name)]
    return classifier.choices({classifier.name: found})


def integer_answers(network: QuantNetwork, x: NDArray[np.float32]) -> Answers:
    """Classes that the integer network and the steps of the CPU behind it give, (n,).

    Raises:
        UsageError: no output tells classes.
    """
    from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    classifier = _classifier(network)
    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    parts = []
    for start in range(0, len(x), _BATCH):
        integers = chip_inputs(network, x[start : start + _BATCH])
        outputs = model_outputs(network, dict(machine.run(integers).outputs))
        parts.append(classifier.choices(outputs))
    return np.concatenate(parts)


def compare_with_float(
    model: Path, network: QuantNetwork, data: DataSet
) -> tuple[Accuracy, PairedComparison]:
    """The float model's accuracy, and what its integers answer otherwise.

    Raises:
        UsageError: no labels, labels that are no classes, or no output tells classes.
    """
    if data.labels is None:
        raise UsageError(_no_labels(data.source))
    check_labels(_classifier(network), data)
    real = float_answers(model, network, data.x)
    paired = compare_answers(real, integer_answers(network, data.x), data.labels)
    correct = int((real == data.labels).sum())
    return Accuracy(correct=correct, total=len(data)), paired


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
