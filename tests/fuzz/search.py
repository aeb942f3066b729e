"""Random search for a case that fails its check, shrunk to a small one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Subject(Generic[C]):
    """What is searched.

    Attributes:
        cases: what is drawn.
        check: raises when a case fails.
        text: a case as the text of a test.
        shrink: look for a smaller case that fails; not worth while when each takes long.
    """

    cases: Callable[[], SearchStrategy[C]]
    check: Callable[[C], object]
    text: Callable[[C], str]
    shrink: bool = True


class FoundError(AssertionError):
    """A case failed; the message holds the smallest one that was found, as a test."""


def search(subject: Subject[C], *, examples: int, number: int) -> None:
    """Check ``examples`` random cases; the same ``number`` draws the same ones.

    Raises:
        FoundError: one failed.
    """
    failed: list[tuple[C, BaseException]] = []

    def once(case: C) -> None:
        try:
            subject.check(case)
        except Exception as error:
            failed.append((case, error))
            raise

    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=tuple(phase for phase in Phase if subject.shrink or phase is not Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(number)(quiet(given(subject.cases())(once)))()
    except Exception as error:
        if not failed:
            raise
        # The search ends by running the smallest case once more.
        case, cause = failed[-1]
        what = f"{type(cause).__name__}: {cause}"
        raise FoundError(f"{what}\n\n{subject.text(case)}") from error
