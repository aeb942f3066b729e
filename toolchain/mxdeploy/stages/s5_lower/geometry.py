"""Registers that say what a layer reads: rows, columns, pooling, row cache, kernel kind."""

from __future__ import annotations

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s5_lower.placed import PlacedLayer


def row_count(placed: PlacedLayer) -> reg.RowCount:
    """Rows of the stored input with padding; a layer that flattens sees a single pixel."""
    rows, pad = (1, 0) if placed.spec.flatten else (placed.spec.in_size[0], placed.spec.pad[0])
    return reg.RowCount(last_row=rows - 1 + 2 * pad, pad=pad)


def column_count(placed: PlacedLayer) -> reg.ColumnCount:
    """Columns of the stored input with padding; one-dimensional data have a single one."""
    columns, pad = (1, 0) if placed.spec.flatten else (placed.spec.in_size[1], placed.spec.pad[1])
    return reg.ColumnCount(last_column=columns - 1 + 2 * pad, pad=pad)


def pool_row_count(placed: PlacedLayer) -> reg.PoolRowCount:
    """Rows of the pooling window."""
    return reg.PoolRowCount(last_row=placed.spec.pool.size[0] - 1 if placed.spec.pool else 0)


def pool_column_count(placed: PlacedLayer) -> reg.PoolColumnCount:
    """Columns of the pooling window."""
    return reg.PoolColumnCount(last_column=placed.spec.pool.size[1] - 1 if placed.spec.pool else 0)


def stride(placed: PlacedLayer) -> reg.Stride:
    """Step between pooling windows, in pixels of the stored input."""
    return reg.Stride(stride=placed.spec.pool.stride - 1 if placed.spec.pool else 0)


def tram_pointer(placed: PlacedLayer) -> reg.TramPointer:
    """Row cache: a 3x3 kernel rolls over after a row, long flattened inputs use a window of it."""
    if placed.extended_passes:
        start = placed.plan.in_passes - 1
        return reg.TramPointer(tptr_sad=start, tptr_max=2 * start + 1)
    if placed.spec.kernel[1] == 1:
        return reg.TramPointer()
    return reg.TramPointer(tptr_max=max(0, placed.spec.out_size[1] - 1))


def one_dimensional(placed: PlacedLayer) -> reg.OneDimensional:
    """Kind of kernel, its first byte, and the time slots of pass-through.

    A width without ``oned_en`` means 1x1, width 0 means 3x3.
    """
    if placed.passthrough:
        return reg.OneDimensional(tscnt_max=placed.source.time_slots - 1, oned_width=1)
    rows, columns = placed.spec.kernel
    _, first_byte = placed.kernel_start
    return reg.OneDimensional(
        oned_sad=first_byte,
        oned_width=rows if columns == 1 else 0,
        oned_en=int(placed.spec.kind is Kind.CONV1D),
    )
