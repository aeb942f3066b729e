"""Examples as tensors, and the batches of an epoch.

Everything random is drawn from numbers that follow from the seed and the epoch alone. So a
training that was interrupted and goes on after its last complete epoch sees what it would have
seen without the interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from mxdeploy.data import FloatArray, Scale, pixels
from mxdeploy.stages.s0_train.augment import Geometry, Strengths, alter, draw_geometry

Task = Literal["classes", "pixels", "reconstruction"]
"""What a network gives: one class, a class for every pixel, or its input again."""

_PIXELS_AXES = 3
_STEPS_OF_8_BITS = 128.0


def seed_of(*numbers: int) -> int:
    """One seed from several numbers that are not negative; equal numbers give equal seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Examples in memory.

    Attributes:
        inputs: uint8, int8 or float32 (n, C, H, W) or (n, C, L), as they were read.
        targets: int64 (n,) or (n, H, W), or None: the input is what the network is to give.
        scale: what 8-bit inputs become.
    """

    inputs: torch.Tensor
    targets: torch.Tensor | None
    scale: Scale

    def __len__(self) -> int:
        """How many."""
        return len(self.inputs)

    @property
    def task(self) -> Task:
        """What these targets teach."""
        if self.targets is None:
            return "reconstruction"
        return "pixels" if self.targets.ndim == _PIXELS_AXES else "classes"

    def to(self, device: torch.device) -> Samples:
        """The same on another device."""
        targets = None if self.targets is None else self.targets.to(device)
        return replace(self, inputs=self.inputs.to(device), targets=targets)

    def take(self, chosen: torch.Tensor | slice) -> Samples:
        """The examples at ``chosen`` (int64 indices, or a slice)."""
        targets = None if self.targets is None else self.targets[chosen]
        return replace(self, inputs=self.inputs[chosen], targets=targets)

    def batch(
        self, chosen: torch.Tensor, geometry: Geometry | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs float32 in the network's units, and targets, of some examples.

        Args:
            chosen: int64 indices.
            geometry: where each pixel is fetched from (see ``augment``); in place without it.
        """
        if geometry is None:
            raw = self.inputs[chosen]
            targets = None if self.targets is None else self.targets[chosen]
        else:
            raw = geometry.fetch(self.inputs, chosen)
            targets = self.targets
            if targets is not None:
                in_place = targets.ndim == 1
                targets = targets[chosen] if in_place else geometry.fetch(targets, chosen)
        inputs = in_units(raw, self.scale)
        return inputs, inputs if targets is None else targets


def in_units(raw: torch.Tensor, scale: Scale) -> torch.Tensor:
    """What a network takes for raw values: 8-bit data scaled as told, others as they are."""
    if raw.dtype == torch.uint8 and scale is not Scale.NONE:
        return torch.from_numpy(pixels(scale)).to(raw.device)[raw.int()]
    if raw.dtype == torch.int8 and scale is not Scale.NONE:
        return raw.float() / _STEPS_OF_8_BITS
    return raw.float()


def array_batches(samples: Samples, size: int) -> Iterator[tuple[FloatArray, NDArray[np.int64]]]:
    """Inputs in the network's units and targets of all labelled examples, in order."""
    for first in range(0, len(samples), size):
        inputs, targets = samples.batch(torch.arange(first, min(first + size, len(samples))))
        yield inputs.numpy(), targets.numpy()


def input_range(samples: Samples) -> tuple[float, float]:
    """Least and greatest value that augmented inputs may have."""
    if samples.inputs.dtype == torch.uint8:
        table: FloatArray = pixels(samples.scale)
        return float(table[0]), float(table[-1])
    if samples.inputs.dtype == torch.int8:
        ends = in_units(torch.tensor([-128, 127], dtype=torch.int8), samples.scale)
        return float(ends[0]), float(ends[1])
    return float(samples.inputs.min()), float(samples.inputs.max())


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's examples, or this process's part of them.

    Attributes:
        inputs: float32, in the network's units.
        targets: what the network is to give.
        share: how much the mean loss of these examples counts in the mean of this process, so
            that the mean over all processes is the mean over all examples of the step.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    share: float


class Batches:
    """Shuffled and augmented batches of about equal size, the same ones for the same seed."""

    def __init__(
        self,
        samples: Samples,
        *,
        size: int,
        seed: int,
        strengths: Strengths,
        process: tuple[int, int] = (0, 1),
    ) -> None:
        """``process``: number of this process and of all; each gets a part of every batch."""
        self._samples = samples
        self._seed = seed
        self._strengths = strengths
        self._rank, self._world = process
        self._range = input_range(samples)
        self._count = max(1, -(-len(samples) // size))

    def __len__(self) -> int:
        """Batches in one epoch."""
        return self._count

    def from_epoch(self, first: int) -> Iterator[Batch]:
        """All batches of epoch ``first`` (counted from 1), of the next, and so on without end."""
        epoch = first
        while True:
            yield from self.epoch(epoch)
            epoch += 1

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        order = np.random.default_rng([self._seed, number]).permutation(len(self._samples))
        random = torch.Generator().manual_seed(seed_of(self._seed, number, self._rank))
        torch.manual_seed(seed_of(self._seed, number, self._rank, 1))  # dropout
        for all_of_it in np.array_split(order, self._count):
            part = np.array_split(all_of_it, self._world)[self._rank]
            share = len(part) * self._world / len(all_of_it)
            # A process without a part takes one that does not count: all step together.
            yield self._batch(torch.from_numpy(part if share else all_of_it[:1]), random, share)

    def _batch(self, chosen: torch.Tensor, random: torch.Generator, share: float) -> Batch:
        shape = tuple(self._samples.inputs.shape[1:])
        geometry = draw_geometry(self._strengths, len(chosen), shape, random)
        device = self._samples.inputs.device
        inputs, targets = self._samples.batch(
            chosen.to(device), None if geometry is None else geometry.to(device)
        )
        return Batch(*alter(inputs, targets, self._strengths, self._range, random), share)
