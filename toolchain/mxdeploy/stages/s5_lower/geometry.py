"""Registers that say what a layer reads: rows, columns, pooling, row cache, kernel kind."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ops.layer import EltwiseFunction, Kind
from mxdeploy.stages.s5_lower.placed import PlacedLayer

EWISE_FUNC = {
    EltwiseFunction.SUB: 0,
    EltwiseFunction.ADD: 1,
    EltwiseFunction.OR: 2,
    EltwiseFunction.XOR: 3,
}
"""Codes in ONED.ewise_func."""


def row_count(placed: PlacedLayer) -> reg.RowCount:
    """Rows of the stored input with padding; a layer that flattens sees a single pixel."""
    rows, pad = _counted(placed, axis=0)
    if placed.passes_are_rows:
        rows *= placed.plan.in_passes
    return reg.RowCount(last_row=rows - 1 + 2 * pad, pad=pad)


def column_count(placed: PlacedLayer) -> reg.ColumnCount:
    """Columns of the stored input with padding; one-dimensional data have a single one."""
    columns, pad = _counted(placed, axis=1)
    return reg.ColumnCount(last_column=columns - 1 + 2 * pad, pad=pad)


def _counted(placed: PlacedLayer, *, axis: int) -> tuple[int, int]:
    """Rows (axis 0) or columns (1) to count, and padding on each side."""
    spec = placed.spec
    if spec.flatten:
        return 1, 0
    # A transposed convolution counts the inserted zeros as well.
    spread = 2 if spec.kind is Kind.CONV_TRANSPOSE2D else 1
    return spread * spec.in_size[axis], spec.pad[axis]


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
    """Row cache: a 3x3 kernel rolls over after a row, long flattened inputs use a window of it.

    Layers that stream share the row cache, one behind the other.
    """
    if placed.extended_passes:
        start = placed.plan.in_passes - 1
        return reg.TramPointer(tptr_sad=start, tptr_max=2 * start + 1)
    start = 0 if placed.cadence is None else placed.cadence.cache_start
    if placed.spec.kernel[1] == 1:
        return reg.TramPointer(tptr_sad=start, tptr_max=start)
    return reg.TramPointer(tptr_sad=start, tptr_max=start + max(0, placed.spec.out_size[1] - 1))


def one_dimensional(placed: PlacedLayer) -> reg.OneDimensional:
    """Kind of kernel and its first byte, time slots of pass-through, element-wise combination.

    A width without ``oned_en`` means 1x1, width 0 means 3x3 (and a combination that passes
    through).
    """
    rows, columns = placed.spec.kernel
    width = rows if columns == 1 else 0
    if placed.passthrough:
        width = int(not placed.combines)
    _, first_byte = placed.kernel_start
    oned = reg.OneDimensional(
        tscnt_max=placed.source.time_slots - 1 if placed.passthrough else 0,
        oned_sad=first_byte,
        oned_width=width,
        oned_en=int(placed.spec.kind is Kind.CONV1D),
    )
    eltwise = placed.spec.eltwise
    if eltwise is None:
        return oned
    return replace(
        oned,
        ewise_en=1,
        ewise_func=EWISE_FUNC[eltwise.function],
        prepool=int(eltwise.pool_first and placed.spec.pool is not None),
        two_d_conv=int(not placed.passthrough),
        ewise_cnt=placed.spec.operands - 1,
    )
