"""Right answers on examples, counted by the machines that ``evaluate`` uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdeploy.accuracy import Accuracy
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.outputs import Classifier, classifier_of, model_outputs, shapes_of

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.samples import Samples

_BATCH = 256


def count_integer(network: QuantNetwork, samples: Samples) -> Accuracy | None:
    """Right answers of the integer model; None where nothing tells classes."""
    from mxdeploy.stages.s0_train.samples import array_batches
    from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    classifier = _classifier(network, samples)
    if classifier is None:
        return None
    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    correct = 0
    for x, targets in array_batches(samples, _BATCH):
        found = model_outputs(network, dict(machine.run(chip_inputs(network, x)).outputs))
        correct += int((classifier.choices(found) == targets).sum())
    return Accuracy(correct=correct, total=len(samples))


def count_float(model: Path, network: QuantNetwork, samples: Samples) -> Accuracy | None:
    """Right answers of the model file that ``network`` was made of."""
    from mxdeploy.stages.s0_train.samples import array_batches
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    classifier = _classifier(network, samples)
    if classifier is None:
        return None
    machine, names, correct = FloatMachine(model, network.parts), list(shapes_of(network)), 0
    for x, targets in array_batches(samples, _BATCH):
        found: dict[str, Any] = dict(zip(names, machine.run(x), strict=True))
        correct += int((classifier.choices(found) == targets).sum())
    return Accuracy(correct=correct, total=len(samples))


def _classifier(network: QuantNetwork, samples: Samples) -> Classifier | None:
    return classifier_of(network) if samples.task == "classes" else None
