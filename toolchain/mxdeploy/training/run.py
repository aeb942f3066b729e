"""The steps of a training: read, check, train, measure, export."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdeploy.builds import to_json, write_file
from mxdeploy.errors import Diagnostic, MxdeployError, UsageError, told
from mxdeploy.recipe import Recipe
from mxdeploy.training.aware import Aware, AwareRequest, require_same_begun, train_aware
from mxdeploy.training.export import TRIALS, export_checkpoint
from mxdeploy.training.folder import (
    START_FILE,
    check_folder,
    clear,
    first_weights,
    left_behind,
    make_folder,
)
from mxdeploy.training.mapping import Mapped, mapping_of
from mxdeploy.training.material import read_material
from mxdeploy.training.report import CURVES_FILE, report_files
from mxdeploy.training.request import (
    RECIPE_FILE,
    Progress,
    Talk,
    TrainRequest,
    recipe_document,
    require_libraries,
    require_same,
    seen_from,
    variants,
)
from mxdeploy.training.result import (
    BEST_FILE,
    HISTORY_FILE,
    LAST_FILE,
    MODEL_FILE,
    Checked,
    Run,
    Trained,
    diverged,
    epoch_text,
    judged_text,
)

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.checkpoint import Checkpoint
    from mxdeploy.stages.s0_train.history import History
    from mxdeploy.stages.s0_train.loop import FitSettings, Watcher
    from mxdeploy.stages.s0_train.network import Trainable
    from mxdeploy.stages.s0_train.processes import Device


def train(request: TrainRequest, talk: Talk) -> Trained:
    """Read data, check the network, train, measure, export.

    Raises:
        UsageError: with the recipe, the data, the network's file or the result folder, or every
            training diverged.
        ModelError: the network is to be trained with the chip's arithmetic and cannot be built.
    """
    with _begun(request, talk) as training:
        return training.run()


def check(request: TrainRequest, talk: Talk) -> Checked:
    """Read the data and check the network, but train nothing and write nothing.

    Raises:
        UsageError: with the recipe, the data or the network's file.
    """
    with _begun(replace(request, force=True), talk) as training:
        return training.check()


def tune(model: Path, request: TrainRequest, talk: Talk) -> Aware:
    """Train an ONNX model with the chip's arithmetic.

    Raises:
        UsageError: with the recipe, the data, the model or the result folder.
        ModelError: the model cannot be built for the chip.
    """
    with _begun(request, talk) as training:
        return training.tune(model)


@contextmanager
def _begun(request: TrainRequest, talk: Talk) -> Iterator[_Training]:
    require_libraries()
    from mxdeploy.stages.s0_train import processes

    recipe = request.recipe
    device = _device(recipe.training.device)
    if recipe.training.threads is not None:
        processes.use_threads(recipe.training.threads)
    talk = talk if processes.is_first() else Talk()
    check_folder(request)
    with processes.together(device):
        yield _Training(request, talk, device, writes=processes.is_first())


def _device(name: str) -> Device:
    from mxdeploy.stages.s0_train.processes import choose_device

    try:
        return choose_device(name)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise UsageError(
            Diagnostic(
                code="MX0060",
                where="training.device",
                what=f"{name} cannot be used: {str(error).splitlines()[0]}",
                fix="--set training.device=cpu; of several processes, each needs its own GPU",
            )
        ) from error


class _Training:
    """The steps of one call, and what they share."""

    def __init__(self, request: TrainRequest, talk: Talk, device: Device, *, writes: bool) -> None:
        self._request = request
        self._said: dict[str, Diagnostic] = {}
        self._mapped = Mapped()
        self._talk = replace(talk, report=lambda found: self._report(talk, found))
        self._device = device
        self._writes = writes
        talk.on_stage("reading data")
        self._material = read_material(request.recipe, request.folder)
        self._talk.report(self._material.findings)

    def _report(self, talk: Talk, found: Iterable[Diagnostic]) -> None:
        """Say it once, and remember it for the page."""
        new = {text: d for d in found if (text := d.to_text()) not in self._said}
        self._said |= new
        talk.report(new.values())

    def _warnings(self) -> tuple[str, ...]:
        """What was said, for the page."""
        found = told(self._said.values())
        return tuple(text for one in found for text in (one.finding.to_text(), one.rest) if text)

    def run(self) -> Trained:
        self._mapped = self._check_network()
        self._talk.report(self._mapped.warnings)
        request = self._request
        found = [(name, recipe, self._stored(name, recipe)) for name, recipe in variants(request)]
        if request.resume and request.recipe.quantize.aware:
            require_same_begun(request.out, request.recipe, ("quantize", "data"))
        self._write_recipe()
        runs = tuple(self._train(name, recipe, stored) for name, recipe, stored in found)
        chosen = max(runs, key=_score)
        if chosen.history.best is None:
            raise UsageError([diverged(run) for run in runs])
        return self._finish(runs, chosen)

    def _write_recipe(self) -> None:
        """The recipe and the first weights, in the place of another training's."""
        if not self._writes:
            return
        request, left = self._request, list[Path]()
        make_folder(request.out)
        if not request.resume:
            left = left_behind(request.out, request.start)
            start = first_weights(request)
            if start is not None:
                copy = request.out / START_FILE
                self._write(copy, start.read_bytes())
                left = [path for path in left if path != copy]
        self._write(request.out / RECIPE_FILE, to_json(recipe_document(request)))
        clear(left)

    def _network(self, recipe: Recipe) -> Trainable:
        """A new network with the first weights that belong to the recipe's seed."""
        from mxdeploy.stages.s0_train.checkpoint import begin_with, read_checkpoint
        from mxdeploy.stages.s0_train.network import Trainable, build_network, make_normalize
        from mxdeploy.stages.s0_train.processes import seed_all

        material = self._material
        seed_all(recipe.training.seed)
        inner = build_network(
            recipe.network, material.shape, material.outputs, self._request.folder
        )
        network = Trainable(make_normalize(recipe.data.normalize, material.train), inner)
        start = first_weights(self._request)
        if start is not None:
            self._talk.report(begin_with(network, read_checkpoint(start).weights, start))
        return network

    def check(self) -> Checked:
        """Everything that happens before the first step."""
        material, mapped = self._material, self._check_network()
        parts = {"training": material.train, "validation": material.validation}
        parts |= {"test": material.test}
        return Checked(
            shape=material.shape,
            examples={name: 0 if part is None else len(part) for name, part in parts.items()},
            counts=material.counts,
            mapped=mapped,
        )

    def _check_network(self) -> Mapped:
        """Does it compute what is wanted, and will the chip take it? Before anything is trained."""
        from mxdeploy.stages.s0_train.measure import inputs_of
        from mxdeploy.stages.s0_train.network import check_outputs

        recipe, material = self._request.recipe, self._material
        self._talk.on_stage("checking the network")
        network = self._network(recipe)
        self._talk.report(
            check_outputs(network, recipe.network, material.shape, material.task, material.outputs)
        )
        if not self._writes:
            return Mapped()
        return mapping_of(network, material.shape, inputs_of(material.train.take(slice(TRIALS))))

    def _settings(self, recipe: Recipe) -> FitSettings:
        from mxdeploy.stages.s0_train.loop import FitSettings
        from mxdeploy.stages.s0_train.losses import make_objective

        material = self._material
        return FitSettings(
            objective=make_objective(recipe.training, material.train, material.outputs),
            training=recipe.training,
            optimizer=recipe.optimizer,
            schedule=recipe.schedule,
            strengths=recipe.data.strengths,
            classes=material.outputs,
        )

    def _stored(self, name: str, recipe: Recipe) -> Checkpoint | None:
        """Where a training is to go on; None: from its beginning."""
        from mxdeploy.stages.s0_train.checkpoint import read_checkpoint

        last = self._request.out / name / LAST_FILE
        if not self._request.resume or not last.exists():
            return None
        stored = read_checkpoint(last)
        require_same(stored.recipe, recipe, last)
        return stored

    def _train(self, name: str, recipe: Recipe, stored: Checkpoint | None) -> Run:
        """One training, or the rest of it."""
        from mxdeploy.stages.s0_train.checkpoint import load_weights
        from mxdeploy.stages.s0_train.loop import FitData, fit

        folder, material = self._request.out / name, self._material
        if self._writes:
            make_folder(folder)
        network = self._network(recipe)
        if stored is not None:
            load_weights(network, stored.weights, folder / LAST_FILE)
        network = network.to(self._device)
        data = FitData(train=material.train, validation=material.validation).to(self._device)
        blank = self._blank(recipe, folder, network)
        batches = -(-len(material.train) // recipe.training.batch)
        epochs = recipe.training.epochs
        with self._talk.progress(name or "training", epochs * batches) as advance:
            if stored is not None:
                advance(stored.epoch * batches, "")
            history = fit(
                network,
                data,
                self._settings(recipe),
                watcher=self._watcher(name, epochs, advance, blank),
                resume=None if stored is None else stored.state,
            )
        weights = {key: value.cpu() for key, value in network.state_dict().items()}
        epoch = 0 if history.best is None else history.best.number
        best = replace(blank, weights=weights, epoch=epoch)
        return Run(name=name, recipe=recipe, history=history, best=best)

    def _blank(self, recipe: Recipe, folder: Path, network: Trainable) -> Checkpoint:
        """A checkpoint of the network as it is now."""
        from mxdeploy.stages.s0_train.checkpoint import Checkpoint

        material = self._material
        return Checkpoint(
            recipe=recipe,
            folder=seen_from(self._request.folder, folder),
            task=material.task,
            shape=material.shape,
            outputs=material.outputs,
            classes=material.classes,
            scale=material.scale,
            weights=network.state_dict(),
            epoch=0,
        )

    def _watcher(self, name: str, epochs: int, advance: Progress, blank: Checkpoint) -> Watcher:
        """Tells who watches, and keeps checkpoints."""
        from mxdeploy.stages.s0_train.loop import State, Watcher

        seen = ""

        def on_epoch(history: History, state: Callable[[], State]) -> None:
            nonlocal seen
            seen = f", {judged_text(history.epochs[-1])}"
            self._keep(self._request.out / name, blank, history, state)
            self._talk.on_epoch(epoch_text(history, epochs, name))

        def on_batch(epoch: int, _batch: int, loss: float) -> None:
            advance(1, f"epoch {epoch} of {epochs}, loss {loss:.3f}{seen}")

        return Watcher(on_batch=on_batch, on_epoch=on_epoch)

    def _keep(
        self, folder: Path, blank: Checkpoint, history: History, state: Callable[[], dict[str, Any]]
    ) -> None:
        """Write the last checkpoint, and the best one if this epoch made it."""
        if not self._writes:
            return
        epoch, found = history.epochs[-1], state()
        if history.best is epoch:
            self._write(folder / BEST_FILE, blank.best(found, epoch.number).to_bytes())
        self._write(folder / LAST_FILE, blank.with_state(found, epoch.number).to_bytes())
        self._write(folder / HISTORY_FILE, to_json(history.to_dict()))

    def _finish(self, runs: tuple[Run, ...], chosen: Run) -> Trained:
        from mxdeploy.stages.s0_train.checkpoint import network_of
        from mxdeploy.stages.s0_train.measure import measure

        out, material = self._request.out, self._material
        self._talk.on_stage("measuring")
        best = replace(chosen.best, folder=seen_from(self._request.folder, out))
        network = network_of(best, out / BEST_FILE).to(self._device)
        test = None
        if material.test is not None:
            objective = self._settings(chosen.recipe).objective
            test = measure(network, material.test.to(self._device), objective)
        trained = Trained(
            out=out,
            runs=runs,
            chosen=chosen,
            test_accuracy=None if test is None else test.accuracy,
            test_loss=None if test is None else test.loss,
            test_examples=0 if material.test is None else len(material.test),
            parameters=sum(p.numel() for p in network.parameters()),
            mapped=self._mapped,
        )
        if self._writes:
            self._write(out / BEST_FILE, best.to_bytes())
            self._write(out / HISTORY_FILE, to_json(trained.to_dict()))
            self._talk.on_stage("exporting")
            export_checkpoint(best, out / BEST_FILE, out / MODEL_FILE)
            self._talk.report(diverged(run, "warning") for run in runs if run.history.broken_off)
        failure = None
        if chosen.recipe.quantize.aware:
            try:
                trained = replace(trained, aware=self._aware(best, chosen.recipe))
            except MxdeployError as error:  # what was trained until here is finished all the same
                failure = error
        if self._writes:
            self._write(out / HISTORY_FILE, to_json(trained.to_dict()))
            self._talk.on_stage("drawing")
            files = report_files(trained, material, network.cpu(), self._warnings())
            for name, content in files.items():
                self._write(out / name, content)
        if failure is not None:
            raise failure
        return trained

    def _aware(self, best: Checkpoint, recipe: Recipe) -> Aware:
        """Go on with the chip's arithmetic; every process exports the model for itself."""
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / MODEL_FILE
            export_checkpoint(best, self._request.out / BEST_FILE, model)
            return train_aware(self.aware_request(model, recipe), self._talk)

    def aware_request(self, model: Path, recipe: Recipe) -> AwareRequest:
        """What to train with the chip's arithmetic."""
        return AwareRequest(
            model=model,
            material=self._material,
            recipe=recipe,
            out=self._request.out,
            device=self._device,
            writes=self._writes,
            resume=self._request.resume,
        )

    def tune(self, model: Path) -> Aware:
        """Train a model that is trained already, with the chip's arithmetic."""
        from mxdeploy.stages.s0_train.curves import draw_history, to_png

        if self._request.resume:
            require_same_begun(self._request.out, self._request.recipe)
        self._write_recipe()
        aware = train_aware(self.aware_request(model, self._request.recipe), self._talk)
        if self._writes:
            self._write(self._request.out / HISTORY_FILE, to_json({"aware": aware.to_dict()}))
            self._write(self._request.out / CURVES_FILE, to_png(draw_history(aware.history)))
        return aware

    @staticmethod
    def _write(target: Path, content: bytes) -> None:
        write_file(target, content)


def _score(run: Run) -> tuple[float, float]:
    best = run.history.best
    return (-1.0, 0.0) if best is None else best.score
