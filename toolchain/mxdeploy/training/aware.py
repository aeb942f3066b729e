"""Training with the chip's integer arithmetic: from an ONNX file to one that holds its integers.

The file is imported, legalized and quantized as ``build`` does it; what is trained are the real
numbers behind those integers. So any trained network will do, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mxdeploy.arith.head import apply_head
from mxdeploy.builds import write_file
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.network import Network
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.recipe import Recipe
from mxdeploy.training.answers import Answers, answers_of, as_taken, takes_channels_last
from mxdeploy.training.export import options_text
from mxdeploy.training.material import Material
from mxdeploy.training.request import Progress, Talk
from mxdeploy.training.result import epoch_text

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.history import History
    from mxdeploy.stages.s0_train.loop import FitSettings, State
    from mxdeploy.stages.s0_train.measure import Measured
    from mxdeploy.stages.s0_train.processes import Device
    from mxdeploy.stages.s0_train.qat import IntegerNetwork
    from mxdeploy.stages.s0_train.samples import Samples

QUANTIZED_FILE = "quantized.onnx"

_CALIBRATION = 1024
"""Training examples that choose the scales."""
_RAMP = 0.1
"""Share of all steps in which rounding comes in."""
_GENTLE = {8: 1 / 20, 4: 1 / 4, 2: 1.0, 1: 1.0}
"""Learning rate by width, as a share of the optimizer's for training from nothing: the narrower the
weights, the further they have to go from where rounding has left them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aware:
    """What came out.

    Attributes:
        history: all epochs; accuracies are those of the integers.
        network: with the integers of the best epoch, or those of the start if none was better.
        answers: of the float model and of its integers before and after training, to the test
            examples (without any, to the validation examples); None where nothing tells classes.
        measured: there, of the integers before and after on the same examples: loss, and share of
            right pixels.
        file: the quantized model.
    """

    history: History
    network: QuantNetwork
    answers: Answers | None
    measured: tuple[Measured, Measured] | None
    file: Path

    def to_dict(self) -> dict[str, Any]:
        """For ``history.json`` and ``--json``."""
        widths = {layer.name: layer.weight_bits for layer in self.network.layers if layer.weight}
        found, counted = self.answers, None
        if found is not None:
            counted = {
                "examples": len(found.wanted),
                "accuracy": {name: form.share for name, form in found.accuracies.items()},
                "against_float": found.against_float.to_dict(),
                "against_rounded": found.against_rounded.to_dict(),
            }
        return {
            "file": self.file.name,
            "answers": counted,
            "measured": None if self.measured is None else list(map(asdict, self.measured)),
            "weight_bits": widths,
            **self.history.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AwareRequest:
    """What to train.

    Attributes:
        model: ONNX file to start from.
        material: examples.
        recipe: its sections ``quantize``, ``training``, ``optimizer``, ``schedule``, ``data``.
        out: result folder.
        device: torch's.
        writes: whether this process writes files.
    """

    model: Path
    material: Material
    recipe: Recipe
    out: Path
    device: Device
    writes: bool


def train_aware(request: AwareRequest, talk: Talk) -> Aware:
    """Quantize a trained network and train it with the chip's arithmetic.

    ``quantized.onnx`` is written whenever an epoch is the best so far.

    Raises:
        UsageError: the model is unreadable, or does not suit the examples.
        ModelError: it cannot be built for the chip with these widths.
    """
    from mxdeploy.stages.s0_train.qat import trainable_network

    talk.on_stage("quantizing")
    source, start = _quantized(request)
    module = trainable_network(start, source).to(request.device)
    module.channels_last = takes_channels_last(start, request.material.shape)
    _check_outputs(request, module)
    if request.writes:
        _write(request, start)
    best, history = _fitted(request, module, start, talk)
    if request.writes:
        _write(request, best)
    judged = request.material.test or request.material.validation
    answers = measured = None
    if judged is not None:
        talk.on_stage("measuring integers")
        answers = answers_of(request.model, start, best, judged)
        if answers is None:
            measured = _measured(request, start, judged), _measured(request, best, judged)
    file = request.out / QUANTIZED_FILE
    return Aware(history=history, network=best, answers=answers, measured=measured, file=file)


def _measured(request: AwareRequest, network: QuantNetwork, samples: Samples) -> Measured:
    """Loss of the integers, which tell no classes of whole examples."""
    from mxdeploy.stages.s0_train.measure import measure
    from mxdeploy.stages.s0_train.qat import trainable_network

    module = trainable_network(network).to(request.device)
    module.channels_last = takes_channels_last(network, request.material.shape)
    return measure(module, samples.to(request.device), _settings(request).objective)


def _quantized(request: AwareRequest) -> tuple[Network, QuantNetwork]:
    """The float network as it was rounded, and its integers, in a form that fits on the chip."""
    from mxdeploy.pipeline import Legalized, first_that_fits
    from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, quantize_with_source
    from mxdeploy.stages.s4_map import map_network
    from mxdeploy.trace import Trace

    section, material = request.recipe.quantize, request.material
    rules = tuple(WidthRule(pattern=name, bits=bits) for name, bits in section.layers.items())
    options = QuantizeOptions(weight_bits=section.weight_bits, widths=rules)

    def place(model: Legalized) -> tuple[Network, QuantNetwork]:
        network = model.network
        channels_last = takes_channels_last(network, material.shape)
        if network.input_shape != material.shape and not channels_last:
            raise UsageError(_other_shape(request, network.input_shape))
        if model.integers is not None:
            found = network, model.integers
        else:
            inputs = as_taken(_calibration(material), channels_last=channels_last)
            found = quantize_with_source(network, apply_head(network.head, inputs), options)
        map_network(found[1])
        return found

    source, quantized = first_that_fits(request.model, Objective.LATENCY, Trace(), place)
    return source, replace(quantized, classes=material.classes or quantized.classes)


def _calibration(material: Material) -> np.ndarray[Any, np.dtype[np.float32]]:
    from mxdeploy.stages.s0_train.samples import in_units

    step = -(-len(material.train) // _CALIBRATION)
    inputs = in_units(material.train.inputs[::step], material.scale)
    return np.asarray(inputs.numpy(), np.float32)


def _fitted(
    request: AwareRequest, module: IntegerNetwork, start: QuantNetwork, talk: Talk
) -> tuple[QuantNetwork, History]:
    """The best integers on the validation examples, those of the start included."""
    from mxdeploy.stages.s0_train.loop import FitData, Watcher, fit
    from mxdeploy.stages.s0_train.measure import measure

    material = request.material
    data = FitData(train=material.train, validation=material.validation).to(request.device)
    settings = _settings(request)
    epochs, batches = settings.training.epochs, -(-len(data.train) // settings.training.batch)
    module.ramp = int(_RAMP * epochs * batches)
    judged = data.validation or data.train
    before = measure(module, judged, settings.objective)
    with talk.progress("quantized", epochs * batches) as advance:
        watcher = Watcher(
            on_batch=_on_batch(advance, epochs), on_epoch=_on_epoch(request, module, before, talk)
        )
        history = fit(module, data, settings, watcher=watcher)
    if history.best is None or (data.validation and not _better(history, before)):
        return start, history
    return module.quantized(), history


def _on_batch(advance: Progress, epochs: int) -> Callable[[int, int, float], None]:
    def on_batch(epoch: int, _batch: int, loss: float) -> None:
        advance(1, f"quantized, epoch {epoch} of {epochs}, loss {loss:.3f}")

    return on_batch


def _on_epoch(
    request: AwareRequest, module: IntegerNetwork, before: Measured, talk: Talk
) -> Callable[[History, Callable[[], State]], None]:
    def on_epoch(history: History, _state: Callable[[], State]) -> None:
        talk.on_epoch(epoch_text(history, request.recipe.quantize.epochs, "quantized"))
        if request.writes and history.best is history.epochs[-1] and _better(history, before):
            _write(request, module.quantized())

    return on_epoch


def _better(history: History, before: Measured) -> bool:
    best = history.best
    return best is not None and best.score > (before.accuracy or 0.0, -before.loss)


def _settings(request: AwareRequest) -> FitSettings:
    from mxdeploy.stages.s0_train.loop import FitSettings
    from mxdeploy.stages.s0_train.losses import make_objective

    recipe, material = request.recipe, request.material
    section = recipe.quantize
    training = recipe.training.model_copy(update={"epochs": section.epochs, "stop_below": None})
    widths = (section.weight_bits, *section.layers.values())
    rate = section.rate or recipe.optimizer.used_rate * _GENTLE[min(widths)]
    return FitSettings(
        objective=make_objective(recipe.training, material.train, material.outputs),
        training=training,
        optimizer=recipe.optimizer.model_copy(update={"rate": rate}),
        schedule=recipe.schedule,
        strengths=recipe.data.strengths,
        classes=material.outputs,
    )


def _write(request: AwareRequest, network: QuantNetwork) -> None:
    from mxdeploy.stages.s3_quantize.qdq_write import build_qdq_model

    target = request.out / QUANTIZED_FILE
    write_file(target, build_qdq_model(network))
    material, rate = request.material, request.recipe.data.rate
    text = options_text(material.classes, material.scale, rate)
    write_file(target.with_suffix(".toml"), text)


def _check_outputs(request: AwareRequest, module: IntegerNetwork) -> None:
    """Whether the model gives what the examples ask for."""
    material = request.material
    wanted = {
        "classes": (material.outputs,),
        "pixels": (material.outputs, *material.shape[1:]),
        "reconstruction": material.shape,
    }[material.task]
    found = module.score_shapes
    if found != (wanted,):
        shown = f"{len(found)} outputs" if len(found) > 1 else f"an output of {list(found[0])}"
        raise UsageError(
            Diagnostic(
                code="MX0081",
                where=str(request.model),
                what=f"has {shown}",
                why=f"the examples ask for {list(wanted)}"
                + (f": {material.outputs} classes" if material.classes else ""),
                fix="give examples of the classes that the model was trained for",
            )
        )


def _other_shape(request: AwareRequest, shape: tuple[int, ...]) -> Diagnostic:
    return Diagnostic(
        code="MX0080",
        where=str(request.model),
        what=f"takes inputs of {list(shape)}",
        why=f"the examples have {list(request.material.shape)}",
        fix="give data of the model's size: --set data.image_size, --set data.channels",
    )
