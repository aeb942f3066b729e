"""Pictures with a class for every pixel: a folder ``images`` and a folder ``masks`` beside it.

A mask has the name of its picture (the suffix may differ) and one channel; its values are the
classes, in the order of their numbers: 0, 1, 2, or 0 and 255. ``classes.txt`` names them, one a
line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.data.folders import FolderFiles, part_folders
from mxdeploy.data.images import (
    SIXTEEN_BITS,
    SUFFIXES,
    PictureError,
    head_of,
    opened,
    pillow,
    quiet,
    read_images,
)
from mxdeploy.data.wish import Wish
from mxdeploy.errors import Diagnostic

KIND = "images with masks"
IMAGES, MASKS, NAMES = "images", "masks", "classes.txt"
LOSSLESS = SUFFIXES - {".jpg", ".jpeg", ".webp"}
"""Masks that are stored as they are: a lossy picture has other values at every edge."""
ONE_CHANNEL = ("1", "L", "P", *SIXTEEN_BITS)
MAX_CLASSES = 64
"""More values are no classes, but a mask that was scaled or is a photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A picture and its mask."""

    picture: Path
    mask: Path


def has_masks(path: Path) -> bool:
    """Whether the folder, or each of its folders for parts, holds pictures and masks."""
    tops = part_folders(path, None) if path.is_dir() else []
    return bool(tops) and all((t / IMAGES).is_dir() and (t / MASKS).is_dir() for t in tops)


def read_masks(path: Path, wish: Wish) -> Examples:
    """Pictures as uint8 (n, C, H, W), masks as int64 (n, H, W), both brought to one size alike.

    Raises:
        UsageError: no pair can be read, or there are too many values for classes.
    """
    problems: list[Diagnostic] = []
    pairs = [pair for top in part_folders(path, wish.part) for pair in _pairs(top, problems)]
    pairs = pairs[: wish.limit]
    pictures = read_images(
        FolderFiles(
            root=path,
            paths=tuple(pair.picture for pair in pairs),
            labels=np.arange(len(pairs)),
            classes=(),
            problems=tuple(problems),
        ),
        wish,
    )
    every = [pair for top in part_folders(path, None) for pair in _pairs(top, [])]
    values = _values([pair.mask for pair in every])
    problems = list(pictures.problems)
    kept, targets = [], []
    for i, number in enumerate(np.asarray(pictures.targets).tolist()):
        found = _mask(pairs[number], pictures.shape[1:])
        if isinstance(found, Diagnostic):
            problems.append(found)
        else:
            kept.append(i)
            targets.append(np.searchsorted(values, found))
    if not kept:
        raise findings.nothing_usable(path, problems)
    chosen = np.array(kept, dtype=np.int64)
    return Examples(
        inputs=pictures.inputs[chosen],
        targets=np.stack(targets).astype(np.int64),
        classes=_names(path, values),
        names=tuple(pictures.names[i] for i in kept),
        problems=tuple(problems),
        source=str(path),
        kind=KIND,
    )


def _pairs(top: Path, problems: list[Diagnostic]) -> list[_Pair]:
    """Pictures and masks of the same name; the others are listed."""
    masks = {p.stem: p for p in sorted((top / MASKS).iterdir()) if p.suffix.lower() in LOSSLESS}
    pairs = []
    for picture in sorted((top / IMAGES).iterdir()):
        if picture.suffix.lower() not in SUFFIXES or picture.name.startswith("."):
            continue
        if picture.stem in masks:
            pairs.append(_Pair(picture=picture, mask=masks[picture.stem]))
        else:
            problems.append(
                findings.problem(
                    "MX8390",
                    picture,
                    f"has no mask {picture.stem}.png",
                    f"put it into {top / MASKS}",
                    "a mask has the name of its picture and a lossless format; it is left out",
                )
            )
    return pairs


def _stored(mask: Path) -> NDArray[np.int64] | Diagnostic:
    """The values of a mask (H, W); of a picture with a palette, its numbers."""
    try:
        with quiet(), opened(mask) as image:
            if image.mode not in ONE_CHANNEL:
                return _unusable(mask, f"has channels {image.mode}, not one")
            return np.asarray(image).astype(np.int64)
    except PictureError as error:
        return error.finding


def _mask(pair: _Pair, size: tuple[int, ...]) -> NDArray[np.int64] | Diagnostic:
    """The values of a mask, cut and scaled as its picture was, without new values."""
    image_module = pillow()
    from PIL import ImageOps

    stored = _stored(pair.mask)
    if isinstance(stored, Diagnostic):
        return stored
    head = head_of(pair.picture)
    if isinstance(head, Diagnostic) or stored.shape != head[0]:
        return _unusable(pair.mask, f"has {stored.shape[1]}x{stored.shape[0]} pixels")
    if stored.shape == size:
        return stored
    scaled = ImageOps.fit(
        image_module.fromarray(stored.astype(np.int32)),
        (size[1], size[0]),
        method=image_module.Resampling.NEAREST,
    )
    return np.asarray(scaled).astype(np.int64)


def _values(masks: list[Path]) -> NDArray[np.int64]:
    """All values in the masks of all parts: the classes."""
    found: set[int] = set()
    for mask in masks:
        stored = _stored(mask)
        if not isinstance(stored, Diagnostic):
            found.update(np.unique(stored).tolist())
        if len(found) > MAX_CLASSES:
            raise findings.refusal(
                "MX8391",
                mask,
                f"and masks before it have more than {MAX_CLASSES} values",
                "write masks without scaling and without loss, one number per class",
                "each value is a class",
            )
    return np.array(sorted(found), dtype=np.int64)


def _names(path: Path, values: NDArray[np.int64]) -> tuple[str, ...]:
    """The lines of ``classes.txt`` if they are as many, else the values."""
    file = path / NAMES
    if file.is_file():
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
        names = tuple(line.strip() for line in lines if line.strip())
        if len(names) == len(values):
            return names
    return tuple(map(str, values.tolist()))


def _unusable(mask: Path, what: str) -> Diagnostic:
    return findings.problem(
        "MX8392",
        mask,
        what,
        "write it in one channel, as large as its picture",
        "the picture is left out",
    )
