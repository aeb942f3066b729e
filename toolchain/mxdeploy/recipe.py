"""Training recipes: the TOML file (``train.toml``) that says how a network is trained.

Every key has a default, so that ``mxdeploy train --network NAME --data PATH`` needs no file; what
the keys mean is described in ``toolchain/docs/training.md``.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mxdeploy.data import Scale
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.options import WeightBits

RECIPE_FILE = "train.toml"

OptimizerName = Literal[
    "gradient_descent", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"
]
LossName = Literal["auto", "cross_entropy", "hinge", "bce", "mse", "l1"]
ScheduleName = Literal["constant", "cosine", "one_cycle", "step", "plateau"]

DEFAULT_RATES: Mapping[OptimizerName, float] = {
    "gradient_descent": 0.1,
    "sgd": 0.05,
    "momentum": 0.02,
    "nesterov": 0.02,
    "adagrad": 0.01,
    "rmsprop": 0.001,
    "adam": 0.001,
    "adamw": 0.001,
}
"""Learning rates to begin with; most networks with batch normalization learn with them."""

AUGMENTATIONS: Mapping[str, tuple[float, str]] = {
    "mirror": (0.5, "share of the examples that are mirrored left to right"),
    "shift": (4.0, "at most so many pixels up, down, left, right; edges are mirrored"),
    "rotate": (10.0, "at most so many degrees either way"),
    "brightness": (0.1, "at most this is added or taken away, in units of the network's input"),
    "contrast": (0.2, "distances from an example's mean grow or shrink by at most this share"),
    "noise": (0.02, "standard deviation of what is added, in units of the network's input"),
    "time_shift": (0.1, "at most this share of the length, earlier or later; zeros come in"),
    "replay": (
        0.1,
        "folded sound: at most this share faster or slower, earlier or later; any sign",
    ),
}
"""What may happen to training examples: name, strength without a number, what the number means."""


Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _listed(value: object) -> object:
    """``--set`` and the command line give lists as ``a,b``."""
    return [v for v in value.split(",") if v] if isinstance(value, str) else value


def _listed_or_named(value: object) -> object:
    """As :func:`_listed`, but a single word stays one."""
    return _listed(value) if isinstance(value, str) and "," in value else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkSection(_Section):
    """Which network.

    Attributes:
        name: one of the networks that come with mxdeploy.
        file: ``file.py:Class``, any ``torch.nn.Module``; beside the recipe.
        options: keyword arguments of the class.
    """

    name: str | None = None
    file: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.name is not None and self.file is not None:
            raise ValueError("give either a name or a file, not both")
        return self


class DataSection(_Section):
    """Which examples, and how they become the network's input.

    Attributes:
        path: file or folder, relative to the recipe.
        test_path: file or folder with test examples, if they lie elsewhere.
        scale: what 8-bit values become (``--scale``); other data are taken as they are.
        image_size: side, or height and width, to which images are brought.
        channels: 1 for grey, 3 for colour; of sound, into how many its samples are folded.
        rate: samples per second of sound.
        samples: of each recording.
        validation: share of the training examples set aside to judge every epoch.
        test: share set aside for the last word, where the data have no test part.
        seed: decides who is set aside.
        normalize: ``scale``: each channel is divided by its root mean square, which the
            deployment folds into the first layer; ``mean``: the mean is taken away first, which
            costs the CPU a step where the first convolution is padded; ``none``. True is
            ``scale``, false is ``none``.
        augment: what happens to training examples: ``name`` or ``name=strength``.
        leaks: whether training examples that are test examples too are left out (``drop``) or
            learned from (``keep``).
        limit: read at most so many examples.
        strict: a file that cannot be read is an error, not a warning.
    """

    path: str | None = None
    test_path: str | None = None
    scale: Scale = Scale.CHIP
    image_size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    channels: PositiveInt | None = None
    rate: PositiveInt | None = None
    samples: PositiveInt | None = None
    validation: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)
    seed: int = Field(default=1, ge=0)
    normalize: Literal["scale", "mean", "none"] = "scale"
    augment: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    leaks: Literal["drop", "keep"] = "drop"
    limit: PositiveInt | None = None
    strict: bool = False

    @field_validator("normalize", mode="before")
    @classmethod
    def _yes_or_no(cls, value: object) -> object:
        return {True: "scale", False: "none"}[value] if isinstance(value, bool) else value

    @field_validator("augment")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_augmentation(text)
        return value

    @property
    def strengths(self) -> dict[str, float]:
        """Strength by name of each augmentation, in the order of ``AUGMENTATIONS``."""
        chosen = dict(map(parse_augmentation, self.augment))
        return {name: chosen[name] for name in AUGMENTATIONS if name in chosen}


class TrainingSection(_Section):
    """How long, by which measure, and when to stop.

    Attributes:
        epochs: passes over the training examples.
        batch: examples for one step.
        loss: what is made small; ``auto`` follows from the labels.
        label_smoothing: share of the wanted probability that all classes divide (cross entropy).
        class_weights: ``balanced``: rare classes count as much as frequent ones; or one number
            per class.
        seed: decides the first weights, the order of examples and the augmentations.
        seeds: train so many times, from ``seed`` on, and keep the best.
        device: ``auto``, ``cpu``, ``cuda``, or another that torch knows.
        stop_below: stop when the loss on training examples is below this.
        patience: stop when so many epochs brought nothing better on validation examples.
        max_minutes: stop before an epoch that would end later than this.
        threads: CPU threads; all cores by default.
    """

    epochs: PositiveInt = 30
    batch: PositiveInt = 64
    loss: LossName = "auto"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Annotated[
        Literal["none", "balanced"] | tuple[PositiveFloat, ...], BeforeValidator(_listed_or_named)
    ] = "none"
    seed: int = Field(default=1, ge=0)
    seeds: PositiveInt = 1
    device: str = "auto"
    stop_below: float | None = None
    patience: PositiveInt | None = None
    max_minutes: PositiveFloat | None = None
    threads: PositiveInt | None = None


class OptimizerSection(_Section):
    """How gradients become steps.

    Attributes:
        name: ``gradient_descent`` takes one step per epoch, of all examples together.
        rate: learning rate; ``DEFAULT_RATES`` without it.
        momentum: of sgd, momentum, nesterov and rmsprop; 0.9 for momentum and nesterov, else 0.
        nesterov: look ahead; the same as the name ``nesterov``.
        weight_decay: pull of the weights to zero; 0.01 for adamw, as torch has it, else 0.
    """

    name: OptimizerName = "adamw"
    rate: Rate | None = None
    momentum: float | None = Field(default=None, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.nesterov and self.name not in {"sgd", "momentum", "nesterov"}:
            raise ValueError(f"nesterov belongs to sgd, momentum and nesterov, not to {self.name}")
        if (self.nesterov or self.name in {"momentum", "nesterov"}) and not self.used_momentum:
            raise ValueError("needs a momentum above 0")
        if self.momentum and self.name in {"gradient_descent", "adagrad", "adam", "adamw"}:
            raise ValueError(f"{self.name} has no momentum to set")
        return self

    @property
    def used_rate(self) -> float:
        """The rate, or the default of the optimizer."""
        return DEFAULT_RATES[self.name] if self.rate is None else self.rate

    @property
    def used_momentum(self) -> float:
        """The momentum, or the default of the optimizer."""
        if self.momentum is not None:
            return self.momentum
        return 0.9 if self.nesterov or self.name in {"momentum", "nesterov"} else 0.0

    @property
    def used_weight_decay(self) -> float:
        """The pull of the weights to zero, or that of torch: without one adamw would be adam."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.01 if self.name == "adamw" else 0.0


class ScheduleSection(_Section):
    """How the learning rate changes.

    Attributes:
        name: ``constant``; ``cosine``: down to ``floor``; ``one_cycle``: up, then down to almost
            nothing; ``step``: times ``factor`` every so many epochs; ``plateau``: times
            ``factor`` when ``patience`` epochs brought no smaller validation loss.
        warmup: share of all steps in which the rate rises from nothing (not for ``plateau``);
            0.2 for ``one_cycle``, else 0.
        every: epochs between steps.
        factor: of ``step`` and ``plateau``.
        patience: of ``plateau``.
        floor: smallest rate of ``cosine``, as a share of the rate.
    """

    name: ScheduleName = "cosine"
    warmup: float | None = Field(default=None, ge=0, lt=1)
    every: PositiveInt = 10
    factor: float = Field(default=0.1, gt=0, lt=1)
    patience: PositiveInt = 3
    floor: float = Field(default=0.0, ge=0, le=1)

    @property
    def used_warmup(self) -> float:
        """The share of the steps in which the rate rises."""
        if self.warmup is not None:
            return self.warmup
        return 0.2 if self.name == "one_cycle" else 0.0


class AwareSection(_Section):
    """Training with the chip's integer arithmetic, after the training in floating point.

    Attributes:
        aware: do it.
        epochs: passes over the training examples.
        optimizer: steps. What the training in floating point took is too wild behind it: batch
            normalization, which bears great rates, is folded.
        rate: the first learning rate, from where it falls to nothing as half a cosine; without it
            a share of the optimizer's in ``DEFAULT_RATES``, the greater the narrower the weights.
        distill: share of the loss that is unlikeness to the network before its numbers were
            rounded; the rest is the labels'.
        weight_bits: width of all weights but those of ``layers``.
        layers: width by name of a layer or ONNX node, or shell pattern; the last that matches
            counts.
    """

    aware: bool = False
    epochs: PositiveInt = 5
    optimizer: OptimizerName = "adamw"
    rate: PositiveFloat | None = None
    distill: float = Field(default=0.5, ge=0, le=1)
    weight_bits: WeightBits = 8
    layers: dict[str, WeightBits] = Field(default_factory=dict)


class Recipe(_Section):
    """All of it."""

    network: NetworkSection = Field(default_factory=NetworkSection)
    data: DataSection = Field(default_factory=DataSection)
    training: TrainingSection = Field(default_factory=TrainingSection)
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection)
    schedule: ScheduleSection = Field(default_factory=ScheduleSection)
    quantize: AwareSection = Field(default_factory=AwareSection)


def parse_augmentation(text: str) -> tuple[str, float]:
    """``name`` or ``name=strength``.

    Raises:
        ValueError: no such augmentation, or not a positive number.
    """
    name, equals, number = text.partition("=")
    if name not in AUGMENTATIONS:
        raise ValueError(f"{name!r} is none of {', '.join(AUGMENTATIONS)}")
    try:
        strength = float(number) if equals else AUGMENTATIONS[name][0]
    except ValueError:
        strength = 0.0
    if not 0 < strength < float("inf"):
        raise ValueError(f"{text!r}: give a positive number after the sign, as {name}=0.1")
    return name, strength


def load_recipe(source: Path | Recipe | None, changes: Iterable[str] = ()) -> Recipe:
    """Read a recipe (or begin with one, or the defaults) and apply ``section.key=value`` texts.

    Raises:
        UsageError: with every fault of the file and of the changes.
    """
    document: dict[str, Any] = {}
    if isinstance(source, Recipe):
        document = source.model_dump(mode="json")
    elif source is not None:
        document = _read(source)
    faults = [fault for text in changes for fault in _apply(document, text)]
    if faults:
        raise UsageError(faults)
    return check_recipe(document, str(source) if isinstance(source, Path) else "recipe")


def check_recipe(document: Mapping[str, Any], source: str) -> Recipe:
    """A recipe from plain values.

    Raises:
        UsageError: with every fault.
    """
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise UsageError(
            Diagnostic(
                code="MX0001",
                where=f"{source}: {'.'.join(map(str, fault['loc']))}",
                what=_what(fault),
                fix=_fix(fault),
            )
            for fault in error.errors()
        ) from error


def _what(fault: ErrorDetails) -> str:
    """What is wrong with one value, and the value."""
    if fault["type"] == "extra_forbidden":
        return "there is no such key"
    text = fault["msg"].removeprefix("Value error, ")
    given = fault["input"]
    return f"{text}, not {given!r}" if isinstance(given, str | int | float) else text


def _keys(section: object) -> dict[str, FieldInfo]:
    if isinstance(section, type) and issubclass(section, BaseModel):
        return section.model_fields
    return {}


def _fix(fault: ErrorDetails) -> str:
    """The keys that there are, where none of them was meant."""
    documented = "see toolchain/docs/training.md"
    if fault["type"] != "extra_forbidden":
        return documented
    *parents, wrong = map(str, fault["loc"])
    section: object = Recipe
    for name in parents:
        section = _keys(section)[name].annotation
    known = list(_keys(section))
    near = difflib.get_close_matches(wrong, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}; {documented}"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        missing = isinstance(error, FileNotFoundError)
        data = path.parent if missing and path.name == RECIPE_FILE else path
        raise UsageError(
            Diagnostic(
                code="MX0002",
                where=str(path),
                what="there is no such file" if missing else f"cannot be read: {error}",
                fix=f"write it as TOML, or name a network and data: --network NAME --data {data}",
            )
        ) from error


def _apply(document: dict[str, Any], text: str) -> list[Diagnostic]:
    """Set one key; values are TOML, or else plain text."""
    name, equals, value = text.partition("=")
    keys = name.split(".")
    if not equals or len(keys) < len(("section", "key")) or not all(keys):
        return [
            Diagnostic(
                code="MX0003",
                where=f"--set {text}",
                what="is not SECTION.KEY=VALUE",
                fix="as --set training.batch=128 or --set data.augment=mirror,shift=4",
            )
        ]
    place = document
    for key in keys[:-1]:
        inner = place.setdefault(key, {})
        place[key] = place = dict(inner) if isinstance(inner, Mapping) else {}
    place[keys[-1]] = _value(value)
    return []


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
