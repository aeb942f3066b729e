"""Examples from whatever a path holds: the kind is found by looking."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mxdeploy.data import cifar10, cifar10_npz, findings, idx, images, masks, sounds
from mxdeploy.data.arrays import read_numpy
from mxdeploy.data.checks import checked
from mxdeploy.data.examples import Examples
from mxdeploy.data.folders import FolderFiles, class_folders, suffixes_in
from mxdeploy.data.reference import parse_reference
from mxdeploy.data.wish import Part, Wish

NUMPY_SUFFIXES = frozenset({".npz", ".npy"})


def read_examples(  # noqa: PLR0913 - one per wish
    path: Path | str,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    rate: int | None = None,
    samples: int | None = None,
    strict: bool = False,
    part: Part | None = None,
    limit: int | None = None,
) -> Examples:
    """Read labelled (or unlabelled) examples; what cannot be used is left out and listed.

    Args:
        path: an ``.npz`` file (``FILE[:KEY]``), a folder with one folder of images or recordings
            per class, a CIFAR-10 archive or the folder of its batches, or a folder of idx files.
        image_size: height and width of images, or both as one number.
        channels: 1 or 3 for images; of sound, the channels into which its samples are folded.
        rate: samples per second of sound.
        samples: of each recording.
        strict: every problem is an error.
        part: training or test examples; where the source does not tell them apart, all are
            training examples. None: all, those for training first.
        limit: at most so many; of folders, about equally many of every class.

    Raises:
        UsageError: nothing usable is there, or there are problems and reading is strict.
    """
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    wish = Wish(
        part=part, limit=limit, image_size=size, channels=channels, rate=rate, samples=samples
    )
    return read_wish(path, wish, strict=strict, whole=limit is None)


def read_wish(path: Path | str, wish: Wish, *, strict: bool = False, whole: bool) -> Examples:
    """As :func:`read_examples`.

    Args:
        path: what to read.
        wish: how.
        strict: every problem is an error.
        whole: every class should be there, so those that are not are problems.

    Raises:
        UsageError: nothing usable is there, or there are problems and reading is strict.
    """
    try:
        found = _read(path, wish)
    except OSError as error:
        raise findings.refusal(
            "MX8394", path, f"cannot be read: {error}", "see to the permissions and the disk"
        ) from error
    if wish.limit is not None and len(found) > wish.limit:
        found = found.take(np.arange(wish.limit))
    return checked(images.with_form(found, wish), strict=strict, whole=whole)


def _read(text: Path | str, wish: Wish) -> Examples:
    reference = parse_reference(str(text))
    path = reference.path
    if not path.exists():
        raise findings.no_such_path(path)
    jpeg, small = cifar10_npz.find_npz(path)
    if reference.key is None and (jpeg is not None or small is not None):
        return cifar10_npz.read_npz(jpeg, small, wish)
    if path.is_file() and path.suffix in NUMPY_SUFFIXES:
        return read_numpy(path, reference.key, wish)
    batches = cifar10.find_batches(path)
    if batches is not None:
        return cifar10.read_batches(batches, wish)
    parts = idx.find_idx(path)
    if parts:
        return idx.read_idx(path, parts, wish)
    return _read_files(path, wish)


def _read_files(path: Path, wish: Wish) -> Examples:
    """Images or recordings, whichever are more, in a folder; or a single one."""
    suffixes = suffixes_in(path) if path.is_dir() else {path.suffix.lower(): 1}
    pictures = sum(count for suffix, count in suffixes.items() if suffix in images.SUFFIXES)
    recordings = sum(count for suffix, count in suffixes.items() if suffix in sounds.SUFFIXES)
    if not pictures and not recordings:
        raise findings.unknown_kind(path)
    if masks.has_masks(path):
        return masks.read_masks(path, wish)
    known = images.SUFFIXES if pictures >= recordings else sounds.SUFFIXES
    files = class_folders(path, known, wish) if path.is_dir() else _single(path)
    return (images.read_images if pictures >= recordings else sounds.read_sounds)(files, wish)


def _single(path: Path) -> FolderFiles:
    return FolderFiles(root=path.parent, paths=(path,), labels=None, classes=(), problems=())
