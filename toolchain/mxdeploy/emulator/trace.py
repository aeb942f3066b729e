"""Recorded register traces: everything a program writes to the accelerator, and its known answers.

A trace is an ``.npz`` file. Its writes are run-length coded in program order; the words that the
program compares afterwards are listed with masks. The names of the arrays are described in
``TraceFile``.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, UsageError

_RUN_KEYS = ("run_addr", "run_len", "run_stride", "run_size", "run_phase")
_POST_KEYS = ("post_w_addr", "post_w_val", "post_w_size", "post_w_phase")
_EXPECT_KEYS = ("expect_addr", "expect_mask", "expect_val")
_READ_KEYS = ("read_addr", "read_after_post_w")
_LAYER_PREFIX = "layer_"


class Phase(IntEnum):
    """Steps of a recorded program."""

    ENABLE = 0
    INIT = 1
    WEIGHTS = 2
    BIAS = 3
    CONFIGURE = 4
    INPUT = 5
    START = 6
    INTERRUPT = 7
    CHECK = 8
    UNLOAD = 9
    DISABLE = 10
    BOOST = 11
    OTHER = 12


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """Stores to one address or to equally spaced addresses.

    Attributes:
        address: of the first store.
        values: uint32, one per store.
        stride_bytes: distance of the addresses (0: the same address).
        size: bytes per store.
        phase: step of the program.
    """

    address: int
    values: NDArray[np.uint32]
    stride_bytes: int
    size: int
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TraceFile:
    """One recorded program.

    Attributes:
        name: file name without its ending.
        bursts: what the program stores until it waits for completion (``run_*``,
            ``writes_val``).
        afterwards: what it stores then: acknowledge, unload, disable (``post_w_*``).
        expect_address: bus addresses of the words that are compared.
        expect_mask: the bits that are compared.
        expect_value: their values.
        reads: (number of stores of ``afterwards`` made before, bus address) of every word that the
            program reads back, in order; empty when the reads were not recorded.
        layers: recorded outputs by layer number, (channels, rows, columns) int8 or int32.
        meta: the recorded description of the program.
    """

    name: str
    bursts: tuple[Burst, ...]
    afterwards: tuple[Burst, ...]
    expect_address: NDArray[np.uint32]
    expect_mask: NDArray[np.uint32]
    expect_value: NDArray[np.uint32]
    reads: tuple[tuple[int, int], ...]
    layers: Mapping[int, NDArray[Any]]
    meta: Mapping[str, Any]


def load_trace(path: str | Path) -> TraceFile:
    """Read a trace; nothing in the file is executed.

    Raises:
        UsageError: the file cannot be read, is damaged, or is not a trace.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            arrays = _arrays(path, np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, error) from error
    meta = _meta(path, arrays["meta"])
    _check_lengths(path, arrays)
    return TraceFile(
        name=path.stem,
        bursts=tuple(_bursts(arrays)),
        afterwards=tuple(_single_stores(arrays)),
        expect_address=arrays["expect_addr"],
        expect_mask=arrays["expect_mask"],
        expect_value=arrays["expect_val"],
        reads=tuple(_reads(arrays)),
        layers=MappingProxyType(
            {
                int(key[len(_LAYER_PREFIX) :]): value
                for key, value in arrays.items()
                if key.startswith(_LAYER_PREFIX) and key[len(_LAYER_PREFIX) :].isdigit()
            }
        ),
        meta=MappingProxyType(meta),
    )


def _arrays(path: Path, archive: Any) -> dict[str, NDArray[Any]]:  # noqa: ANN401 - NpzFile or array
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise _not_a_trace(path, "it holds a single array")
    needed = {*_RUN_KEYS, *_POST_KEYS, *_EXPECT_KEYS, "writes_val", "meta"}
    missing = sorted(needed - set(archive.files))
    if missing:
        raise _not_a_trace(path, f"it has no {', '.join(missing)}")
    known = needed | set(_READ_KEYS)
    wanted = [key for key in archive.files if key in known or key.startswith(_LAYER_PREFIX)]
    return {key: archive[key] for key in wanted}


def _meta(path: Path, array: NDArray[Any]) -> dict[str, Any]:
    try:
        meta = json.loads(str(array[()]))
    except ValueError as error:
        raise _not_a_trace(path, f"its meta is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise _not_a_trace(path, "its meta is not a JSON object")
    return meta


def _check_lengths(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    groups = [_RUN_KEYS, _POST_KEYS, _EXPECT_KEYS]
    groups += [_READ_KEYS] if all(key in arrays for key in _READ_KEYS) else []
    for group in groups:
        if len({arrays[key].shape for key in group}) > 1 or arrays[group[0]].ndim != 1:
            raise _not_a_trace(path, f"{', '.join(group)} are not equally long lists")
    integers = (*_RUN_KEYS, *_POST_KEYS, *_EXPECT_KEYS, "writes_val")
    if any(arrays[key].dtype.kind != "u" for key in integers):
        raise _not_a_trace(path, "its lists are not unsigned integers")
    written = int(arrays["run_len"].sum())
    if arrays["writes_val"].shape != (written,):
        found = arrays["writes_val"].size
        raise _not_a_trace(path, f"its runs have {written} writes, writes_val has {found}")
    phases = {int(value) for key in ("run_phase", "post_w_phase") for value in set(arrays[key])}
    if unknown := phases - {int(phase) for phase in Phase}:
        raise _not_a_trace(path, f"phases {sorted(unknown)} are not known")


def _bursts(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Burst]:
    columns = (arrays[key].tolist() for key in _RUN_KEYS)
    values = arrays["writes_val"].astype(np.uint32)
    first = 0
    for address, length, stride, size, phase in zip(*columns, strict=True):
        yield Burst(address, values[first : first + length], stride, size, Phase(phase))
        first += length


def _single_stores(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Burst]:
    columns = (arrays[key].tolist() for key in _POST_KEYS)
    for address, value, size, phase in zip(*columns, strict=True):
        yield Burst(address, np.array([value], np.uint32), size, size, Phase(phase))


def _reads(arrays: Mapping[str, NDArray[Any]]) -> Iterator[tuple[int, int]]:
    if all(key in arrays for key in _READ_KEYS):
        after, addresses = (arrays[key].tolist() for key in reversed(_READ_KEYS))
        yield from zip(after, addresses, strict=True)


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = str(error) or type(error).__name__
    return UsageError(
        Diagnostic(
            code="MX7020",
            where=str(path),
            what=f"the file cannot be read as a recorded trace: {reason}",
            why="a trace is a NumPy .npz file without pickled objects",
            fix="check that the file is complete and is a trace",
        )
    )


def _not_a_trace(path: Path, what: str) -> UsageError:
    return UsageError(
        Diagnostic(
            code="MX7021",
            where=str(path),
            what=f"the file is not a recorded trace: {what}",
            fix="give an .npz file with run-length coded writes and a list of expected words",
        )
    )
