"""MNIST and what is stored like it: idx files, packed with gzip or not.

An idx file is two zero bytes, one byte for the type (8: unsigned bytes), one for the number of
axes, a big-endian 32-bit size per axis, and the elements in C order.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.data.wish import Part, Wish
from mxdeploy.errors import Diagnostic

KIND = "idx files"
FOLDERS = ("", "raw", "MNIST/raw", "FashionMNIST/raw")
"""Where the files may lie in the folder that was named (as torchvision keeps them)."""
PREFIX: dict[Part, str] = {"train": "train", "test": "t10k"}
DIGITS = tuple(map(str, range(10)))
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
FASHION_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
"""Published MD5 sums of the packed files; those who unpacked them may have packed them again."""

UNSIGNED_BYTES = 8
IMAGE_AXES = 3
MAX_BYTES = 1 << 30
"""Nothing larger is unpacked: sixteen times MNIST."""


class IdxError(ValueError):
    """A file is not a complete idx file of unsigned bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdxFiles:
    """One part: images and their labels."""

    part: Part
    images: Path
    labels: Path | None


def find_idx(path: Path) -> list[IdxFiles]:
    """The parts in a folder, or of the files next to an idx file of images; training first."""
    folders = [path / name for name in FOLDERS] if path.is_dir() else [path.parent]
    wanted = None if path.is_dir() else path.name.removesuffix(".gz")
    for folder in folders:
        found = []
        for part, prefix in PREFIX.items():
            images = _present(folder, f"{prefix}-images", "idx3-ubyte")
            if images is not None and wanted in (None, images.name.removesuffix(".gz")):
                labels = _present(folder, f"{prefix}-labels", "idx1-ubyte")
                found.append(IdxFiles(part=part, images=images, labels=labels))
        if found:
            return found
    return []


def _present(folder: Path, stem: str, kind: str) -> Path | None:
    names = [f"{stem}{dot}{kind}{packed}" for packed in ("", ".gz") for dot in "-."]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_idx(path: Path, files: list[IdxFiles], wish: Wish) -> Examples:
    """Images and labels of both parts, or of the one wished for.

    Raises:
        UsageError: the part is not there, or no images can be read.
    """
    chosen = [f for f in files if wish.part in (None, f.part)]
    if not chosen and wish.part is not None:
        raise findings.no_part(path, wish.part)
    problems: list[Diagnostic] = []
    pixels, labels, names = [], [], []
    for part in chosen:
        try:
            images = _images(part.images)
        except (IdxError, OSError) as error:
            problems.append(findings.damaged_member(part.images, str(error)))
            continue
        pixels.append(images)
        labels.append(_labels(part, len(images), problems))
        names += [f"{part.images.name}[{i}]" for i in range(len(images))]
    if len({p.shape[1:] for p in pixels}) != 1:
        raise findings.nothing_usable(path, problems)
    problems += _wrong_sums(chosen)
    known = [y for y in labels if y is not None]
    return Examples(
        inputs=np.concatenate(pixels)[:, np.newaxis],
        targets=np.concatenate(known) if len(known) == len(pixels) else None,
        classes=FASHION if _is_fashion(chosen) else DIGITS,
        names=tuple(names),
        problems=tuple(problems),
        source=str(path),
        kind=KIND,
    )


def parse_idx(content: bytes) -> NDArray[np.uint8]:
    """The array in an idx file of unsigned bytes.

    Raises:
        IdxError: it is something else, or not complete.
    """
    head = 4
    if len(content) < head or content[:2] != b"\0\0":
        raise IdxError("does not begin like an idx file")
    kind, axes = content[2], content[3]
    if kind != UNSIGNED_BYTES:
        raise IdxError(f"holds elements of type {kind:#04x}, only unsigned bytes (0x08) are known")
    start = head + 4 * axes
    if not axes or len(content) < start:
        raise IdxError(f"ends in the sizes of its {text.count(axes, 'axis')}")
    shape = struct.unpack(f">{axes}I", content[head:start])
    if len(content) - start != math.prod(shape):
        raise IdxError(f"has {len(content) - start} bytes for {' x '.join(map(str, shape))}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _images(path: Path) -> NDArray[np.uint8]:
    images = parse_idx(_content(path))
    if images.ndim != IMAGE_AXES:
        raise IdxError(f"has {text.count(images.ndim, 'axis')}, images have {IMAGE_AXES}")
    return images


def _content(path: Path) -> bytes:
    """The file, unpacked."""
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES + 1)
    except Exception as error:  # zlib.error, EOFError, BadGzipFile …
        raise IdxError(f"cannot be unpacked: {error}") from error
    if len(content) > MAX_BYTES:
        raise IdxError(f"has more than {MAX_BYTES >> 20} MiB unpacked")
    return content


def _labels(part: IdxFiles, count: int, problems: list[Diagnostic]) -> NDArray[np.int64] | None:
    """The labels of a part; None, and a problem, where they cannot be used."""
    if part.labels is None:
        name = f"{PREFIX[part.part]}-labels-idx1-ubyte"
        problems.append(findings.missing_member(part.images.parent, name))
        return None
    try:
        labels = parse_idx(_content(part.labels))
    except (IdxError, OSError) as error:
        problems.append(findings.damaged_member(part.labels, str(error)))
        return None
    if labels.shape != (count,):
        what = f"has labels of shape {labels.shape} for {text.count(count, 'image')}"
        problems.append(findings.damaged_member(part.labels, what))
        return None
    return labels.astype(np.int64)


def _wrong_sums(files: list[IdxFiles]) -> list[Diagnostic]:
    """Packed files that are not the published ones of the data set they seem to be."""
    published = FASHION_MD5 if _is_fashion(files) else MNIST_MD5
    packed = [p for f in files for p in (f.images, f.labels) if p is not None and p.suffix == ".gz"]
    sums = {path: _md5(path) for path in packed if path.name in published}
    return [
        findings.sum_differs(str(path), found, published[path.name])
        for path, found in sums.items()
        if found != published[path.name]
    ]


def _is_fashion(files: list[IdxFiles]) -> bool:
    """The names of files are the same; the sum, or else the folder, tells the two sets apart."""
    for file in files:
        if file.images.suffix == ".gz":
            found = _md5(file.images)
            if found in FASHION_MD5.values():
                return True
            if found in MNIST_MD5.values():
                return False
    return "fashion" in str(files[0].images.resolve().parent).lower()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
