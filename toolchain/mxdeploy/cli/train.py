"""``mxdeploy train``."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from mxdeploy import text
from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.recipe import RECIPE_FILE, OptimizerName, load_recipe

if TYPE_CHECKING:
    from mxdeploy.training import Aware, Checked, Contender, Trained, TrainRequest


@click.command(name="train")
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[RECIPE]")
@click.option("--network", metavar="NAME|FILE.py:CLASS", help="A network of the zoo, or yours.")
@click.option("--data", type=click.Path(path_type=Path), help="Labelled examples: file or folder.")
@click.option("--out", type=click.Path(path_type=Path), help="Results (default: runs/NAME).")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the training examples.")
@click.option("--optimizer", metavar="NAME[:RATE]", help=", ".join(get_args(OptimizerName)))
@click.option("--compare", metavar="NAME[:RATE],…", help="Several optimizers, from one start.")
@click.option("--seeds", type=click.IntRange(min=1), help="So many starts; keep the best.")
@click.option("--resume", is_flag=True, help="Go on where a training was interrupted.")
@click.option("--start", type=click.Path(path_type=Path), help="Checkpoint, or ONNX to quantize.")
@click.option("--force", is_flag=True, help="Replace a training that is in the result folder.")
@click.option("--check", "only_check", is_flag=True, help="Data and network only; train nothing.")
@click.option("--strict", is_flag=True, help="Files that cannot be used are an error.")
@click.option("--set", "changes", multiple=True, metavar="SECTION.KEY=VALUE", help="Any key.")
@talking
def command(output: Output, source: Path | None, *, only_check: bool, **options: object) -> None:
    """Train a network on labelled data, for the chip.

    RECIPE is a train.toml, or the folder of one; without it --network and --data say what to
    train. All keys: toolchain/docs/training.md.
    """
    from mxdeploy.training import Talk, check, train, tune

    talks = os.environ.get("RANK", "0") == "0"  # of several processes under torchrun, the first
    output.as_json = output.as_json and talks
    request = _request(source, only_check=only_check, **options)  # type: ignore[arg-type]  # click gives what is declared
    talk = Talk(
        on_stage=output.detail,
        report=output.report,
        progress=output.steps,
        on_epoch=output.detail,
    )
    if only_check:
        _show_check(output, check(request, talk))
        return
    try:
        if request.start is not None and request.tunes:
            aware = tune(request.start, request, talk)
            if talks:
                output.result = {"out": str(request.out), "aware": aware.to_dict()}
                _show_aware(output, aware)
            return
        result = train(request, talk)
    except KeyboardInterrupt:
        output.report(_resumable(request))
        raise
    if talks:
        output.result = {"out": str(result.out), **result.to_dict()}
        _show(output, result)


def _request(  # noqa: PLR0913 - one per option
    source: Path | None,
    *,
    network: str | None,
    data: Path | None,
    out: Path | None,
    epochs: int | None,
    optimizer: str | None,
    compare: str | None,
    seeds: int | None,
    resume: bool,
    start: Path | None,
    force: bool,
    only_check: bool,
    strict: bool,
    changes: tuple[str, ...],
) -> TrainRequest:
    """The recipe, changed by what the command line says."""
    from mxdeploy.training import TrainRequest, is_model, stored_request

    if start is not None and is_model(start) and (only_check or compare):
        raise UsageError(_not_tuned(start))
    if resume and source is None and network is None and start is None and out is not None:
        stored = stored_request(out)
        section = "quantize" if stored.tunes else "training"
        more = [] if epochs is None else [f"{section}.epochs={epochs}"]
        more += ["data.strict=true"] if strict else []
        recipe = load_recipe(stored.recipe, [*more, *changes])
        return replace(stored, recipe=recipe, resume=True)
    file = None if source is None else source / RECIPE_FILE if source.is_dir() else source
    given = _changes(network, data, epochs, seeds)
    name = file.absolute().parent.name if file else (network or "network").rpartition(":")[2]
    if start is None or not is_model(start):
        given += _steps(optimizer, "optimizer.name", "optimizer.rate")
    else:
        given += _steps(optimizer, "quantize.optimizer", "quantize.rate")
        given += [] if epochs is None else [f"quantize.epochs={epochs}"]
        name = start.stem
    given += ["data.strict=true"] if strict else []
    recipe = load_recipe(file, [*given, *changes])
    return TrainRequest(
        recipe=recipe,
        folder=file.parent if file else Path(),
        out=out or Path("runs") / name,
        resume=resume,
        force=force,
        start=start,
        compare=_contenders(compare) if compare else (),
    )


def _changes(
    network: str | None,
    data: Path | None,
    epochs: int | None,
    seeds: int | None,
) -> list[str]:
    """Options as texts for the recipe; paths are relative to where the command is called."""
    found = []
    if network is not None:
        is_file = ":" in network or network.endswith(".py")
        value = str(Path(network).absolute()) if is_file else network
        found.append(f"network.{'file' if is_file else 'name'}={value}")
    if data is not None:
        found.append(f"data.path={data.absolute()}")
    if epochs is not None:
        found.append(f"training.epochs={epochs}")
    if seeds is not None:
        found.append(f"training.seeds={seeds}")
    return found


def _steps(optimizer: str | None, name_key: str, rate_key: str) -> list[str]:
    """``--optimizer NAME[:RATE]`` as texts for the recipe."""
    if optimizer is None:
        return []
    name, _, rate = optimizer.partition(":")
    return [f"{name_key}={name.lower()}", *([f"{rate_key}={rate}"] if rate else [])]


def _contenders(named: str) -> tuple[Contender, ...]:
    from mxdeploy.training import Contender

    found: list[Contender] = []
    faults: list[Diagnostic] = []
    for part in named.split(","):
        name, _, rate_text = part.lower().partition(":")
        try:
            rate = float(rate_text) if rate_text else None
        except ValueError:
            rate = -1.0
        known = {str(n): n for n in get_args(OptimizerName)}
        if name not in known or (rate is not None and not 0 < rate < math.inf):
            faults.append(_no_contender(part))
        else:
            found.append(Contender(name=known[name], rate=rate))
    if len(set(found)) < len(found):
        faults.append(_twice(named))
    if faults:
        raise UsageError(faults)
    return tuple(found)


def _no_contender(part: str) -> Diagnostic:
    return Diagnostic(
        code="MX0070",
        where=f"--compare {part}",
        what="is no optimizer, or its rate is no positive number",
        why=f"there are {', '.join(get_args(OptimizerName))}",
        fix="--compare sgd,adam or with rates: --compare sgd:0.1,adam:0.001",
    )


def _twice(named: str) -> Diagnostic:
    return Diagnostic(
        code="MX0073",
        where=f"--compare {named}",
        what="names an optimizer twice",
        fix="give them different rates: --compare sgd:0.1,sgd:0.01",
    )


def _not_tuned(model: Path) -> Diagnostic:
    return Diagnostic(
        code="MX0072",
        where=f"--start {model}",
        what="does not go with --compare or --check",
        why="a trained model is trained on with the chip's arithmetic, from its own weights",
        fix=f"leave it away; mxdeploy check {model} says whether it fits",
    )


def _resumable(request: TrainRequest) -> tuple[Diagnostic, ...]:
    """What is left of an interrupted training."""
    if not any(any(request.out.rglob(name)) for name in ("last.ckpt", "quantized.ckpt")):
        return ()
    return (
        Diagnostic(
            code="MX0071",
            where=str(request.out),
            what="holds everything up to the last complete epoch",
            fix=f"mxdeploy train --resume --out {request.out}",
            severity="note",
        ),
    )


def _show_check(output: Output, found: Checked) -> None:
    output.result = found.to_dict()
    parts = ", ".join(f"{count:,} {name}" for name, count in found.examples.items())
    output.say(f"{parts} examples of {'x'.join(map(str, found.shape))}")
    for name, count in found.counts.items():
        output.say(f"  {count:7,} {name}")
    if not found.mapped.warnings:
        output.say(f"the network fits: {found.mapped.to_text()}")
        return
    raise ModelError(replace(d, severity="error") for d in found.mapped.warnings)


def _show(output: Output, result: Trained) -> None:
    for run in result.runs:
        best = run.history.best
        name = f"{run.name}: " if run.name else ""
        if best is not None:
            accuracy = "" if best.accuracy is None else f", accuracy {best.accuracy:.2%}"
            output.say(
                f"{name}best of {text.count(len(run.history.epochs), 'epoch')} is {best.number}: "
                f"loss {best.loss:.4f}{accuracy}"
            )
        elif name:
            output.say(f"{name}not one epoch is complete")
        if run.ended:
            output.say(f"  ended by {run.ended}")
        output.say(f"  {run.verdict.sentence}")
        for fact in run.verdict.evidence:
            output.say(f"    {fact}")
        output.say(f"    what to change: {'; '.join(run.verdict.advice)}")
    if len(result.runs) > 1:
        output.say(f"kept: {result.chosen.name}")
    if result.test_accuracy is not None:
        count = text.count(result.test_examples, "example")
        output.say(f"test: {result.test_accuracy:.2%} of {count}")
    if result.aware is not None:
        _show_aware(output, result.aware)
    if result.mapped.layers is not None:
        output.say(f"fits: {result.mapped.to_text()}")
    output.say(f"{result.parameters:,} parameters; results in {result.out}")


def _show_aware(output: Output, aware: Aware) -> None:
    answers = aware.answers
    if answers is not None:
        names = {
            "float": "float",
            "rounded": "integers, rounded",
            "trained": "integers, trained",
        }
        for name, accuracy in answers.accuracies.items():
            total = text.count(accuracy.total, "example")
            output.say(f"{names[name]}: {accuracy.share:.2%} of {total}")
        output.say(f"trained against float: {answers.against_float.to_text()}")
        output.say(f"trained against rounded: {answers.against_rounded.to_text()}")
    for name, measured in zip(("rounded", "trained"), aware.measured or (), strict=False):
        share = "" if measured.accuracy is None else f", {measured.accuracy:.2%} of the pixels"
        output.say(f"integers, {name}: loss {measured.loss:.4g}{share}")
    output.say(f"integers in {aware.file}: build it without calibration")
