"""What readers say: a problem is listed and its file left out; a refusal ends the reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mxdeploy.errors import Diagnostic, UsageError

MAX_POSITIONS = 5
"""So many positions of bad examples are named; the others are counted."""


DAMAGED_MEMBER, MISSING_MEMBER, NO_LABELS = "MX8306", "MX8307", "MX8315"
LABELS_LOST = frozenset({DAMAGED_MEMBER, MISSING_MEMBER, NO_LABELS})
"""Codes of problems by which examples lose labels that they should have."""


def printable(name: object) -> str:
    """A name that can be written: control characters and bytes that are no text are escaped."""
    text = str(name).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def problem(code: str, where: object, what: str, fix: str, why: str = "") -> Diagnostic:
    """Something that is left out or odd; an error only when the reading is strict."""
    return Diagnostic(
        code=code, where=printable(where), what=what, why=why, fix=fix, severity="warning"
    )


def refusal(code: str, where: object, what: str, fix: str, why: str = "") -> UsageError:
    """Nothing can be read as it was asked for."""
    return UsageError(Diagnostic(code=code, where=printable(where), what=what, why=why, fix=fix))


def raise_all(problems: Iterable[Diagnostic]) -> None:
    """Raise the problems as errors, if there are any; notes stay notes."""
    serious = [replace(d, severity="error") for d in problems if d.severity != "note"]
    if serious:
        raise UsageError(serious)


def positions(found: Iterable[int]) -> str:
    """A list of positions, cut where it gets long."""
    numbers = list(found)
    text = ", ".join(map(str, numbers[:MAX_POSITIONS]))
    more = len(numbers) - MAX_POSITIONS
    return f"{text} and {more} more" if more > 0 else text


def missing_library(module: str, package: str) -> UsageError:
    """A library of the extra ``data`` is not installed."""
    return refusal(
        "MX8300",
        module,
        "is not installed",
        'pip install "mxdeploy[data]"',
        f"{package} are read with it",
    )


def no_such_path(path: Path) -> UsageError:
    """There is neither a file nor a folder."""
    return refusal("MX8301", path, "there is no such file or folder", "check the path")


def unknown_kind(path: Path) -> UsageError:
    """The path is there, but holds nothing that is known."""
    return refusal(
        "MX8302",
        path,
        "holds no examples of a known kind",
        "name an .npz file, a folder with one folder of images or recordings per class, a CIFAR-10 "
        "archive or the folder of its batches, or the folder of MNIST's idx files",
    )


class NoPartError(UsageError):
    """Only one of the training and the test part is there."""


def no_part(where: object, part: str) -> NoPartError:
    """Only one of the training and the test part is there."""
    return NoPartError(
        Diagnostic(
            code="MX8303",
            where=printable(where),
            what=f"has no {part} part",
            fix="name other data for it, or leave a share of the data aside (validation, test)",
        )
    )


def nothing_usable(where: object, problems: Iterable[Diagnostic]) -> UsageError:
    """Every example was left out, or there was none."""
    serious = [replace(d, severity="error") for d in problems]
    return UsageError(
        [
            *serious,
            Diagnostic(
                code="MX8304",
                where=printable(where),
                what="not a single example can be used",
                fix="give data that can be read" if serious else "give at least one example",
            ),
        ]
    )


def sum_differs(name: str, found: str, published: str) -> Diagnostic:
    """A file of a published data set is another one than the published."""
    return problem(
        "MX8305",
        name,
        f"has the MD5 sum {found}",
        "fetch it again, unless it was changed on purpose",
        f"the published file has {published}",
    )


def damaged_member(where: object, what: str) -> Diagnostic:
    """A file of a data set that consists of several cannot be read."""
    return problem(DAMAGED_MEMBER, where, what, "fetch or write the file again")


def missing_member(where: object, name: str) -> Diagnostic:
    """A file of a data set that consists of several is not there."""
    return problem(MISSING_MEMBER, where, f"lacks {name}", "fetch or write the missing file")
