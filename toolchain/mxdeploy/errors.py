"""What the user is told when something is wrong: diagnostics, and the exceptions that carry them.

A diagnostic says where, what was found, which rule or limit, and how to mend it. All findings of
one run travel together in one exception; the command line prints them and ends with the
exception's exit status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning", "note"]

MANY = 10
"""Up to so many findings of one kind are all shown to people."""
FIRST = 5
"""Of more, so many are shown, and the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: stable identifier, ``MX`` and four digits.
        where: ONNX node name, layer, file or address.
        what: what was found there, with the actual value.
        why: the rule or limit, with its number.
        fix: what the user can do about it.
        severity: errors stop the command, warnings and notes do not.
    """

    code: str
    where: str
    what: str
    why: str = ""
    fix: str = ""
    severity: Severity = "error"

    def to_text(self) -> str:
        """The plain-text form, one to three lines."""
        lines = [f"{self.severity}[{self.code}] {self.where}: {self.what}"]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding as people are told of it.

    Attributes:
        finding: what is told.
        more: how many others like this are not told one by one; with the last that is.
    """

    finding: Diagnostic
    more: int = 0

    @property
    def rest(self) -> str:
        """``warning[MX8344] and 4,995 more like this``; empty if there are none."""
        if not self.more:
            return ""
        return f"{self.finding.severity}[{self.finding.code}] and {self.more:,} more like this"


def told(findings: Iterable[Diagnostic]) -> tuple[Told, ...]:
    """Findings in their order; of many with the same code and severity, the first are enough.

    Among many, those in which something else was found come first: five thousand empty files do
    not hide the one that is damaged.
    """
    kinds: dict[tuple[str, Severity], list[tuple[int, Diagnostic]]] = {}
    for place, finding in enumerate(findings):
        kinds.setdefault((finding.code, finding.severity), []).append((place, finding))
    chosen: dict[int, Told] = {}
    for kind in kinds.values():
        few = _examples(kind)
        chosen |= {place: Told(finding=finding) for place, finding in few}
        place, last = few[-1]
        chosen[place] = Told(finding=last, more=len(kind) - len(few))
    return tuple(chosen[place] for place in sorted(chosen))


def _examples(kind: list[tuple[int, Diagnostic]]) -> list[tuple[int, Diagnostic]]:
    """Findings of one kind with their places: all of few, some of many."""
    if len(kind) <= MANY:
        return kind
    before: Counter[str] = Counter()
    ranks = []
    for place, finding in kind:
        ranks.append((before[finding.what], place))
        before[finding.what] += 1
    places = {place for _, place in sorted(ranks)[:FIRST]}
    return [(place, finding) for place, finding in kind if place in places]


class MxdeployError(Exception):
    """Base of all errors meant for the user; carries one or more diagnostics."""

    exit_code: ClassVar[int] = 1

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        """Keep the diagnostics in order; the text is all of them."""
        items = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = items
        super().__init__("\n".join(d.to_text() for d in items))


class UsageError(MxdeployError):
    """Wrong options, unreadable or malformed files, bad data, unwritable output (status 2)."""

    exit_code = 2


class ModelError(MxdeployError):
    """The model is not supported or does not fit; an unmodelled program (status 3)."""

    exit_code = 3


class ToolError(MxdeployError):
    """A compiler or another tool is missing or failed (status 4)."""

    exit_code = 4


class DeviceError(MxdeployError):
    """A port or board cannot be used, or the virtual board stopped with a fault (status 5)."""

    exit_code = 5


class MismatchError(MxdeployError):
    """Outputs differ between two machines (status 6)."""

    exit_code = 6
