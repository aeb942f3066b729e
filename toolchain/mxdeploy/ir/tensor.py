"""Immutable arrays: what the artefacts between stages are made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A read-only copy of a numpy array; equal when dtype, shape and content are equal."""

    array: NDArray[np.generic] = field()

    def __post_init__(self) -> None:
        """Copy and lock the array."""
        copy = np.array(self.array, order="C", copy=True)
        copy.flags.writeable = False
        object.__setattr__(self, "array", copy)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.array.shape)

    @property
    def digest(self) -> str:
        """SHA-256 of dtype, shape and content, hexadecimal."""
        head = f"{self.array.dtype.str}{self.shape}".encode()
        return hashlib.sha256(head + self.array.tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """By content."""
        if not isinstance(other, Tensor):
            return NotImplemented
        return (
            self.array.dtype == other.array.dtype
            and self.shape == other.shape
            and bool(np.array_equal(self.array, other.array))
        )

    def __hash__(self) -> int:
        """By content."""
        return hash(self.digest)

    def __repr__(self) -> str:
        """Shape, type and the start of the digest."""
        return f"Tensor({self.array.dtype} {list(self.shape)} {self.digest[:8]})"
