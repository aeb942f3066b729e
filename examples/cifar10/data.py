"""CIFAR-10 images from the official archives or from npz files, without running anything in them.

Three sources are recognised, each as a folder, and the official ones also as the ``.tar.gz``
that is published:

* the *python* archive: ``data_batch_1`` .. ``data_batch_5`` and ``test_batch``, pickles;
* the *binary* archive: ``data_batch_1.bin`` .. ``data_batch_5.bin`` and ``test_batch.bin``;
* npz files: ``cifar10_jpeg60k.npz`` (every image as a JPEG) and ``cifar10_small.npz`` (5,000
  lossless training images, which replace their JPEG twins, and lossless test images).

Positions are those of the official order: training image 0 is the first of ``data_batch_1``.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mxdeploy.data.batches import (
    MD5,
    SIDE,
    TEST_BATCH,
    TRAIN_BATCHES,
    DataError,
    parse_binary_batch,
    parse_python_batch,
)

SMALL_NPZ = "cifar10_small.npz"
JPEG_NPZ = "cifar10_jpeg60k.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Labelled images with their place in the official order.

    Attributes:
        pixels: uint8 ``[n, 32, 32, 3]`` (NHWC).
        labels: int64 ``[n]``, positions in ``CLASSES``.
        positions: int64 ``[n]``, position of each image in the official training or test set.
        lossless: bool ``[n]``, false where the image went through JPEG.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    lossless: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def take(self, chosen: npt.NDArray[np.int64]) -> Images:
        """The images at ``chosen`` (indices into this object), in that order."""
        return Images(
            pixels=self.pixels[chosen],
            labels=self.labels[chosen],
            positions=self.positions[chosen],
            lossless=self.lossless[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cifar10:
    """The two official parts; ``source`` says in words where they were read."""

    train: Images
    test: Images
    source: str


def chip_scale(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What the network sees of 8-bit pixels: ``clip(round((p/255 - 0.5) * 256), -128, 127) / 128``.

    Returns:
        float32 of the same shape, multiples of 1/128 in [-1, 127/128].
    """
    steps = np.round((np.arange(256, dtype=np.float64) / 255 - 0.5) * 256)
    table = (np.clip(steps, -128, 127) / 128).astype(np.float32)
    scaled: npt.NDArray[np.float32] = table[pixels]
    return scaled


def load(path: Path) -> Cifar10:
    """Read CIFAR-10 from a folder, a published ``.tar.gz`` or an npz file, whichever it is.

    Raises:
        DataError: nothing known is at ``path``, or a file is damaged.
    """
    if path.suffix == ".npz":
        return load_npz(path.parent, only=path.name)
    if path.is_dir() and ((path / JPEG_NPZ).is_file() or (path / SMALL_NPZ).is_file()):
        return load_npz(path)
    files = _archive_files(path)
    if all(name in files for name in (*TRAIN_BATCHES, TEST_BATCH)):
        _compare_sums(files)
        return _load_batches(files, suffix="", parse=parse_python_batch, source="python archive")
    if all(f"{name}.bin" in files for name in (*TRAIN_BATCHES, TEST_BATCH)):
        return _load_batches(
            files, suffix=".bin", parse=parse_binary_batch, source="binary archive"
        )
    raise DataError(
        f"{path}: no CIFAR-10 here. Expected a folder or .tar.gz with data_batch_1..5 and "
        f"test_batch (python), the same names with .bin (binary), or {JPEG_NPZ} / {SMALL_NPZ}"
    )


def _archive_files(path: Path) -> dict[str, bytes]:
    """The batch files in a folder or tar archive, by base name."""
    wanted = {f"{name}{suffix}" for name in (*TRAIN_BATCHES, TEST_BATCH) for suffix in ("", ".bin")}
    if path.is_dir():
        return {name: (path / name).read_bytes() for name in wanted if (path / name).is_file()}
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                stream = archive.extractfile(member) if name in wanted else None
                if stream is not None:
                    files[name] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path}: not a readable tar archive ({error})") from error
    return files


def _compare_sums(files: Mapping[str, bytes]) -> None:
    """Warn where a file of the python archive is not the published one."""
    for name, expected in MD5.items():
        found = hashlib.md5(files[name], usedforsecurity=False).hexdigest()
        if found != expected:
            warnings.warn(
                f"{name}: MD5 sum {found} differs from the published {expected}", stacklevel=3
            )


def _load_batches(
    files: Mapping[str, bytes],
    *,
    suffix: str,
    parse: Callable[[bytes, str], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]],
    source: str,
) -> Cifar10:
    """Both parts from the six batch files of one official archive."""
    parsed = [parse(files[f"{name}{suffix}"], f"{name}{suffix}") for name in TRAIN_BATCHES]
    train = _lossless(
        np.concatenate([pixels for pixels, _ in parsed]),
        np.concatenate([labels for _, labels in parsed]),
    )
    test = _lossless(*parse(files[f"{TEST_BATCH}{suffix}"], f"{TEST_BATCH}{suffix}"))
    return Cifar10(train=train, test=test, source=source)


def _lossless(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Images:
    """Lossless images in official order, starting at position 0."""
    count = len(labels)
    return Images(
        pixels=pixels,
        labels=labels,
        positions=np.arange(count, dtype=np.int64),
        lossless=np.ones(count, dtype=np.bool_),
    )


def load_npz(folder: Path, *, only: str | None = None) -> Cifar10:
    """Both parts from ``cifar10_jpeg60k.npz`` and ``cifar10_small.npz``, or from one of them.

    Lossless training images replace their JPEG twins. The test part is lossless where
    ``cifar10_small.npz`` is there, else JPEG.

    Args:
        folder: where the files are.
        only: base name of the single file to use; both if None.

    Raises:
        DataError: neither file is there, or a key or size in them is wrong.
    """
    names = [name for name in (JPEG_NPZ, SMALL_NPZ) if only in (None, name)]
    found = [name for name in names if (folder / name).is_file()]
    if not found:
        raise DataError(f"{folder}: neither {JPEG_NPZ} nor {SMALL_NPZ} is here")
    parts = [_read_jpeg_npz(folder / JPEG_NPZ)] if JPEG_NPZ in found else []
    if SMALL_NPZ in found:
        small = _read_small_npz(folder / SMALL_NPZ)
        train = _replace_twins(parts[0][0], small[0]) if parts else small[0]
        parts = [(train, small[1])]
    return Cifar10(train=parts[0][0], test=parts[0][1], source=" + ".join(found))


def _read_small_npz(path: Path) -> tuple[Images, Images]:
    """Lossless training images (any order, ``train_index`` says which) and first test images."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: np.asarray(archive[name]) for name in archive.files}
    missing = {"x_train", "y_train", "train_index", "x_test", "y_test"} - arrays.keys()
    if missing:
        raise DataError(f"{path}: lacks {', '.join(sorted(missing))}")
    for key in ("x_train", "x_test"):
        if arrays[key].dtype != np.uint8 or arrays[key].shape[1:] != (SIDE, SIDE, 3):
            raise DataError(f"{path}: {key} is not uint8 [n, 32, 32, 3]")
    train = Images(
        pixels=arrays["x_train"],
        labels=arrays["y_train"].astype(np.int64),
        positions=arrays["train_index"].astype(np.int64),
        lossless=np.ones(len(arrays["x_train"]), dtype=np.bool_),
    )
    return train, _lossless(arrays["x_test"], arrays["y_test"].astype(np.int64))


def _read_jpeg_npz(path: Path) -> tuple[Images, Images]:
    """Image k is ``header + scans[offsets[k]:offsets[k + 1]]``; first the training images."""
    from PIL import Image

    with np.load(path, allow_pickle=False) as archive:
        missing = {"header", "scans", "offsets", "labels", "n_train"} - set(archive.files)
        if missing:
            raise DataError(f"{path}: lacks {', '.join(sorted(missing))}")
        header, scans = archive["header"].tobytes(), archive["scans"].tobytes()
        offsets, labels = archive["offsets"].tolist(), archive["labels"].astype(np.int64)
        n_train = int(archive["n_train"])
    if len(offsets) != len(labels) + 1:
        raise DataError(f"{path}: {len(offsets)} offsets for {len(labels)} labels")
    pixels = np.empty((len(labels), SIDE, SIDE, 3), dtype=np.uint8)
    for k in range(len(labels)):
        with Image.open(io.BytesIO(header + scans[offsets[k] : offsets[k + 1]])) as image:
            pixels[k] = np.asarray(image.convert("RGB"))
    positions = np.arange(len(labels), dtype=np.int64)
    both = Images(
        pixels=pixels,
        labels=labels,
        positions=np.where(positions < n_train, positions, positions - n_train),
        lossless=np.zeros(len(labels), dtype=np.bool_),
    )
    return both.take(positions[:n_train]), both.take(positions[n_train:])


def _replace_twins(train: Images, better: Images) -> Images:
    """``train`` with the images of ``better`` at their positions."""
    if not np.array_equal(train.labels[better.positions], better.labels):
        raise DataError("lossless and JPEG training images disagree about labels")
    pixels, lossless = train.pixels.copy(), train.lossless.copy()
    pixels[better.positions] = better.pixels
    lossless[better.positions] = True
    return Images(pixels=pixels, labels=train.labels, positions=train.positions, lossless=lossless)


def split_validation(train: Images, *, count: int, seed: int) -> tuple[Images, Images]:
    """Set ``count`` of the lossless training images aside, the same ones for the same seed.

    They are lossless because that is what a camera or the official test set delivers: an
    image that went through JPEG is easier or harder in ways that do not matter later.

    Returns:
        The images to fit on, and the images to select with; none is in both.
    """
    lossless = np.flatnonzero(train.lossless)
    if count >= len(lossless):
        raise DataError(f"{count} validation images asked for, {len(lossless)} lossless ones there")
    order = np.argsort(train.positions[lossless])
    chosen = np.random.default_rng(seed).choice(lossless[order], size=count, replace=False)
    rest = np.setdiff1d(np.arange(len(train), dtype=np.int64), chosen)
    return train.take(rest), train.take(np.sort(chosen))
