"""What is wrong with examples, whatever they were read from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.data import findings
from mxdeploy.data.examples import Examples, balance
from mxdeploy.errors import Diagnostic


def checked(examples: Examples, *, strict: bool, whole: bool = True) -> Examples:
    """Without examples that cannot be used; everything odd is among the problems.

    Args:
        examples: as read.
        strict: every problem is an error.
        whole: no example was left out on purpose, so every class should be there.

    Raises:
        UsageError: nothing is left, or there are problems and ``strict`` was asked for.
    """
    problems: list[Diagnostic] = []
    bad = _not_finite(examples, problems) | _out_of_range(examples, problems)
    examples = examples.without(bad, problems)
    if not len(examples):
        raise findings.nothing_usable(examples.source, examples.problems)
    if whole:
        examples = replace(examples, problems=(*examples.problems, *_classes(examples)))
    if strict:
        findings.raise_all(examples.problems)
    return examples


def _not_finite(examples: Examples, problems: list[Diagnostic]) -> NDArray[np.bool_]:
    """True where an input holds NaN or infinity."""
    count, x = len(examples), examples.inputs
    if x.dtype.kind != "f":
        return np.zeros(count, dtype=bool)
    bad = ~np.array([np.isfinite(one).all() for one in x], dtype=bool)
    if bad.any():
        problems.append(
            findings.problem(
                "MX8320",
                examples.source,
                f"NaN or infinity in {int(bad.sum())} of {text.count(count, 'input')}: "
                + findings.positions(np.flatnonzero(bad).tolist()),
                "clean the data",
                "they are left out",
            )
        )
    return bad


def _out_of_range(examples: Examples, problems: list[Diagnostic]) -> NDArray[np.bool_]:
    """True where a label is no class."""
    count, targets = len(examples), examples.targets
    if targets is None:
        return np.zeros(count, dtype=bool)
    wrong = (targets < 0) | (targets >= len(examples.classes))
    bad = np.asarray(wrong.any(axis=tuple(range(1, wrong.ndim))), dtype=np.bool_)
    if bad.any():
        found = np.unique(targets[wrong]).tolist()
        problems.append(
            findings.problem(
                "MX8321",
                examples.source,
                f"labels that are no classes: {int(bad.sum())} of {count} (label "
                f"{findings.positions(found)}), at "
                + findings.positions(np.flatnonzero(bad).tolist()),
                f"give labels 0..{len(examples.classes) - 1}, or the names of all classes",
                "they are left out",
            )
        )
    return bad


def _classes(examples: Examples) -> list[Diagnostic]:
    """Classes without examples, and whether there is anything to tell apart."""
    if examples.targets is None:
        return []
    problems = []
    counts = balance(examples)
    empty = [name for name, count in counts.items() if not count]
    if empty:
        shown = ", ".join(empty[: findings.MAX_POSITIONS])
        problems.append(
            findings.problem(
                "MX8322",
                examples.source,
                f"no examples of {len(empty)} of {text.count(len(counts), 'class')}: {shown}"
                + (" …" if len(empty) > findings.MAX_POSITIONS else ""),
                "give examples of every class, or leave the class out",
                "a network cannot learn a class that it never sees",
            )
        )
    if len(counts) - len(empty) == 1:
        problems.append(
            findings.problem(
                "MX8323",
                examples.source,
                f"all examples are of one class, {next(n for n, c in counts.items() if c)}",
                "give examples of at least two classes",
                "there is nothing to tell apart",
            )
        )
    return problems
