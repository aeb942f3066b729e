"""What a constraint is: a check, the rule in words, and the nearest thing that works.

A constraint's docstring is the sentence users read, with the numbers of
``chip.max78000.limits``. Calling it returns None when it is satisfied, or else what was found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from mxdeploy.chip.max78000 import limits

Op = TypeVar("Op")
Shape = tuple[int, ...]
Check = Callable[[Op, Shape], str | None]


class Constraint(Generic[Op]):
    """A named check; ``__doc__`` is the rule in words.

    Attributes:
        name: identifier.
        code: of the diagnostic when it is not satisfied.
        fix: the nearest thing that works.
    """

    def __init__(self, check: Check[Op], *, code: str, fix: str) -> None:
        """Fill the limits' numbers into the docstring and the fix."""
        numbers = {limit.name: limit.value for limit in limits.LIMITS}
        self.name = check.__name__
        self.code = code
        self.fix = fix.format(**numbers)
        self.__doc__ = " ".join((check.__doc__ or "").format(**numbers).split())
        self._check = check

    @property
    def text(self) -> str:
        """The rule in words."""
        return self.__doc__ or ""

    def __call__(self, op: Op, shape: Shape) -> str | None:
        """What was found when ``op``, reading a value of ``shape``, violates the rule."""
        return self._check(op, shape)


def constraint(code: str, fix: str) -> Callable[[Check[Op]], Constraint[Op]]:
    """Make a constraint of a check."""

    def wrap(check: Check[Op]) -> Constraint[Op]:
        return Constraint(check, code=code, fix=fix)

    return wrap


def by(numbers: tuple[int, ...]) -> str:
    """3x3."""
    return "x".join(str(n) for n in numbers)
