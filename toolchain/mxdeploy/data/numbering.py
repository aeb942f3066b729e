"""The numbers of classes: of folders, of published data sets, and of a model's outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.data import batches, findings, idx
from mxdeploy.data.examples import Examples
from mxdeploy.errors import Diagnostic

NUMBERED = (batches.CLASSES, idx.DIGITS, idx.FASHION)
"""Classes of published data sets, whose numbers are published too."""


def numbered(examples: Examples, classes: tuple[str, ...]) -> Examples:
    """With the numbers of other classes of the same names: those of a model, or of training data.

    Class folders may be called by number, too. The numbers of published sets are taken as they are.

    Args:
        examples: with classes of their own.
        classes: the names in the order of their numbers; none if only the numbers are known.

    Raises:
        UsageError: an own class is none of these.
    """
    targets, found = examples.targets, examples.classes
    if targets is None or found == classes:
        return examples
    if set(found) <= set(classes):
        numbers = [classes.index(name) for name in found]
    elif all(name.isdecimal() for name in found):
        numbers = [int(name) for name in found]
    elif (found in NUMBERED and len(found) == len(classes)) or not classes:
        return examples if found in NUMBERED else _told(examples)
    else:
        raise _other_classes(examples, classes)
    moved = np.array(numbers, dtype=np.int64)[targets]
    return replace(examples, targets=moved, classes=classes or found)


def _told(examples: Examples) -> Examples:
    """With a note that says which class got which number."""
    order = ", ".join(f"{i} = {name}" for i, name in enumerate(examples.classes))
    note = Diagnostic(
        code="MX8360",
        where=examples.source,
        what=f"classes are numbered by name: {order}",
        why="nothing says what the model's outputs are called",
        fix='name them in the model\'s options: classes = ["…"]',
        severity="note",
    )
    return replace(examples, problems=(*examples.problems, note))


def _other_classes(examples: Examples, classes: tuple[str, ...]) -> Exception:
    strange = [name for name in examples.classes if name not in classes]
    return findings.refusal(
        "MX8361",
        examples.source,
        f"has classes that the model does not have: {', '.join(strange)}",
        "rename the class folders, or the classes in the model's options",
        f"the model tells apart {', '.join(classes)}",
    )
