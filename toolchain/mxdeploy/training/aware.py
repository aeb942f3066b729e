"""Training with the chip's integer arithmetic: from an ONNX file to one that holds its integers.

The file is imported, legalized and quantized as ``build`` does it; what is trained are the real
numbers behind those integers. So any trained network will do, wherever it comes from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdeploy.builds import write_file
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.recipe import DEFAULT_RATES, OptimizerSection, Recipe, ScheduleSection
from mxdeploy.training.answers import Answers, answers_of, takes_channels_last
from mxdeploy.training.export import options_text
from mxdeploy.training.material import Material
from mxdeploy.training.request import INTEGERS, Progress, Talk, require_same_integers
from mxdeploy.training.result import epoch_text
from mxdeploy.training.rounded import rounded, teacher_of

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.history import History
    from mxdeploy.stages.s0_train.loop import FitData, FitSettings, State, Teacher
    from mxdeploy.stages.s0_train.measure import Measured
    from mxdeploy.stages.s0_train.processes import Device
    from mxdeploy.stages.s0_train.qat import IntegerNetwork
    from mxdeploy.stages.s0_train.qat.checkpoint import IntegerCheckpoint
    from mxdeploy.stages.s0_train.samples import Samples

QUANTIZED_FILE = "quantized.onnx"
AWARE_FILE = "quantized.ckpt"
"""The last complete epoch of integers."""

_RAMP = 0.1
"""Share of all steps in which rounding comes in."""
_GENTLE = {8: 1 / 20, 4: 1 / 4, 2: 1.0, 1: 1.0}
"""Learning rate by width, as a share of the optimizer's usual one: the narrower the weights, the
further they have to go from where rounding has left them."""


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
        recipe: its sections ``quantize``, ``training``, ``data``.
        out: result folder.
        device: torch's.
        writes: whether this process writes files.
        resume: go on behind the last complete epoch of integers in ``out``, if there is one.
    """

    model: Path
    material: Material
    recipe: Recipe
    out: Path
    device: Device
    writes: bool
    resume: bool = False


def train_aware(request: AwareRequest, talk: Talk) -> Aware:
    """Quantize a trained network and train it with the chip's arithmetic.

    ``quantized.onnx`` is written whenever an epoch is the best so far, ``quantized.ckpt`` after
    each.

    Raises:
        UsageError: the model is unreadable, or does not suit the examples.
        ModelError: it cannot be built for the chip with these widths.
    """
    from mxdeploy.stages.s0_train.qat import trainable_network

    talk.on_stage("quantizing")
    found = rounded(request.model, request.material, request.recipe.quantize)
    start = found.integers
    module = trainable_network(start, found.source).to(request.device)
    module.channels_last = takes_channels_last(start, request.material.shape)
    _check_outputs(request, module)
    stored = _stored(request, start, talk)
    if request.writes and stored is None:
        _write(request, start)
    before = _at_first(request, module) if stored is None else stored.before
    begun = _Begun(
        model=_digest(request.model),
        integers=start.digest,
        before=before,
        teacher=teacher_of(found, request.recipe.quantize, request.material, request.device),
    )
    history = _fitted(request, module, begun, talk, stored)
    best = module.quantized() if _is_worth_it(request, history, before) else start
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


def require_same_begun(out: Path, recipe: Recipe, sections: tuple[str, ...] = INTEGERS) -> None:
    """The recipe of integers that are to be trained on is what it was, where it counts.

    Raises:
        UsageError: it is not, or their checkpoint is damaged.
    """
    from mxdeploy.stages.s0_train.qat.checkpoint import read_integer_checkpoint

    path = out / AWARE_FILE
    if path.exists():
        require_same_integers(read_integer_checkpoint(path).recipe, recipe, path, sections)


def _digest(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest()


def _stored(request: AwareRequest, start: QuantNetwork, talk: Talk) -> IntegerCheckpoint | None:
    """What to go on from; None: the integers are trained from their beginning."""
    from mxdeploy.stages.s0_train.qat.checkpoint import read_integer_checkpoint

    path = request.out / AWARE_FILE
    if not request.resume or not path.exists():
        return None
    stored = read_integer_checkpoint(path)
    if stored.model == _digest(request.model) and stored.integers == start.digest:
        return stored
    talk.report([_other_integers(path)])
    return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Begun:
    """Before the first step.

    Digests of the model and its integers, their loss and accuracy, and whom they are to imitate.
    """

    model: str
    integers: str
    before: Measured
    teacher: Teacher | None


def _fitted(
    request: AwareRequest,
    module: IntegerNetwork,
    begun: _Begun,
    talk: Talk,
    stored: IntegerCheckpoint | None,
) -> History:
    """Train the module, or go on with it."""
    from mxdeploy.stages.s0_train.loop import Watcher, fit

    data = _fit_data(request)
    settings = replace(_settings(request), teacher=begun.teacher)
    epochs, batches = settings.training.epochs, -(-len(data.train) // settings.training.batch)
    module.ramp = int(_RAMP * epochs * batches)
    with talk.progress("quantized", epochs * batches) as advance:
        if stored is not None:
            advance(stored.epoch * batches, "")
        watcher = Watcher(
            on_batch=_on_batch(advance, epochs), on_epoch=_on_epoch(request, module, begun, talk)
        )
        resume = None if stored is None else stored.state
        return fit(module, data, settings, watcher=watcher, resume=resume)


def _fit_data(request: AwareRequest) -> FitData:
    from mxdeploy.stages.s0_train.loop import FitData

    material = request.material
    return FitData(train=material.train, validation=material.validation).to(request.device)


def _at_first(request: AwareRequest, module: IntegerNetwork) -> Measured:
    """Loss and accuracy before the first step, on what epochs are judged by."""
    from mxdeploy.stages.s0_train.measure import measure

    data = _fit_data(request)
    return measure(module, data.validation or data.train, _settings(request).objective)


def _on_batch(advance: Progress, epochs: int) -> Callable[[int, int, float], None]:
    def on_batch(epoch: int, _batch: int, loss: float) -> None:
        advance(1, f"quantized, epoch {epoch} of {epochs}, loss {loss:.3f}")

    return on_batch


def _on_epoch(
    request: AwareRequest, module: IntegerNetwork, begun: _Begun, talk: Talk
) -> Callable[[History, Callable[[], State]], None]:
    from mxdeploy.stages.s0_train.qat.checkpoint import IntegerCheckpoint

    def on_epoch(history: History, state: Callable[[], State]) -> None:
        talk.on_epoch(epoch_text(history, request.recipe.quantize.epochs, "quantized"))
        if not request.writes:
            return
        epoch = history.epochs[-1]
        if history.best is epoch and _better(history, begun.before):
            _write(request, module.quantized())
        checkpoint = IntegerCheckpoint(
            recipe=request.recipe,
            model=begun.model,
            integers=begun.integers,
            before=begun.before,
            epoch=epoch.number,
            state=state(),
        )
        write_file(request.out / AWARE_FILE, checkpoint.to_bytes())

    return on_epoch


def _is_worth_it(request: AwareRequest, history: History, before: Measured) -> bool:
    """Whether the best epoch is kept; without validation examples every one is."""
    if request.material.validation is None:
        return history.best is not None
    return _better(history, before)


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
    rate = section.rate or DEFAULT_RATES[section.optimizer] * _GENTLE[min(widths)]
    return FitSettings(
        objective=make_objective(recipe.training, material.train, material.outputs),
        training=training,
        optimizer=OptimizerSection(name=section.optimizer, rate=rate, weight_decay=0),
        schedule=ScheduleSection(),
        strengths=recipe.data.strengths,
        classes=material.outputs,
    )


def _write(request: AwareRequest, network: QuantNetwork) -> None:
    from mxdeploy.stages.s3_quantize.qdq_write import build_qdq_model

    target = request.out / QUANTIZED_FILE
    named = replace(network, name=request.out.absolute().name or network.name)
    write_file(target, build_qdq_model(named))
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


def _other_integers(path: Path) -> Diagnostic:
    return Diagnostic(
        code="MX0082",
        where=str(path),
        what="belongs to other integers",
        why="the trained network, or what rounding makes of it, is not what it was",
        fix="nothing: the integers are trained from their beginning",
        severity="note",
    )
