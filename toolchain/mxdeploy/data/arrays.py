"""Examples from ``.npz`` and ``.npy`` files of any sensible type and order of axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.chip.max78000.limits import MAX_CHANNELS
from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.data.numpy_files import WHOLE, NumpyFileError, read_arrays
from mxdeploy.data.wish import Part, Wish
from mxdeploy.errors import Diagnostic

KIND = "numpy arrays"
PARTS: tuple[Part, ...] = ("train", "test")
IMAGE_CHANNELS = (1, 3, 4)
"""Sizes of a last axis that is taken for the channels of an image."""
BATCH_OF_IMAGES = 4
BATCH_OF_PLANES = 3
BATCH_OF_VECTORS = 2
"""Axes of arrays whose inputs have three axes, two, and one."""


def read_numpy(path: Path, key: str | None, wish: Wish) -> Examples:
    """The inputs under ``x``, or ``x_train`` and ``x_test``, and their labels under ``y…``.

    ``classes`` may be an array of the classes' names. Labels are numbers, or names themselves.

    Raises:
        UsageError: not such a file, or it holds no inputs under these names.
    """
    keys: list[str] = []

    def choose(found: list[str]) -> list[str]:
        keys.extend(_keys(path, key, found, wish))
        others = [*map(_label_key, keys), "classes"]
        return list(dict.fromkeys([*keys, *(name for name in others if name in found)]))

    try:
        arrays = read_arrays(path, choose)
    except (NumpyFileError, OSError) as error:
        raise findings.refusal(
            "MX8310",
            path,
            f"cannot be read as numpy data: {error}",
            "write it with numpy.savez(path, x=…, y=…), x and y arrays of numbers",
        ) from error
    if wish.part == "test" and (key is not None or not keys):  # one array is no two parts
        raise findings.no_part(path, "test")
    keys = keys or [WHOLE]
    source = f"{path}:{'+'.join(keys)}" if keys != [WHOLE] else str(path)
    inputs = _joined([arrays[name] for name in keys], source)
    labels = [_flat(arrays[name]) for name in map(_label_key, keys) if name in arrays]
    problems: list[Diagnostic] = []
    targets, classes = _targets(labels, arrays.get("classes"), inputs.shape, source, problems)
    names = [f"{name}[{i}]" for name in keys for i in range(len(arrays[name]))]
    return Examples(
        inputs=channels_first(inputs, wish, source),
        targets=targets,
        classes=classes,
        names=tuple(names),
        problems=tuple(problems),
        source=source,
        kind=KIND,
    )


def _keys(path: Path, key: str | None, found: list[str], wish: Wish) -> list[str]:
    """Names of the arrays with the wanted inputs."""
    parts = [f"x_{part}" for part in PARTS if f"x_{part}" in found]
    if key is not None:
        wanted = [key]
    elif wish.part is None:
        wanted = ["x"] if "x" in found else parts
    elif f"x_{wish.part}" in found:
        wanted = [f"x_{wish.part}"]
    elif wish.part == "train" and "x" in found:
        wanted = ["x"]
    elif "x" in found or parts:
        raise findings.no_part(path, wish.part)
    else:
        wanted = []
    if not wanted or not set(wanted) <= set(found):
        raise findings.refusal(
            "MX8311",
            path,
            f"has no array {wanted[0] if wanted else 'x, x_train or x_test'}; "
            f"it has {', '.join(found) or 'none'}",
            f"name the array: {path}:KEY",
        )
    return wanted


def _flat(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """(n,) where the labels are (n, 1)."""
    return labels.reshape(-1) if labels.shape[1:] == (1,) else labels


def _label_key(key: str) -> str:
    return "y" + key[1:] if key.startswith("x") else "y"


def _joined(arrays: list[NDArray[np.generic]], source: str) -> NDArray[np.generic]:
    """The arrays one after the other, as uint8, int8 or float32."""
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1 or any(array.ndim < BATCH_OF_VECTORS for array in arrays):
        raise findings.refusal(
            "MX8312",
            source,
            f"has arrays of shape {' and '.join(str(a.shape) for a in arrays)}",
            "give arrays of n inputs of one shape",
        )
    if any(array.dtype.kind not in "buif" for array in arrays):
        raise findings.refusal(
            "MX8313", source, f"holds {arrays[0].dtype} data", "give numbers in x"
        )
    return _narrow(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))


def _narrow(x: NDArray[np.generic]) -> NDArray[np.generic]:
    """Numbers as bytes if they are integers in the range of bytes, else as float32."""
    if x.dtype in (np.uint8, np.int8, np.float32):
        return x
    if x.dtype.kind in "iu" and x.size:
        for narrow in (np.uint8, np.int8):
            limits = np.iinfo(narrow)
            if limits.min <= x.min() and x.max() <= limits.max:
                return x.astype(narrow)
    return x.astype(np.float32)


def channels_first(x: NDArray[np.generic], wish: Wish, source: str) -> NDArray[np.generic]:
    """Inputs (n, C, H, W) or (n, C, L) from any usual order of axes.

    Four axes are images, channels last where the last axis looks like it. Three axes are grey
    images if they are unsigned bytes or images are wished for, else lines. Two are vectors.
    """
    if x.ndim == BATCH_OF_IMAGES:
        last, first = x.shape[-1], x.shape[1]
        return (
            np.moveaxis(x, -1, 1) if last in IMAGE_CHANNELS and first not in IMAGE_CHANNELS else x
        )
    if x.ndim == BATCH_OF_PLANES:
        is_line = wish.channels is not None and wish.channels == x.shape[1]
        is_image = wish.channels == 1 or wish.image_size is not None or x.dtype == np.uint8
        return x[:, np.newaxis] if is_image and not is_line else x
    if x.ndim == BATCH_OF_VECTORS:
        return x[:, :, np.newaxis]
    raise findings.refusal(
        "MX8314",
        source,
        f"has inputs with {text.count(x.ndim - 1, 'axis')}",
        "give images (n, C, H, W), lines (n, C, L) or vectors (n, C)",
    )


def _targets(
    labels: list[NDArray[np.generic]],
    names: NDArray[np.generic] | None,
    shape: tuple[int, ...],
    source: str,
    problems: list[Diagnostic],
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels as numbers, and the names of the classes; what cannot be used is listed."""
    classes = class_names(names)
    if not labels:
        return None, classes
    numbers = label_numbers(labels, classes)
    if numbers is not None:
        found, told = numbers
        if found.size == shape[0]:
            return found.reshape(-1), told
        planes = {(shape[0], *shape[2:]), shape[:3]}  # channels first, channels last
        if len(shape) == BATCH_OF_IMAGES and found.shape in planes:
            return found, told
    problems.append(_unusable(labels, shape, source))
    return None, classes


def _unusable(labels: list[NDArray[np.generic]], shape: tuple[int, ...], source: str) -> Diagnostic:
    """Why labels do not belong to the inputs."""
    what = f"has {text.count(shape[0], 'input')} but labels of " + " and ".join(
        f"shape {y.shape}, type {y.dtype}" for y in labels
    )
    fix = "give one class (number or name) per input, or per pixel (n, H, W)"
    rows = sum(len(y) if y.ndim else 1 for y in labels)
    if rows == shape[0] and all(y.ndim == 1 and y.dtype.kind == "f" for y in labels):
        what = "has labels that are no whole numbers"
        fix = "give the number or the name of a class for each input"
    elif rows == shape[0] and all(y.ndim == BATCH_OF_VECTORS and y.shape[1] > 1 for y in labels):
        fix += "; of one-hot labels it is y.argmax(axis=1)"
    return findings.problem(findings.NO_LABELS, source, what, fix, "the inputs count as unlabelled")


def class_names(names: NDArray[np.generic] | None) -> tuple[str, ...]:
    """What an array ``classes`` says; nothing, if there is none or it is none of names."""
    return () if names is None or names.dtype.kind != "U" else tuple(map(str, names.reshape(-1)))


def label_numbers(
    labels: list[NDArray[np.generic]], classes: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...]] | None:
    """Labels as int64, -1 for an unknown name, and the names of all classes; None if not labels."""
    if len({y.shape[1:] for y in labels}) > 1 or len({y.dtype.kind for y in labels}) > 1:
        return None
    joined = np.concatenate([np.atleast_1d(y) for y in labels])
    if joined.dtype.kind == "U":
        known = classes or tuple(sorted({str(name) for name in joined.reshape(-1)}))
        number = {name: i for i, name in enumerate(known)}
        found = [number.get(str(name), -1) for name in joined.reshape(-1)]
        return np.array(found, dtype=np.int64).reshape(joined.shape), known
    if joined.dtype.kind == "f" and np.array_equal(joined, np.round(joined)):
        joined = joined.astype(np.int64)
    if joined.dtype.kind not in "bui":
        return None
    found_numbers = joined.astype(np.int64)
    usable = found_numbers[(found_numbers >= 0) & (found_numbers < MAX_CHANNELS.value)]
    count = int(usable.max()) + 1 if usable.size else 0
    return found_numbers, classes or tuple(map(str, range(count)))
