"""Project options: the small TOML file that may lie beside a model (``model.toml``)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mxdeploy.chip.max78000.limits import MAX_STREAMING_LAYERS
from mxdeploy.data import Scale
from mxdeploy.errors import Diagnostic, UsageError

WeightBits = Literal[8, 4, 2, 1]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleOptions(_Section):
    """The input of the known-answer test: a data file beside the options file."""

    file: str
    key: str | None = None
    label: str | None = None


class InputOptions(_Section):
    """What the model's input is like.

    Attributes:
        scale: how integer data become the model's input (see ``--scale``).
        range: the smallest and the largest value it may have, for calibration without data.
        rate: samples per second of sound.
    """

    scale: Scale = Scale.NONE
    range: tuple[float, float] | None = None
    rate: int | None = Field(default=None, ge=1)

    @field_validator("range")
    @classmethod
    def _rising(cls, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError("the first number must be smaller than the second")
        return bounds

    @property
    def stated_scale(self) -> Scale | None:
        """The scale if the file says one; None when it is only the default."""
        return self.scale if "scale" in self.model_fields_set else None


class QuantizeSection(_Section):
    """How the network becomes integers.

    Attributes:
        weight_bits: width of all weights but those of ``layers``.
        layers: width by name of a layer or ONNX node, or shell pattern; the last that matches
            counts.
        fit: make layers narrower, where it costs least, until the network fits.
        weight_memory: the best widths within so much kernel memory: a share of what each layer's
            weights take otherwise, in whole words (``50%``), or bytes (``216K``).
        max_drop: the smallest weights that lose at most so many percent of the answers.
        ranges: how a value's range follows from calibration data.
        rounding: each weight by itself, or for the layer's output.
        equalize: scale channels so that one scale per tensor suits all of them.
        absorb: move constant parts of channels into biases where that helps.
    """

    weight_bits: WeightBits = 8
    layers: dict[str, WeightBits] = Field(default_factory=dict)
    fit: bool = False
    weight_memory: str | None = None
    max_drop: float | None = Field(default=None, ge=0, le=100)
    ranges: Literal["mse", "max", "percentile", "kl"] = "mse"
    rounding: Literal["auto", "nearest", "adaptive"] = "auto"
    equalize: bool = True
    absorb: bool = True

    @property
    def chooses_widths(self) -> bool:
        """Whether the tool may make weights narrower by itself."""
        return self.fit or self.weight_memory is not None or self.max_drop is not None


class MapSection(_Section):
    """How the network is placed; by default as the mapping finds best.

    Attributes:
        input_order: order of the input in data memory.
        fifo: let the input come through the FIFOs, even if it fits in data memory.
        streams: let so many layers stream, even if it takes fewer.
        optimize: what counts most once the network fits: cycles, or bytes that are loaded.
    """

    input_order: Literal["HWC", "CHW"] | None = None
    fifo: bool = False
    streams: int | None = Field(default=None, ge=0, le=MAX_STREAMING_LAYERS.value)
    optimize: Literal["latency", "memory"] = "latency"


class ProjectOptions(_Section):
    """What a model file cannot say about itself.

    Attributes:
        classes: names of the output channels, for people.
        input: how data files are scaled unless ``--scale`` says otherwise.
        sample: input of the known-answer test.
        quantize: widths of the weights.
        map: placement.
    """

    classes: tuple[str, ...] = ()
    input: InputOptions = Field(default_factory=InputOptions)
    sample: SampleOptions | None = None
    quantize: QuantizeSection = Field(default_factory=QuantizeSection)
    map: MapSection = Field(default_factory=MapSection)


def options_path(model: Path) -> Path:
    """Where the options of ``model`` are looked for: the same name with ``.toml``."""
    return model.with_suffix(".toml")


def load_options(path: Path) -> ProjectOptions:
    """Read an options file.

    Raises:
        UsageError: with every fault of the file.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return ProjectOptions.model_validate(document)
    except ValidationError as error:
        raise UsageError(
            Diagnostic(
                code="MX8020",
                where=f"{path}: {'.'.join(map(str, fault['loc']))}",
                what=fault["msg"],
                fix="see toolchain/docs/options.md",
            )
            for fault in error.errors()
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            Diagnostic(
                code="MX8021",
                where=str(path),
                what=f"cannot be read: {error}",
                fix="write it as TOML, or remove it",
            )
        ) from error
