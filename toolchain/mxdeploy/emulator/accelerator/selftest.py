"""The TEST register: self-tests and zeroing of the memories, done at once."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000.registers import Test

_MEMORIES = (("data", "s"), ("kernels", "m"), ("tram", "t"), ("biases", "b"))
_RUN = tuple(f"{letter}bistrun" for _, letter in _MEMORIES)
_ZERO = tuple(f"{letter}ramz" for _, letter in _MEMORIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a store to TEST causes.

    Attributes:
        word: the register afterwards.
        zeroed: names of the memories that are zero now: ``data``, ``kernels``, ``tram``,
            ``biases``.
    """

    word: int
    zeroed: tuple[str, ...]


def respond(before: int, after: int) -> Outcome:
    """Run bits act when they go from 0 to 1; the status is cleared with the run bit.

    Args:
        before: the word before the store.
        after: the word with the stored bits, status bits still as before.
    """
    old, new = Test.decode(before), Test.decode(after)
    fields = {name: getattr(new, name) for name in (*_RUN, *_ZERO, "bistsel")}
    zeroed = []
    for (memory, letter), run, zero in zip(_MEMORIES, _RUN, _ZERO, strict=True):
        fields[f"{letter}allbdone"] = fields[run]
        fields[f"{letter}allzdone"] = fields[zero]
        if any(getattr(new, bit) and not getattr(old, bit) for bit in (run, zero)):
            zeroed.append(memory)
    fields["bistdone"] = int(any(fields[run] for run in _RUN))
    fields["zerodone"] = int(any(fields[zero] for zero in _ZERO))
    return Outcome(word=Test(**fields).encode(), zeroed=tuple(zeroed))
