"""Options that say what a model is calibrated on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import click

from mxdeploy.chosen_data import DataChoice
from mxdeploy.cli.common import Body, data_choice, data_options, gathered
from mxdeploy.data import Scale
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.options import ProjectOptions
from mxdeploy.synthetic import SyntheticChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationArguments:
    """``--calib``, ``--layout``, ``--scale``, ``--limit``, ``--data-free``, ``--input-range``."""

    calib: str | None
    layout: str
    scale: str | None
    limit: int | None
    data_free: bool
    input_range: str | None

    def choice(self, options: ProjectOptions) -> DataChoice | SyntheticChoice | None:
        """Calibration data, or made-up inputs; None when the model must say all ranges itself.

        The command line comes before ``[input] range`` and ``scale`` of the options.

        Raises:
            UsageError: options that contradict each other, or no range.
        """
        data = self.data(self.calib, options) if self.calib else None
        if not self.data_free:
            if self.input_range is not None:
                raise UsageError(_without_data_free())
            return data
        if data is not None:
            raise UsageError(_data_and_data_free())
        if self.input_range is not None:
            return SyntheticChoice(bounds=_bounds(self.input_range))
        if self.scale is not None:
            return SyntheticChoice(scale=Scale(self.scale))
        return SyntheticChoice(bounds=options.input.range, scale=options.input.stated_scale)

    def data(self, reference: str, options: ProjectOptions) -> DataChoice:
        """``reference``, read in the way that these options say."""
        return data_choice(reference, self.layout, self.scale, self.limit, options.input)


def calibration_options(body: Body) -> Body:
    """Add the options; the body gets them together, as ``calibration``."""
    command = gathered(body, "calibration", CalibrationArguments)
    for option in (
        click.option(
            "--input-range",
            metavar="LOW:HIGH",
            help="With --data-free: how large the inputs are, where --scale does not say it.",
        ),
        click.option(
            "--data-free", is_flag=True, help="No calibration data: calibrate on made-up inputs."
        ),
        data_options(
            "calib", "Calibration data (when the model declares no ranges)", required=False
        ),
    ):
        command = option(command)
    return command


def _bounds(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = (0.0, 0.0)
    if bounds[0] < bounds[1] and all(math.isfinite(bound) for bound in bounds):
        return bounds
    raise UsageError(
        Diagnostic(
            code="MX8025",
            where=f"--input-range {text}",
            what="is no range",
            fix="give the smallest and the largest number, as in --input-range -1:1",
        )
    )


def _without_data_free() -> Diagnostic:
    return Diagnostic(
        code="MX8026",
        where="--input-range",
        what="has no meaning without --data-free",
        why="calibration data show their range themselves",
        fix="leave it out, or calibrate with --data-free in place of data",
    )


def _data_and_data_free() -> Diagnostic:
    return Diagnostic(
        code="MX8024",
        where="--calib",
        what="cannot be used with --data-free",
        why="one calibrates on the data given, the other on made-up inputs",
        fix="give --calib alone: data are better than made-up inputs",
    )
