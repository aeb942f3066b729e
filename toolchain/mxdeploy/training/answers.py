"""What a model file and its integers answer to examples, by the machines that ``evaluate`` uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import Accuracy, PairedComparison, compare_answers
from mxdeploy.data import Layout
from mxdeploy.inputs import chip_inputs, model_layout
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.outputs import classifier_of, model_outputs, shapes_of

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.samples import Samples

_BATCH = 256

Labels = NDArray[np.int64]
_Machine = Callable[[NDArray[np.float32]], dict[str, Any]]
"""Inputs in the model's units to the model's outputs by name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Answers of the same network in three forms to the same examples, (n,) each.

    Attributes:
        wanted: the right ones.
        float_form: of the model file.
        rounded: of its integers before training.
        trained: of its integers after it.
    """

    wanted: Labels
    float_form: Labels
    rounded: Labels
    trained: Labels

    @property
    def accuracies(self) -> dict[str, Accuracy]:
        """How many are right, by the form's name."""
        forms = {"float": self.float_form, "rounded": self.rounded, "trained": self.trained}
        return {
            name: Accuracy(correct=int((form == self.wanted).sum()), total=len(self.wanted))
            for name, form in forms.items()
        }

    @property
    def against_float(self) -> PairedComparison:
        """The trained integers against the float model."""
        return compare_answers(self.float_form, self.trained, self.wanted)

    @property
    def against_rounded(self) -> PairedComparison:
        """The trained integers against those before training."""
        return compare_answers(self.rounded, self.trained, self.wanted)


def answers_of(
    model: Path, start: QuantNetwork, trained: QuantNetwork, samples: Samples
) -> Answers | None:
    """Answers to all examples; None where the examples have no classes or no output tells them.

    Args:
        model: the file that was quantized.
        start: its integers before training.
        trained: and after it.
        samples: labelled examples.
    """
    from mxdeploy.stages.s0_train.samples import array_batches
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    classifier = classifier_of(start) if samples.task == "classes" else None
    if classifier is None:
        return None
    shape = tuple(samples.inputs.shape[1:])
    channels_last = takes_channels_last(start, shape)
    machine, names = FloatMachine(model, start.parts, source=start.input), list(shapes_of(start))
    forms: list[_Machine] = [
        lambda x: dict(zip(names, machine.run(x), strict=True)),
        _integer_machine(start),
        _integer_machine(trained),
    ]
    found: list[list[Labels]] = [[], [], []]
    wanted = []
    for first, targets in array_batches(samples, _BATCH):
        x = as_taken(first, channels_last=channels_last)
        wanted.append(targets)
        for answers, form in zip(found, forms, strict=True):
            answers.append(classifier.choices(form(x)))
    whole = [np.concatenate(parts) for parts in (wanted, *found)]
    return Answers(wanted=whole[0], float_form=whole[1], rounded=whole[2], trained=whole[3])


def takes_channels_last(network: Network | QuantNetwork, shape: tuple[int, ...]) -> bool:
    """Whether a model takes examples of ``shape`` (channels first) with their channels last."""
    moved = (*shape[1:], *shape[:1])
    last = model_layout(network.head) is Layout.NHWC
    return last and network.input_shape == moved


def as_taken(x: NDArray[np.float32], *, channels_last: bool) -> NDArray[np.float32]:
    """Examples (n, channels, ...) as the model takes them."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if channels_last else x


def _integer_machine(network: QuantNetwork) -> _Machine:
    from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    return lambda x: dict(
        model_outputs(network, dict(machine.run(chip_inputs(network, x)).outputs))
    )
