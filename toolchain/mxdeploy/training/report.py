"""Pictures and the page of a finished training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxdeploy import text
from mxdeploy.accuracy import Accuracy
from mxdeploy.recipe import NetworkSection
from mxdeploy.training.aware import Aware
from mxdeploy.training.material import Material
from mxdeploy.training.result import Trained

if TYPE_CHECKING:
    from mxdeploy.data import Examples
    from mxdeploy.stages.s0_train.network import Trainable
    from mxdeploy.stages.s0_train.page import Integers
    from mxdeploy.stages.s0_train.samples import Samples

CURVES_FILE = "curves.png"
COMPARISON_FILE = "comparison.png"
PAGE_FILE = "report.html"


def report_files(
    trained: Trained, material: Material, network: Trainable, warnings: tuple[str, ...]
) -> dict[str, bytes]:
    """Content by name of each file.

    Args:
        trained: all trainings, and the one that is kept.
        material: its examples.
        network: with the weights of its best epoch.
        warnings: what was said on the way.
    """
    from mxdeploy.stages.s0_train.curves import draw_comparison, draw_history, to_png
    from mxdeploy.stages.s0_train.judge import judge
    from mxdeploy.stages.s0_train.measure import inputs_of, outputs_of
    from mxdeploy.stages.s0_train.page import Findings, render

    histories = {run.name: run.history for run in trained.runs}
    part, examples, samples = _judged(material)
    outputs = None if samples is None else outputs_of(network, samples)
    judgement = None
    if samples is not None and outputs is not None:
        targets = None if examples is None else examples.targets
        judgement = judge(outputs, inputs_of(samples), targets, material.task, material.classes)
    curves = draw_history(trained.chosen.history)
    files = {CURVES_FILE: to_png(curves)}
    comparison = draw_comparison(histories) if len(histories) > 1 else None
    if comparison is not None:
        files[COMPARISON_FILE] = to_png(comparison)
    found = Findings(
        title=title_of(trained.chosen.recipe.network),
        recipe=trained.chosen.recipe,
        histories=histories,
        chosen=trained.chosen.name,
        parameters=trained.parameters,
        trained=material.counts,
        judged=examples,
        part=part,
        judgement=judgement,
        outputs=outputs,
        test=test_text(trained, material),
        chip=trained.mapped.to_text(),
        warnings=warnings,
        curves=curves,
        comparison=comparison,
        integers=None if trained.aware is None else _integers(trained.aware),
    )
    return {**files, PAGE_FILE: render(found)}


def _integers(aware: Aware) -> Integers:
    from mxdeploy.stages.s0_train.page import Integers

    answers = aware.answers
    if answers is None:
        return Integers(history=aware.history, accuracies={}, notes=())
    return Integers(
        history=aware.history,
        accuracies=answers.accuracies,
        notes=(
            f"trained against float: {answers.against_float.to_text()}",
            f"trained against rounded: {answers.against_rounded.to_text()}",
        ),
    )


def _judged(material: Material) -> tuple[str, Examples | None, Samples | None]:
    """The examples that the network is judged on: test, else validation, else none."""
    if material.test is not None:
        return "test", material.parts.test, material.test
    if material.validation is not None:
        return "validation", material.parts.validation, material.validation
    return "", None, None


def title_of(section: NetworkSection) -> str:
    """What people call the network."""
    return section.name or (section.file or "network").rpartition(":")[2]


def test_text(trained: Trained, material: Material) -> tuple[str, str]:
    """The measurement on test examples, and how sure it is; empty without test examples."""
    count = trained.test_examples
    if not count:
        return "", ""
    if trained.test_accuracy is None:
        return f"{trained.test_loss:.4g}", f"loss on {text.count(count, 'example')}"
    value = f"{trained.test_accuracy:.1%}"
    if material.task != "classes":
        return value, f"of the pixels of {text.count(count, 'example')}"
    found = Accuracy(correct=round(trained.test_accuracy * count), total=count)
    low, high = found.interval
    return value, f"{found.correct:,} of {count:,}; 95 % interval {low:.1%} .. {high:.1%}"
