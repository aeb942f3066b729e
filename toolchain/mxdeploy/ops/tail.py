"""What may follow the last hardware layer: computed in C on the Cortex-M4F and by the emulator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """Probabilities over the channels of the last layer's (1 x 1) output."""

    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigmoid:
    """Logistic function of every element."""

    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgMax:
    """Index of the largest channel."""

    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape:
    """A new shape over the same elements in C x H x W order (no work on the chip).

    ``shape`` is without the batch dimension.
    """

    origin: str
    shape: tuple[int, ...]


TailOp = Softmax | Sigmoid | ArgMax | Reshape
