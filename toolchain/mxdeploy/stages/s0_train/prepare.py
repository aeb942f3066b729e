"""Examples as they were read to what the loop takes, with every reason why they will not do."""

from __future__ import annotations

import numpy as np
import torch

from mxdeploy.data import Examples, Scale, balance
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.stages.s0_train.samples import Samples


def samples_of(examples: Examples, scale: Scale) -> Samples:
    """As tensors that share the arrays' memory."""
    targets = examples.targets
    return Samples(
        inputs=torch.from_numpy(np.ascontiguousarray(examples.inputs)),
        targets=None if targets is None else torch.from_numpy(np.ascontiguousarray(targets)),
        scale=scale,
    )


def check_training_examples(examples: Examples) -> tuple[Diagnostic, ...]:
    """What is wrong with the examples to learn from.

    Returns:
        Warnings: classes that are rare.

    Raises:
        UsageError: there are none, or only one class, or a class without examples.
    """
    if len(examples) == 0:
        raise UsageError(
            Diagnostic(
                code="MX0010",
                where=examples.source,
                what="leaves no examples to train on",
                fix="give more, or set fewer aside: --set data.validation=0.1",
            )
        )
    if examples.targets is None:
        return ()
    counts = balance(examples)
    if len(counts) == 1:
        raise UsageError(
            Diagnostic(
                code="MX0011",
                where=examples.source,
                what=f"has one class only: {next(iter(counts))}",
                why="there is nothing to tell apart",
                fix="give examples of at least two classes, or train an autoencoder without labels",
            )
        )
    empty = [name for name, count in counts.items() if count == 0]
    if empty:
        shown = ", ".join(empty[:_NAMED]) + (" …" if len(empty) > _NAMED else "")
        raise UsageError(
            Diagnostic(
                code="MX0012",
                where=examples.source,
                what=f"no examples to train on for {len(empty)} of {len(counts)} classes: {shown}",
                fix="give some of each, or take these classes away: their folders, their names, or "
                "gaps in the numbers of labels",
            )
        )
    return _rare(examples, counts)


_NAMED = 5
"""So many classes are named; the others are counted."""
_RARE = 0.1
"""A class is called rare below this share of the mean."""


def _rare(examples: Examples, counts: dict[str, int]) -> tuple[Diagnostic, ...]:
    mean = sum(counts.values()) / len(counts)
    rare = {name: count for name, count in counts.items() if count < _RARE * mean}
    return tuple(
        Diagnostic(
            code="MX0013",
            where=f"{examples.source}: class {name}",
            what=f"has {count:,} of {sum(counts.values()):,} training examples",
            why="a class so rare is learned badly, and accuracy hardly shows it",
            fix="give more, or --set training.class_weights=balanced",
            severity="warning",
        )
        for name, count in rare.items()
    )
