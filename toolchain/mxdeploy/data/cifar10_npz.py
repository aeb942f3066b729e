"""CIFAR-10 as numpy archives: every image as a JPEG, and some of them without loss.

Positions are those of the official order: training image 0 is the first of ``data_batch_1``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.batches import CLASSES, SIDE
from mxdeploy.data.examples import Examples
from mxdeploy.data.images import pillow
from mxdeploy.data.numpy_files import NumpyFileError, array_names, read_arrays
from mxdeploy.data.wish import Part, Wish
from mxdeploy.errors import Diagnostic
from mxdeploy.text import count

SMALL, JPEG = "cifar10_small.npz", "cifar10_jpeg60k.npz"
SMALL_KEYS = frozenset({"x_train", "y_train", "train_index", "x_test", "y_test"})
JPEG_KEYS = frozenset({"header", "scans", "offsets", "labels", "n_train"})
KIND = "CIFAR-10 in numpy archives"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Images:
    """Images of one part.

    Attributes:
        part: which.
        pixels: uint8 (n, H, W, C).
        labels: int64 (n,).
        positions: int64 (n,), in the official order of the part.
        lossless: bool (n,), false where an image went through JPEG.
    """

    part: Part
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]
    lossless: NDArray[np.bool_]


def find_npz(path: Path) -> tuple[Path | None, Path | None]:
    """The file with JPEG images and the one with lossless ones that ``path`` is or holds."""
    if path.is_dir():
        jpeg, small = path / JPEG, path / SMALL
        return (jpeg if jpeg.is_file() else None), (small if small.is_file() else None)
    names = set(array_names(path)) if path.suffix == ".npz" else set()
    return (path if names >= JPEG_KEYS else None), (path if names >= SMALL_KEYS else None)


def read_npz(jpeg: Path | None, small: Path | None, wish: Wish) -> Examples:
    """Both parts, or the one wished for; lossless training images replace their JPEG twins.

    Where there are lossless test images, these are the test part, and no others.

    Raises:
        UsageError: a file is damaged, or the two do not belong together.
    """
    problems: list[Diagnostic] = []
    found = []
    for part in ("train", "test") if wish.part is None else (wish.part,):
        images = None if small is None else _read_small(small, part)
        if jpeg is not None and (part == "train" or images is None):
            compressed = _read_jpeg(jpeg, part, wish.limit, problems)
            images = compressed if images is None else _replace_twins(compressed, images, jpeg)
        if images is not None and len(images.labels):
            found.append(images)
    source = " + ".join(str(path) for path in (jpeg, small) if path is not None)
    if not found and wish.part is not None and not problems:
        raise findings.no_part(source, wish.part)
    if not found:
        raise findings.nothing_usable(source, problems)
    return Examples(
        inputs=np.concatenate([f.pixels for f in found]).transpose(0, 3, 1, 2),
        targets=np.concatenate([f.labels for f in found]),
        classes=CLASSES,
        names=tuple(f"{f.part}[{k}]" for f in found for k in f.positions.tolist()),
        problems=tuple(problems),
        source=source,
        kind=KIND,
        lossless=np.concatenate([f.lossless for f in found]),
    )


def _arrays(path: Path, keys: Collection[str]) -> dict[str, NDArray[np.generic]]:
    try:
        return read_arrays(path, lambda found: [key for key in keys if key in found])
    except (NumpyFileError, OSError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, what: str) -> Exception:
    return findings.refusal("MX8330", path, what, "fetch or write the file again")


def _read_small(path: Path, part: Part) -> _Images:
    """Lossless images: any of the training set (``train_index`` says which), the first for test."""
    arrays = _arrays(path, SMALL_KEYS)
    if missing := sorted(SMALL_KEYS - arrays.keys()):
        raise _damaged(path, f"lacks {', '.join(missing)}")
    pixels, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    positions = arrays["train_index"] if part == "train" else np.arange(len(labels))
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (SIDE, SIDE, 3):
        raise _damaged(path, f"x_{part} is not uint8 (n, {SIDE}, {SIDE}, 3)")
    if not labels.shape == positions.shape == (len(pixels),):
        images, told = count(len(pixels), "image"), count(len(labels), "label")
        raise _damaged(path, f"has {images} but {told} in y_{part}")
    return _Images(
        part=part,
        pixels=pixels.astype(np.uint8),
        labels=labels.astype(np.int64),
        positions=positions.astype(np.int64),
        lossless=np.ones(len(pixels), dtype=np.bool_),
    )


def _read_jpeg(path: Path, part: Part, limit: int | None, problems: list[Diagnostic]) -> _Images:
    """Image k is ``header + scans[offsets[k]:offsets[k + 1]]``; first the training images."""
    pillow()
    arrays = _arrays(path, JPEG_KEYS)
    offsets, labels = arrays["offsets"].astype(np.int64), arrays["labels"].astype(np.int64)
    header, scans = arrays["header"].tobytes(), arrays["scans"].tobytes()
    n_train = int(arrays["n_train"].reshape(-1)[0])
    if len(offsets) != len(labels) + 1 or not 0 <= n_train <= len(labels):
        raise _damaged(path, f"has {len(offsets)} offsets for {len(labels)} labels")
    start, end = (0, n_train) if part == "train" else (n_train, len(labels))
    bounds = np.maximum(offsets, 0).tolist()

    def decode(k: int) -> NDArray[np.uint8] | Diagnostic:
        return _decoded(f"{path}: image {k}", header + scans[bounds[k] : bounds[k + 1]])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(
            pool.map(decode, range(start, end if limit is None else min(end, start + limit)))
        )
    problems += [one for one in found if isinstance(one, Diagnostic)]
    pixels = [one for one in found if not isinstance(one, Diagnostic)]
    good = [start + i for i, one in enumerate(found) if not isinstance(one, Diagnostic)]
    chosen = np.array(good, dtype=np.int64)
    return _Images(
        part=part,
        pixels=np.array(pixels, dtype=np.uint8).reshape(-1, SIDE, SIDE, 3),
        labels=labels[chosen],
        positions=chosen - start,
        lossless=np.zeros(len(pixels), dtype=np.bool_),
    )


def _decoded(where: str, content: bytes) -> NDArray[np.uint8] | Diagnostic:
    """One JPEG of CIFAR-10 as uint8 (H, W, C)."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if image.size != (SIDE, SIDE):
                return findings.damaged_member(where, f"has {image.size} pixels")
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # noqa: BLE001 - decoders raise what they stumble over
        return findings.damaged_member(where, f"cannot be decoded: {error}")


def _replace_twins(images: _Images, better: _Images, path: Path) -> _Images:
    """``images`` with those of ``better`` at their positions."""
    place = {position: i for i, position in enumerate(images.positions.tolist())}
    twins = [(place[p], k) for k, p in enumerate(better.positions.tolist()) if p in place]
    here = np.array([i for i, _ in twins], dtype=np.int64)
    there = np.array([k for _, k in twins], dtype=np.int64)
    if not np.array_equal(images.labels[here], better.labels[there]):
        raise _damaged(path, "lossless and JPEG training images disagree about labels")
    pixels, lossless = images.pixels.copy(), images.lossless.copy()
    pixels[here] = better.pixels[there]
    lossless[here] = True
    return _Images(
        part=images.part,
        pixels=pixels,
        labels=images.labels,
        positions=images.positions,
        lossless=lossless,
    )
