"""Examples for a model that exists: in its size, with the numbers of its classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mxdeploy.data import cifar10, cifar10_npz, findings, idx, images, sounds
from mxdeploy.data.examples import Examples
from mxdeploy.data.numbering import numbered
from mxdeploy.data.read import read_wish
from mxdeploy.data.wish import Part, Wish

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
    found = replace(found, problems=findings.shortened(found.problems, path))
    if found.targets is not None and found.targets.ndim != 1:
        found = replace(found, targets=None)
    return found if classes is None else numbered(found, classes)


def _pictures_for_a_line(path: Path, shape: tuple[int, ...]) -> Exception:
    return findings.refusal(
        "MX8362",
        path,
        "holds pictures",
        "give an .npz file with inputs of that shape",
        f"the model's input is {'x'.join(map(str, shape))}",
    )
