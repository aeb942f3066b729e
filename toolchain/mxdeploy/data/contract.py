"""Data files: the one contract by which every command reads calibration and test data.

``FILE[:KEY]`` names an array in an ``.npz`` file (or a whole ``.npy`` file). Without a key it is
``x``, else ``x_train`` for calibration and ``x_test`` for evaluation. Labels have the same name
with ``y`` in place of ``x``; they are numbers, or names. Arrays may be NCHW or NHWC; 8-bit data
are scaled as told.

Anything else that examples are read from (pictures, recordings, published data sets) is brought to
the size that the model takes; the numbers of its labels are those of the model's classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.data.for_model import is_collection, named_labels, read_for_model
from mxdeploy.data.numpy_files import NumpyFileError, read_arrays
from mxdeploy.data.reference import DataReference, parse_reference
from mxdeploy.data.wish import Part
from mxdeploy.errors import Diagnostic, UsageError

FloatArray = NDArray[np.float32]

CLASSES_KEY = "classes"
"""Key of the names of the classes in an ``.npz`` file."""
PART_OF_KEY: dict[str, Part] = {"x_train": "train", "x_test": "test"}
"""The part of a published data set that stands for the default key of an ``.npz`` file."""

_MAPS = 3
"""Axes of labels for every pixel."""
ONE_IMAGE = 3
"""Axes of one multi-channel image; a batch has one more."""


class Layout(StrEnum):
    """Order of the axes in a data file."""

    AUTO = "auto"
    NCHW = "nchw"
    NHWC = "nhwc"


_OTHER = {Layout.NCHW: Layout.NHWC, Layout.NHWC: Layout.NCHW}


class Scale(StrEnum):
    """How integers p of a data file become the model's input.

    none: as they are; unit: p / 255; chip: ``clip(round((p / 255 - 0.5) * 256), -128, 127) / 128``
    for unsigned and p / 128 for signed 8-bit data (the chip's own input range).
    """

    NONE = "none"
    UNIT = "unit"
    CHIP = "chip"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """What a model takes.

    Attributes:
        shape: without the batch dimension.
        layout: where an image's channels are in it.
    """

    shape: tuple[int, ...]
    layout: Layout = Layout.NCHW


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataSet:
    """Inputs in the model's own units and shape, and labels when there are any.

    Attributes:
        source: file and key.
        x: float32 (n, *model input shape).
        labels: a class per input, int64 (n,), or None.
        maps: a class per pixel, int64 (n, H, W), or None.
        layout: order of axes found in the file.
        scale: scaling that was applied.
        problems: what was left out.
    """

    source: str
    x: FloatArray
    labels: NDArray[np.int64] | None
    layout: Layout
    scale: Scale
    problems: tuple[Diagnostic, ...] = ()
    maps: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Number of inputs."""
        return len(self.x)

    @property
    def title(self) -> str:
        """File name and key, without the folder: what a build may say without depending on it."""
        return re.split(r"[/\\]", self.source)[-1]


def load_data(  # noqa: PLR0913 - one parameter per option of the contract
    reference: DataReference,
    model: ModelInput,
    *,
    default_key: str,
    layout: Layout = Layout.AUTO,
    scale: Scale | None = None,
    default_scale: Scale = Scale.NONE,
    limit: int | None = None,
    classes: tuple[str, ...] | None = None,
    rate: int | None = None,
) -> DataSet:
    """Read inputs (and labels, if present) for a model.

    Args:
        reference: file and key.
        model: what it takes.
        default_key: second choice after ``x`` when no key is named (``x_train`` or ``x_test``).
        layout: order of axes in the file.
        scale: how 8-bit data become the model's input; refused for other data.
        default_scale: the scale of 8-bit data when ``scale`` is None; other data stay as they are.
        limit: read at most this many.
        classes: names of the model's outputs, by which class folders get their numbers (an empty
            tuple: they are not known); None where labels do not matter.
        rate: samples per second of sound that the model takes.

    Raises:
        UsageError: the file or key is missing or malformed, or the data do not suit the model.
    """
    if reference.key is None and is_collection(reference.path):
        raw = _read_collection(reference.path, model, default_key, limit, classes, rate)
    else:
        raw = _read_arrays(reference, default_key, limit, classes)
    arranged, found = _arrange(raw.inputs, model, layout, raw.source)
    if scale is None:
        scale = default_scale if raw.inputs.dtype in (np.uint8, np.int8) else Scale.NONE
    x = _scaled(arranged, scale, raw.source)
    _check_values(x, raw.source)
    labels, maps = None, None
    if raw.labels is not None and raw.labels.size == len(x):
        labels = _check_labels(raw.labels.reshape(-1), raw.labels.shape, len(x), raw.source)
    elif raw.labels is not None:
        maps = _check_labels(_as_maps(raw.labels), raw.labels.shape, len(x), raw.source)
    return DataSet(
        source=raw.source,
        x=x,
        labels=labels,
        layout=found,
        scale=scale,
        problems=raw.problems,
        maps=maps,
    )


def load_input(
    path: Path,
    model: ModelInput,
    *,
    layout: Layout = Layout.AUTO,
    scale: Scale | None = None,
    default_scale: Scale = Scale.NONE,
    rate: int | None = None,
) -> FloatArray:
    """One or several inputs from anything that is read; a single array may lack the batch axis."""
    return load_data(
        parse_reference(str(path)),
        model,
        default_key="input",
        layout=layout,
        scale=scale,
        default_scale=default_scale,
        rate=rate,
    ).x


def _fail(code: str, where: str, what: str, fix: str, why: str = "") -> UsageError:
    return UsageError(Diagnostic(code=code, where=where, what=what, why=why, fix=fix))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Raw:
    """What a file holds."""

    source: str
    inputs: NDArray[np.generic]
    labels: NDArray[np.generic] | None
    problems: tuple[Diagnostic, ...] = ()


def _read_collection(
    path: Path,
    model: ModelInput,
    default_key: str,
    limit: int | None,
    classes: tuple[str, ...] | None,
    rate: int | None,
) -> _Raw:
    """Pictures, recordings or a published data set, in the size that the model takes."""
    shape = model.shape
    if len(shape) == ONE_IMAGE and model.layout is Layout.NHWC:
        shape = (shape[-1], *shape[:-1])
    part = PART_OF_KEY.get(default_key)
    found = read_for_model(path, shape, part=part, limit=limit, classes=classes, rate=rate)
    return _Raw(
        source=str(path), inputs=found.inputs, labels=found.targets, problems=found.problems
    )


def _read_arrays(
    reference: DataReference, default_key: str, limit: int | None, classes: tuple[str, ...] | None
) -> _Raw:
    path = reference.path
    if not path.is_file():
        raise _fail("MX8001", str(path), "there is no such file", "check the path")
    key, label_key = "", "y"

    def choose(found: list[str]) -> list[str]:
        nonlocal key, label_key
        key = _choose_key(reference, found, default_key)
        label_key = "y" + key[1:] if key.startswith("x") else "y"
        return list(dict.fromkeys(name for name in (key, label_key, CLASSES_KEY) if name in found))

    try:
        arrays = read_arrays(path, choose)
    except (NumpyFileError, OSError) as error:
        raise _fail(
            "MX8002",
            str(path),
            f"cannot be read as numpy data: {error}",
            "write it with numpy.savez(path, x=…, y=…); object arrays are not accepted",
        ) from error
    source = f"{path}:{key}" if key else str(path)
    labels = arrays.get(label_key) if key and label_key != key else None
    problems: tuple[Diagnostic, ...] = ()
    if labels is not None and classes is not None:
        labels, problems = named_labels(labels, arrays.get(CLASSES_KEY), classes, source)
    elif labels is not None and labels.dtype.kind == "U":
        labels = None  # names that nobody asked for
    return _Raw(
        source=source,
        inputs=_first(arrays[key], limit),
        labels=None if labels is None else _first(labels, limit),
        problems=problems,
    )


def _first(array: NDArray[np.generic], limit: int | None) -> NDArray[np.generic]:
    return array[:limit] if array.ndim else array


def _choose_key(reference: DataReference, keys: list[str], default_key: str) -> str:
    wanted = [reference.key] if reference.key else ["x", default_key]
    for key in wanted:
        if key in keys:
            return str(key)
    raise _fail(
        "MX8003",
        str(reference.path),
        f"has no array {' or '.join(str(w) for w in wanted)}; it has {', '.join(keys) or 'none'}",
        f"name the array: {reference.path}:KEY",
    )


def _arrange(
    raw: NDArray[np.generic], model: ModelInput, layout: Layout, source: str
) -> tuple[NDArray[np.generic], Layout]:
    """Bring the axes to (n, *shape of the model's input); and the layout found."""
    shape, own = model.shape, model.layout
    last = own is Layout.NHWC
    other, axes = shape, (-1, 1)
    if len(shape) == ONE_IMAGE:
        other = (shape[-1], *shape[:-1]) if last else (*shape[1:], shape[0])
        axes = (1, -1) if last else (-1, 1)
    if raw.ndim == len(shape) and raw.shape in {shape, other}:
        raw = raw[None]
    item = raw.shape[1:]
    if layout in (Layout.AUTO, own) and item == shape:
        return raw, own
    if layout is not own and len(shape) == ONE_IMAGE and item == other:
        return np.moveaxis(raw, *axes), _OTHER[own]
    planes, channels = (shape[:-1], shape[-1:]) if last else (shape[1:], shape[:1])
    if channels == (1,) and item == planes:
        return raw.reshape(len(raw), *shape), own
    raise _fail(
        "MX8004",
        source,
        f"has shape {_by(raw.shape)}",
        f"give n x {_by(shape)}"
        + (f" or n x {_by(other)}" if other != shape else "")
        + "; --layout nchw|nhwc says which axis holds the channels",
        f"the model's input is {_by(shape)}"
        + ("" if layout is Layout.AUTO else f" and --layout {layout} was given"),
    )


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _scaled(raw: NDArray[np.generic], scale: Scale, source: str) -> FloatArray:
    if raw.dtype.kind not in "buif":
        raise _fail("MX8005", source, f"holds {raw.dtype} data", "give numbers")
    x = raw.astype(np.float32)
    if scale is Scale.NONE:
        return x
    if raw.dtype == np.uint8:
        if scale is Scale.UNIT:
            return x / np.float32(255)
        steps = np.clip(np.round((x.astype(np.float64) / 255 - 0.5) * 256), -128, 127)
        return (steps / 128).astype(np.float32)
    if raw.dtype == np.int8 and scale is Scale.CHIP:
        return x / np.float32(128)
    raise _fail(
        "MX8006",
        source,
        f"holds {raw.dtype} data, to which --scale {scale} does not apply",
        "--scale none takes data that are already in the model's units",
        "unit and chip are defined for 8-bit data",
    )


def pixels(scale: Scale) -> FloatArray:
    """What a model takes for each of the 256 values of an unsigned 8-bit pixel."""
    return _scaled(np.arange(256, dtype=np.uint8), scale, "")


def _check_values(x: FloatArray, source: str) -> None:
    if not len(x):
        raise _fail("MX8007", source, "holds no inputs", "give at least one")
    if not np.isfinite(x).all():
        bad = int(np.argmax(~np.isfinite(x).reshape(len(x), -1).all(axis=1)))
        raise _fail("MX8008", source, f"input {bad} contains NaN or infinity", "clean the data")


def _as_maps(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Without the axis of one channel: (n, H, W)."""
    axes = [axis for axis in (1, -1) if labels.ndim == _MAPS + 1 and labels.shape[axis] == 1]
    return labels.squeeze(axes[0]) if axes else labels


def _check_labels(
    labels: NDArray[np.generic], shape: tuple[int, ...], count: int, source: str
) -> NDArray[np.int64]:
    """Labels (n,) or (n, H, W) as numbers; ``shape``: what they have in the file."""
    if labels.ndim not in (1, _MAPS) or len(labels) != count or labels.dtype.kind not in "ui":
        raise _fail(
            "MX8009",
            source,
            f"has {text.count(count, 'input')} but labels of shape {shape}, type {labels.dtype}",
            "give one integer class per input, or per pixel: (n,) or (n, H, W)",
        )
    return labels.astype(np.int64)
