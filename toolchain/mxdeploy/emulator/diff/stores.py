"""How a program brings the chip into its state: which stores, in which order, by which loader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.addresses import Region, place_of
from mxdeploy.emulator.accelerator.registers import is_cleared_gap, register_slots
from mxdeploy.emulator.trace import Burst, TraceFile

PACKED, WIDE = "packed", "128-bit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """A program's stores, counted.

    Attributes:
        total: all, until completion.
        registers: to registers, FIFO data apart.
        reset_values: of these, first stores that leave a register at its reset value.
        kernels: to kernel memories.
        loader: how kernels are loaded: packed, 128-bit, or empty without kernels.
        biases: to bias memories.
        data: to data memories.
        fifo: to FIFOs.
        tram: to row caches.
        self_tests: that start a self-test or the zeroing of a memory.
        outside: to registers outside the accelerator (power, clock).
    """

    total: int = 0
    registers: int = 0
    reset_values: int = 0
    kernels: int = 0
    loader: str = ""
    biases: int = 0
    data: int = 0
    fifo: int = 0
    tram: int = 0
    self_tests: int = 0
    outside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoresDiff:
    """Two programs' stores.

    Attributes:
        identical: the same stores in the same order.
        reordered: the same stores in another order.
        a: A's.
        b: B's.
    """

    identical: bool
    reordered: bool
    a: Stores
    b: Stores


def compare_stores(a: TraceFile, b: TraceFile) -> StoresDiff:
    """Compare two programs store by store."""
    left, right = _expanded(a.bursts), _expanded(b.bursts)
    identical = bool(np.array_equal(left, right))
    same = left.shape == right.shape and np.array_equal(_sorted(left), _sorted(right))
    return StoresDiff(
        identical=identical,
        reordered=bool(same) and not identical,
        a=count_stores(a.bursts),
        b=count_stores(b.bursts),
    )


def count_stores(bursts: Iterable[Burst]) -> Stores:
    """A program's stores by kind."""
    counts = dict.fromkeys(Stores.__dataclass_fields__, 0)
    del counts["loader"]
    loaders: set[str] = set()
    written: set[int] = set()
    for burst in bursts:
        count = len(burst.values)
        counts["total"] += count
        place = place_of(burst.address)
        if place is None or place.region in (Region.REGISTERS, Region.NOTHING):
            _count_registers(burst, counts, written)
        elif place.region is Region.KERNEL:
            counts["kernels"] += count
            if burst.size == 1:
                loaders.add(PACKED)
        else:
            kind = {Region.BIAS: "biases", Region.DATA: "data", Region.TRAM: "tram"}
            counts[kind[place.region]] += count
    # Without an address byte the packed loader cannot be told where to write.
    loader = (PACKED if loaders else WIDE) if counts["kernels"] else ""
    return Stores(loader=loader, **counts)


def _count_registers(burst: Burst, counts: dict[str, int], written: set[int]) -> None:
    slots = register_slots()
    for index, value in enumerate(burst.values.tolist()):
        address = burst.address + index * burst.stride_bytes
        slot = slots.get(address)
        if slot is None and not is_cleared_gap(address):
            counts["outside"] += 1
        elif slot is not None and slot.register.mnemonic in _FIFO_PORTS:
            counts["fifo"] += 1
        else:
            counts["registers"] += 1
            counts["self_tests"] += slot is not None and slot.register is reg.Test and value != 0
            at_reset = slot is None or value == slot.register.reset_word()
            counts["reset_values"] += at_reset and address not in written
            written.add(address)


_FIFO_PORTS = frozenset(("FIFO_WR0", "FIFO_WR1", "FIFO_WR2", "FIFO_WR3", "FFIFO_DR"))


def _expanded(bursts: Iterable[Burst]) -> NDArray[np.uint64]:
    """(stores, 3): address, value and size of every store, in order."""
    parts = []
    for burst in bursts:
        count = len(burst.values)
        rows = np.empty((count, 3), np.uint64)
        rows[:, 0] = burst.address + np.arange(count, dtype=np.uint64) * burst.stride_bytes
        rows[:, 1] = burst.values
        rows[:, 2] = burst.size
        parts.append(rows)
    return np.concatenate(parts) if parts else np.zeros((0, 3), np.uint64)


def _sorted(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return rows[np.lexsort(rows.T)]


def habits(diff: StoresDiff) -> tuple[str, ...]:
    """How the two ways to the same state differ, in sentences."""
    a, b = diff.a, diff.b
    found = []
    if diff.reordered:
        found.append("the same stores in another order")
    if a.loader != b.loader and a.loader and b.loader:
        found.append(f"kernels loaded by {a.loader} stores in A, by {b.loader} stores in B")
    elif a.kernels != b.kernels:
        found.append(f"kernels loaded by {a.kernels:,} stores in A, {b.kernels:,} in B")
    for name, text in (
        ("reset_values", "registers are written although they hold the value already"),
        ("tram", "stores clear row caches"),
        ("self_tests", "self-tests or zeroings of memories run before"),
        ("fifo", "words of input go through a FIFO"),
    ):
        x, y = getattr(a, name), getattr(b, name)
        if x != y:
            found.append(f"{text}: {x:,} in A, {y:,} in B")
    if a.outside != b.outside:
        found.append(
            f"stores to power, clock and others outside: {a.outside} in A, {b.outside} in B"
        )
    return tuple(found)
