"""What a source of examples holds, in numbers: for people who look before they train."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mxdeploy import text
from mxdeploy.data import findings
from mxdeploy.data.copies import KEPT_TOGETHER, input_keys
from mxdeploy.data.examples import Examples, balance
from mxdeploy.data.numbering import numbered
from mxdeploy.data.read import read_wish
from mxdeploy.data.wish import Part, Wish
from mxdeploy.errors import Diagnostic

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """The parts of a source, and what is odd about them.

    Attributes:
        source: what was read, as the user named it.
        parts: by name: ``train`` and ``test``, or ``all`` where the source does not tell them
            apart; with the same numbers of classes.
        problems: what was left out of any part, and examples that are there more than once.
    """

    source: str
    parts: dict[str, Examples]
    problems: tuple[Diagnostic, ...]

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        first = next(iter(self.parts.values()))
        return {
            "source": self.source,
            "kind": first.kind,
            "shape": list(first.shape),
            "type": str(first.inputs.dtype),
            "classes": list(first.classes),
            "parts": [
                {
                    "part": name,
                    "examples": len(part),
                    "labelled": part.targets is not None,
                    "smallest": float(part.inputs.min()),
                    "largest": float(part.inputs.max()),
                    "per_class": balance(part),
                }
                for name, part in self.parts.items()
            ],
        }


def summarize(path: Path | str, wish: Wish, *, strict: bool = False) -> Summary:
    """Read everything, or the part that is wished for.

    Raises:
        UsageError: nothing usable is there, or there are problems and reading is strict.
    """
    parts = _parts(path, wish)
    first = next(iter(parts.values()))
    parts = {name: numbered(part, first.classes) for name, part in parts.items()}
    found = dict.fromkeys(problem for part in parts.values() for problem in part.problems)
    problems = (*found, *duplicates(str(path), parts), *blank(str(path), parts))
    if strict:
        findings.raise_all(problems)
    return Summary(source=str(path), parts=parts, problems=problems)


def _parts(path: Path | str, wish: Wish) -> dict[str, Examples]:
    whole = wish.limit is None
    if wish.part is not None:
        return {wish.part: read_wish(path, wish, whole=whole)}
    names: tuple[Part, ...] = ("train", "test")
    try:
        return {name: read_wish(path, replace(wish, part=name), whole=whole) for name in names}
    except findings.NoPartError:
        return {ALL: read_wish(path, wish, whole=whole)}


def duplicates(source: str, parts: dict[str, Examples]) -> list[Diagnostic]:
    """Inputs that are there more than once: in one part, with other labels, in both parts."""
    seen: dict[bytes, tuple[str, str, object]] = {}
    again: list[str] = []
    contrary: list[str] = []
    leaked: list[str] = []
    for part, examples in parts.items():
        for i, key in enumerate(input_keys(examples)):
            label = None if examples.targets is None else examples.targets[i].tobytes()
            here = (part, examples.names[i], label)
            before = seen.setdefault(key, here)
            if before is here:
                continue
            pair = f"{here[1]} = {before[1]}"
            if before[2] != label:
                contrary.append(pair)
            elif before[0] != part:
                leaked.append(pair)
            else:
                again.append(pair)
    return [
        *_repeated(source, again),
        *_contrary(source, contrary),
        *_leaked(source, leaked),
    ]


def blank(source: str, parts: dict[str, Examples]) -> list[Diagnostic]:
    """Inputs in which there is nothing: black pictures, recordings of silence."""
    names = [
        findings.printable(name)
        for part in parts.values()
        if part.inputs[0].size > 1
        for name, one in zip(part.names, part.inputs, strict=True)
        if one.flat[0] == one.flat[-1] and (one == one.flat[0]).all()
    ]
    if not names:
        return []
    more = len(names) - findings.MAX_POSITIONS
    return [
        Diagnostic(
            code="MX8375",
            where=source,
            what=f"{text.count(len(names), 'input')} with one value everywhere: "
            + ", ".join(names[: findings.MAX_POSITIONS])
            + (f" and {more} more" if more > 0 else ""),
            why="as black pictures or recordings of silence are; they are used all the same",
            fix="look whether they are meant",
            severity="note",
        )
    ]


def _listed(pairs: list[str]) -> str:
    more = len(pairs) - findings.MAX_POSITIONS
    shown = "; ".join(pairs[: findings.MAX_POSITIONS])
    return f"{shown} and {more} more" if more > 0 else shown


def _repeated(source: str, pairs: list[str]) -> list[Diagnostic]:
    if not pairs:
        return []
    return [
        Diagnostic(
            code="MX8370",
            where=source,
            what=f"holds {text.count(len(pairs), 'example')} twice: {_listed(pairs)}",
            why=f"{KEPT_TOGETHER}; they count more often than others",
            fix="remove the copies, if they are no others' work",
            severity="note",
        )
    ]


def _contrary(source: str, pairs: list[str]) -> list[Diagnostic]:
    if not pairs:
        return []
    return [
        findings.problem(
            "MX8371",
            source,
            f"{text.count(len(pairs), 'pair')} of equal inputs with different labels: "
            + _listed(pairs),
            "correct the labels",
            "no network can be right about both",
        )
    ]


def _leaked(source: str, pairs: list[str]) -> list[Diagnostic]:
    if not pairs:
        return []
    return [
        findings.problem(
            "MX8372",
            source,
            f"{text.count(len(pairs), 'test example')} among the training examples: "
            + _listed(pairs),
            "remove them from one of the parts",
            "training leaves them out: measuring with what was learned would measure memory",
        )
    ]
