"""``.npz`` and ``.npy`` files, whatever is wrong with them: an error with a reason, never more."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import MxdeployError

T = TypeVar("T")

NPY_MAGIC = b"\x93NUMPY"
WHOLE = ""
"""Key of the only array of an ``.npy`` file."""


class NumpyFileError(ValueError):
    """A file is not what its name says, or is damaged."""


def read_arrays(
    path: Path, choose: Callable[[list[str]], Iterable[str]]
) -> dict[str, NDArray[np.generic]]:
    """Some arrays of a file, by name; nothing in the file is executed.

    Args:
        path: an ``.npz`` archive, or an ``.npy`` file, whose only array is called ``""``.
        choose: the wanted ones of the names in an archive.

    Raises:
        NumpyFileError: the file is no such archive, is damaged, or holds objects.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        is_single = file.read(len(NPY_MAGIC)) == NPY_MAGIC
        file.seek(0)
        if is_single:
            return {WHOLE: _guarded(lambda: _read_member(file, path.stat().st_size))}
        return _guarded(lambda: _read_archive(file, choose))


def array_names(path: Path) -> list[str]:
    """The names in an ``.npz`` archive; none in any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _names(archive)
    except Exception:  # noqa: BLE001 - whatever a damaged archive raises: it holds nothing
        return []


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _guarded(read: Callable[[], T]) -> T:
    """What ``read`` gives; every way in which a damaged file fails becomes one error."""
    try:
        return read()
    except (NumpyFileError, MxdeployError, MemoryError):
        raise
    except Exception as error:  # zlib, struct, tokenize …: it depends on where the damage is
        raise NumpyFileError(f"{type(error).__name__}: {error}") from error


def _read_archive(
    file: IO[bytes], choose: Callable[[list[str]], Iterable[str]]
) -> dict[str, NDArray[np.generic]]:
    with zipfile.ZipFile(file) as archive:
        arrays = {}
        for name in choose(_names(archive)):
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as member:
                arrays[name] = _read_member(member, info.file_size)
        return arrays


def _read_member(file: IO[bytes], size: int) -> NDArray[np.generic]:
    """One array from its ``.npy`` form of ``size`` bytes; its header must not promise more."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise NumpyFileError(f"its arrays have format {version[0]}.{version[1]}")
    if dtype.hasobject:
        raise NumpyFileError("object arrays are not accepted")
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize > size:
        raise NumpyFileError(f"it promises an array of shape {shape} in {size} bytes")
    file.seek(0)
    array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    return array
