"""CIFAR-10: the two official archives, packed or not, and npz files with all or some of its images.

In the npz form ``cifar10_jpeg60k.npz`` holds every image as a JPEG; the lossless images of
``cifar10_small.npz`` replace their JPEG twins. Nothing in any of these files is executed.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.batches import (
    CLASSES,
    MD5,
    TEST_BATCH,
    TRAIN_BATCHES,
    DataError,
    parse_binary_batch,
    parse_python_batch,
)
from mxdeploy.data.examples import Examples
from mxdeploy.data.wish import Wish
from mxdeploy.errors import Diagnostic

PYTHON, BINARY = "CIFAR-10 python batches", "CIFAR-10 binary batches"
BINARY_SUFFIX = ".bin"
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
"""Names under which the archives are published; a folder that holds one is read through it."""
UNPACKED = ("cifar-10-batches-py", "cifar-10-batches-bin")
"""Folders in the archives."""
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_BATCH_BYTES = 64 << 20
"""More than any official batch has; a larger member is not read."""

Parser = Callable[[bytes, str], tuple[NDArray[np.uint8], NDArray[np.int64]]]


def find_batches(path: Path) -> Path | None:
    """The archive or folder of batches that ``path`` is or holds; None if there is none."""
    if path.is_file():
        return path if path.name.lower().endswith(TAR_SUFFIXES) else None
    for folder in (path, *(path / name for name in UNPACKED)):
        if any((folder / name).is_file() for name in _batch_names("", BINARY_SUFFIX)):
            return folder
    return next((path / name for name in ARCHIVES if (path / name).is_file()), None)


def read_batches(path: Path, wish: Wish) -> Examples:
    """Images and labels of an official archive or of the folder of its batches.

    A batch that is missing or damaged is listed as a problem, and one that is not the published.

    Raises:
        UsageError: not an archive of these, or no batch in it can be read.
    """
    problems: list[Diagnostic] = []
    files = _folder_files(path) if path.is_dir() else _tar_files(path, problems)
    is_python = any(name in files for name in _batch_names(""))
    suffix, parse = ("", parse_python_batch) if is_python else (BINARY_SUFFIX, parse_binary_batch)
    pixels, labels, names = [], [], []
    for name in _wanted(wish, suffix):
        if name not in files:
            problems.append(findings.missing_member(path, name))
            continue
        try:
            found, told = parse(files[name], name)
        except DataError as error:
            problems.append(findings.damaged_member(path, str(error)))
            continue
        pixels.append(found)
        labels.append(told)
        names += [f"{name}[{i}]" for i in range(len(told))]
    if not pixels:
        raise findings.nothing_usable(path, problems)
    problems += _wrong_sums(path, files)
    return Examples(
        inputs=np.concatenate(pixels).transpose(0, 3, 1, 2),
        targets=np.concatenate(labels),
        classes=CLASSES,
        names=tuple(names),
        problems=tuple(problems),
        source=str(path),
        kind=PYTHON if is_python else BINARY,
    )


def _batch_names(*suffixes: str) -> list[str]:
    return [f"{name}{suffix}" for name in (*TRAIN_BATCHES, TEST_BATCH) for suffix in suffixes]


def _wanted(wish: Wish, suffix: str) -> list[str]:
    names = _batch_names(suffix)
    return {"train": names[:-1], "test": names[-1:], None: names}[wish.part]


def _folder_files(folder: Path) -> dict[str, bytes]:
    names = _batch_names("", BINARY_SUFFIX)
    found = [folder / name for name in names if (folder / name).is_file()]
    return {
        file.name: file.read_bytes() for file in found if file.stat().st_size <= MAX_BATCH_BYTES
    }


def _tar_files(path: Path, problems: list[Diagnostic]) -> dict[str, bytes]:
    """The batches in a tar archive, by base name; those in front of a damage, if it has one."""
    wanted, files = set(_batch_names("", BINARY_SUFFIX)), {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rpartition("/")[-1]
                if name in wanted and member.isfile() and member.size <= MAX_BATCH_BYTES:
                    stream = archive.extractfile(member)
                    files[name] = stream.read() if stream is not None else b""
    except Exception as error:  # noqa: BLE001 - tarfile and its decompressors have many
        problems.append(findings.damaged_member(path, f"is not a readable tar archive: {error}"))
    return files


def _wrong_sums(path: Path, files: Mapping[str, bytes]) -> list[Diagnostic]:
    """Python batches that are not the published ones."""
    sums = {name: hashlib.md5(files[name], usedforsecurity=False) for name in MD5 if name in files}
    return [
        findings.sum_differs(str(path / name), found.hexdigest(), MD5[name])
        for name, found in sums.items()
        if found.hexdigest() != MD5[name]
    ]
