"""The known-answer test's input, and the inputs on which a build is proved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chosen_data import DataChoice, read_data
from mxdeploy.data import DataReference, DataSet
from mxdeploy.errors import Diagnostic
from mxdeploy.generated import generated_input
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.program import Program
from mxdeploy.ir.result import KnownAnswer, RunResult
from mxdeploy.ir.tensor import Tensor
from mxdeploy.options import ProjectOptions

SEED = 78000
"""Fixed, so that equal builds are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The known-answer test's input.

    Attributes:
        x: int8 (C, H, W).
        source: where it came from, in words.
        label: what it shows, in the user's words.
        notes: what to say of it.
        is_generated: the firmware makes it by itself.
    """

    x: NDArray[np.int8]
    source: str
    label: str | None = None
    notes: tuple[Diagnostic, ...] = ()
    is_generated: bool = False

    def proof_inputs(self) -> list[NDArray[np.int8]]:
        """The sample, random numbers, and the two extremes: saturation must agree as well."""
        rng = np.random.default_rng(SEED + 1)
        extremes = rng.choice(np.array([-128, 127], np.int8), self.x.shape)
        return [self.x, _random_input(self.x.shape), extremes]

    def known_answer(self, integer: RunResult) -> KnownAnswer:
        """The test: the sample, and what the integer model makes of it."""
        return KnownAnswer(
            input=Tensor(self.x),
            outputs=integer.outputs,
            source=self.source,
            label=self.label,
            is_generated=self.is_generated,
        )


def choose_sample(
    options: ProjectOptions, folder: Path, program: Program, calibration: DataSet | None
) -> Sample:
    """The user's sample, one of the calibration data, or random numbers.

    Where the flash has no room for it, it is one that the firmware can make by itself.

    Args:
        options: the model's project options.
        folder: where the files that they name lie.
        program: what is to be tested.
        calibration: data, if there are any.
    """
    from mxdeploy.stages.s6_emit import sample_fits, sample_too_large

    network = program.plan.network
    shape = network.value(network.input).shape
    chosen = options.sample
    if not sample_fits(program):
        notes = () if chosen is None else (sample_too_large(chosen.file, math.prod(shape)),)
        return Sample(generated_input(shape), "generated numbers", notes=notes, is_generated=True)
    if chosen is not None:
        choice = DataChoice(
            reference=DataReference(path=folder / chosen.file, key=chosen.key),
            default_scale=options.input.scale,
            limit=1,
            rate=options.input.rate,
        )
        x = chip_inputs(network, read_data(choice, network, "x").x)[0]
        return Sample(x, chosen.file, chosen.label)
    if calibration is not None:
        x = chip_inputs(network, calibration.x[:1])[0]
        return Sample(x, f"{calibration.title} [0]")
    return Sample(_random_input(shape), f"random numbers, seed {SEED}")


def _random_input(shape: tuple[int, ...]) -> NDArray[np.int8]:
    return np.random.default_rng(SEED).integers(-128, 128, shape, dtype=np.int8)
