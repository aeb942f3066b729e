"""Loss and accuracy over the epochs, as a PNG file and as a drawing inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mxdeploy.stages.s0_train.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#123456"
"""Stands for the colour of text, until the page decides which that is."""
_TRAIN, _VALIDATION, _GREY = "#d97706", "#3b82f6", "#888888"
_CROWD = 8
"""More epochs than this are drawn without a mark for each."""


def draw_history(history: History) -> Figure:
    """Loss, accuracy (if there is any) and learning rate of one training."""
    panels = ["loss", "rate"] if history.classes == 0 else ["loss", "accuracy", "rate"]
    figure = _figure(len(panels))
    axes = dict(zip(panels, figure.axes, strict=True))
    _draw_losses(axes["loss"], history)
    if "accuracy" in axes:
        _draw_accuracies(axes["accuracy"], history)
    numbers = [e.number for e in history.epochs]
    axes["rate"].plot(numbers, [e.rate for e in history.epochs], color=_GREY, marker=_mark(numbers))
    axes["rate"].set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    best = history.best
    for panel in figure.axes:
        if best is not None and len(history.epochs) > 1:
            panel.axvline(best.number, color=_GREY, linestyle=":", linewidth=1)
    return figure


def draw_comparison(histories: Mapping[str, History]) -> Figure:
    """Losses (and accuracies) of several trainings in one picture."""
    with_accuracy = any(h.classes for h in histories.values())
    figure = _figure(2 if with_accuracy else 1)
    left = figure.axes[0]
    for name, history in histories.items():
        places, losses = [0.0], [history.start_loss]
        for epoch in history.epochs:
            places.append(float(epoch.number))
            losses.append(epoch.train_loss)
        lost = f"{name} (diverged)" if history.broken_off else name
        (line,) = left.plot(places, losses, label=lost, marker=_mark(places))
        if with_accuracy:
            counted = [e for e in history.epochs if e.accuracy is not None]
            figure.axes[1].plot(
                [e.number for e in counted],
                [100 * (e.accuracy or 0.0) for e in counted],
                color=line.get_color(),
                marker=_mark(places),
            )
    left.set(xlabel="epoch", ylabel="training loss")
    left.legend()
    if with_accuracy:
        figure.axes[1].set(xlabel="epoch", ylabel="validation accuracy in %")
    return figure


def _draw_losses(axes: Axes, history: History) -> None:
    numbers = [e.number for e in history.epochs]
    steps = [
        (e.number - 1 + (k + 0.5) / len(e.batch_losses), loss)
        for e in history.epochs
        for k, loss in enumerate(e.batch_losses)
    ]
    axes.plot(
        [place for place, _ in steps],
        [loss for _, loss in steps],
        color=_TRAIN,
        alpha=0.35,
        linewidth=0.8,
        label="steps",
    )
    axes.plot(
        [0, *numbers],
        [history.start_loss, *(e.train_loss for e in history.epochs)],
        color=_TRAIN,
        marker=_mark(numbers),
        label="training",
    )
    judged = [e for e in history.epochs if e.validation_loss is not None]
    if judged:
        axes.plot(
            [e.number for e in judged],
            [e.loss for e in judged],
            color=_VALIDATION,
            marker=_mark(numbers),
            label="validation",
        )
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, 1.1 * _greatest(history)))
    axes.legend()


def _greatest(history: History) -> float:
    """Top of the drawing: a single spike must not flatten everything else."""
    levels = [e.train_loss for e in history.epochs] + [e.loss for e in history.epochs]
    return max([history.start_loss, *levels, 1e-9])


def _draw_accuracies(axes: Axes, history: History) -> None:
    numbers = [e.number for e in history.epochs]
    curves = {
        "training": (_TRAIN, [e.train_accuracy for e in history.epochs]),
        "validation": (_VALIDATION, [e.validation_accuracy for e in history.epochs]),
    }
    for name, (colour, shares) in curves.items():
        known = [(n, 100 * s) for n, s in zip(numbers, shares, strict=True) if s is not None]
        if known:
            places, percent = zip(*known, strict=True)
            axes.plot(places, percent, color=colour, marker=_mark(numbers), label=name)
    axes.set(xlabel="epoch", ylabel="accuracy in %")
    axes.axhline(100 / history.classes, color=_GREY, linewidth=1, linestyle="--", label="guessing")
    axes.legend()


def _mark(numbers: list[int] | list[float]) -> str:
    return "." if len(numbers) <= _CROWD else ""


def _figure(panels: int) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(3.9 * panels, 2.9), layout="constrained")
    for axes in figure.subplots(1, panels, squeeze=False)[0]:
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def to_png(figure: Figure) -> bytes:
    """On white, without a note of the program that drew it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    figure.set_layout_engine("none")  # where everything lies is known now
    return stream.getvalue()


def to_svg(figure: Figure, name: str) -> str:
    """An ``<svg>`` element in the colours of the page around it; ``name`` keeps its ids apart."""
    stream = io.StringIO()
    with _inked(figure, name):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)


@contextmanager
def _inked(figure: Figure, name: str) -> Iterator[None]:
    """Text, axes and ticks in the colour that stands for the page's."""
    from matplotlib import rc_context

    for axes in figure.axes:
        axes.tick_params(colors=_INK)
        axes.xaxis.label.set_color(_INK)
        axes.yaxis.label.set_color(_INK)
        for spine in axes.spines.values():
            spine.set_edgecolor(_INK)
        legend = axes.get_legend()
        if legend is not None:
            legend.get_frame().set_alpha(0.0)
            for text in legend.get_texts():
                text.set_color(_INK)
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        yield
