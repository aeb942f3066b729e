"""Examples for a model that exists: in its size, with the numbers of its classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import cifar10, cifar10_npz, findings, idx, images, sounds
from mxdeploy.data.arrays import class_names, label_numbers
from mxdeploy.data.examples import Examples
from mxdeploy.data.numbering import numbered
from mxdeploy.data.read import read_wish
from mxdeploy.data.wish import Part, Wish
from mxdeploy.errors import Diagnostic

IMAGE_AXES = 3
LINE_AXES = 2


def is_collection(path: Path) -> bool:
    """Whether ``path`` is read as examples, and not as a file of arrays."""
    if path.is_dir():
        return True
    name = path.name.lower()
    if name.endswith((*images.SUFFIXES, *sounds.SUFFIXES, *cifar10.TAR_SUFFIXES)):
        return path.is_file()
    return bool(cifar10_npz.find_npz(path)[0] or idx.find_idx(path)) if path.is_file() else False


def read_for_model(
    path: Path,
    shape: tuple[int, ...],
    *,
    part: Part | None,
    limit: int | None,
    classes: tuple[str, ...] | None,
    rate: int | None,
) -> Examples:
    """The examples of one part, or all where there are no parts, as a model takes them.

    Args:
        path: a folder, an archive, a picture or a recording.
        shape: of the model's input, channels first.
        part: which part.
        limit: at most so many.
        classes: names of the model's outputs; None where labels do not matter.
        rate: samples per second of sound.

    Raises:
        UsageError: nothing usable is there, or class folders that are none of the classes.
    """
    is_line = len(shape) == LINE_AXES
    wish = Wish(
        part=part,
        limit=limit,
        image_size=(shape[1], shape[2]) if len(shape) == IMAGE_AXES else None,
        channels=shape[0],
        samples=shape[0] * shape[1] if is_line else None,
        rate=rate,
    )
    try:
        found = read_wish(path, wish, whole=False)
    except findings.NoPartError:
        found = read_wish(path, replace(wish, part=None), whole=False)
    if is_line and len(found.shape) == IMAGE_AXES:
        raise _pictures_for_a_line(path, shape)
    return found if classes is None else numbered(found, classes)


def named_labels(
    labels: NDArray[np.generic],
    names: NDArray[np.generic] | None,
    classes: tuple[str, ...],
    source: str,
) -> tuple[NDArray[np.generic], tuple[Diagnostic, ...]]:
    """The labels of a file of arrays as numbers of the model's classes; and what is to be told.

    Args:
        labels: numbers or names, one per input or per pixel.
        names: of the file's own classes, if it tells them.
        classes: of the model; none if they are not known.
        source: the file.

    Raises:
        UsageError: the file has classes that the model does not have.
    """
    found = label_numbers([labels.reshape(-1)], class_names(names))
    if found is None or (labels.dtype.kind != "U" and (names is None or not classes)):
        return labels, ()
    numbers, told = found[0].reshape(labels.shape), found[1]
    usable = bool(((numbers >= 0) & (numbers < len(told))).all())
    if not usable:
        return numbers, ()
    none = ("",) * len(numbers)
    examples = Examples(inputs=numbers, targets=numbers, classes=told, names=none, source=source)
    moved = numbered(examples, classes)
    return (numbers if moved.targets is None else moved.targets), moved.problems


def _pictures_for_a_line(path: Path, shape: tuple[int, ...]) -> Exception:
    return findings.refusal(
        "MX8362",
        path,
        "holds pictures",
        "give an .npz file with inputs of that shape",
        f"the model's input is {'x'.join(map(str, shape))}",
    )
