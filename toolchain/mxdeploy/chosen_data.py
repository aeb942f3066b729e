"""The data that a user chose, read as a model takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mxdeploy.data import (
    DataReference,
    DataSet,
    FloatArray,
    Layout,
    ModelInput,
    Scale,
    load_data,
)
from mxdeploy.errors import Diagnostic
from mxdeploy.inputs import model_layout
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.matching import matching_data
from mxdeploy.synthetic import SyntheticChoice

_GREATEST_BYTE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """A data file and how to read it.

    Attributes:
        reference: what to read.
        layout: order of axes in a file of arrays.
        scale: how 8-bit data become the model's input.
        default_scale: the same, where the user did not say.
        is_stated: whether one of the two was said by anybody.
        limit: at most so many.
        classes: names of the model's outputs; None where labels do not matter.
        rate: samples per second of sound.
    """

    reference: DataReference
    layout: Layout = Layout.AUTO
    scale: Scale | None = None
    default_scale: Scale = Scale.NONE
    is_stated: bool = True
    limit: int | None = None
    classes: tuple[str, ...] | None = None
    rate: int | None = None


def calibration_data(
    choice: DataChoice | SyntheticChoice, network: Network, model: Path
) -> DataSet:
    """The data that a user chose for calibration, or made-up inputs.

    Args:
        choice: the user's.
        network: legalized.
        model: the file it was read from; its BatchNormalization nodes say what inputs are like.

    Raises:
        UsageError: the file, or what is known of the input's range, does not do.
    """
    if isinstance(choice, DataChoice):
        found = read_data(choice, network, "x_train")
        if choice.is_stated or not _are_pixels(found.x):
            return found
        return replace(found, problems=(*found.problems, _as_they_are(found.source)))
    return matching_data(model, network, choice)


def _are_pixels(x: FloatArray) -> bool:
    """Whether these are unsigned 8-bit numbers as they were stored."""
    low, high = float(x.min()), float(x.max())
    return low >= 0 and 1 < high <= _GREATEST_BYTE and bool((x == np.round(x)).all())


def _as_they_are(source: str) -> Diagnostic:
    return Diagnostic(
        code="MX8027",
        where=source,
        what="pixels are taken as they are, 0 .. 255",
        why="nothing says what the network was trained with, and the firmware will do the same",
        fix="--scale none if that is right; else unit (0 .. 1) or chip (-1 .. 127/128); "
        "or scale in the section [input] of the options file",
        severity="note",
    )


def read_data(choice: DataChoice, network: Network | QuantNetwork, default_key: str) -> DataSet:
    """Read the data a user chose, as the model takes them."""
    return load_data(
        choice.reference,
        ModelInput(shape=network.input_shape, layout=model_layout(network.head)),
        default_key=default_key,
        layout=choice.layout,
        scale=choice.scale,
        default_scale=choice.default_scale,
        limit=choice.limit,
        classes=choice.classes,
        rate=choice.rate,
    )
