"""The data that a user chose, read as a model takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mxdeploy.data import DataReference, DataSet, Layout, ModelInput, Scale, load_data
from mxdeploy.inputs import model_layout
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.matching import matching_data
from mxdeploy.synthetic import SyntheticChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """A data file and how to read it.

    Attributes:
        reference: what to read.
        layout: order of axes in a file of arrays.
        scale: how 8-bit data become the model's input.
        default_scale: the same, where the user did not say.
        limit: at most so many.
        classes: names of the model's outputs; None where labels do not matter.
        rate: samples per second of sound.
    """

    reference: DataReference
    layout: Layout = Layout.AUTO
    scale: Scale | None = None
    default_scale: Scale = Scale.NONE
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
        return read_data(choice, network, "x_train")
    return matching_data(model, network, choice)


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
