"""What the C code for an output of the model consists of: statements about buffers."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ops.tail import Shape, TailChoice, TailCombination, TailFunction, TailSoftmax
from mxdeploy.stages.s6_emit.moves import Move

Place = str | int
"""Where elements are read: an output of the network by its name, or a buffer by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Elements of ``source`` written to buffer ``to`` as the moves say."""

    source: Place
    to: int
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """A function of the numbers in a buffer, which have ``shape``, in place."""

    op: TailFunction | TailSoftmax
    to: int
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Combine:
    """Numbers of a buffer combined with those of another, in place."""

    op: TailCombination
    to: int
    other: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """What is left of each row of ``length`` elements, which lie ``step`` elements apart.

    The moves say where rows begin and where the first element of their result goes; further ones
    lie ``apart`` elements apart.
    """

    op: TailChoice
    source: Place
    to: int
    moves: tuple[Move, ...]
    length: int
    step: int
    apart: int


Statement = Copy | Apply | Combine | Choose


def buffers_of(statement: Statement) -> set[int]:
    """The buffers that a statement reads or writes."""
    match statement:
        case Copy(source=int(read)) | Choose(source=int(read)) | Combine(other=read):
            return {read, statement.to}
        case _:
            return {statement.to}
