"""What one hardware layer computes, without weights and without placement.

A hardware layer reads its operands, pools them on the way in, combines them element by element,
convolves, adds a bias, scales, saturates, and activates, in that order. Every step but the first
is optional. One-dimensional data have a single column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The main operation of a layer."""

    CONV2D = "conv2d"
    CONV1D = "conv1d"
    CONV_TRANSPOSE2D = "conv_transpose2d"
    LINEAR = "linear"
    PASSTHROUGH = "passthrough"


class Activation(StrEnum):
    """What follows saturation."""

    NONE = "none"
    RELU = "relu"
    ABS = "abs"


class PoolKind(StrEnum):
    """How a pooling window becomes one value; averages truncate toward zero."""

    MAX = "max"
    AVERAGE = "average"


class EltwiseFunction(StrEnum):
    """Element-wise functions of the chip."""

    SUB = "sub"
    ADD = "add"
    OR = "or"
    XOR = "xor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """In-flight pooling: window (rows, columns) and one stride for both directions.

    A window of 1x1 with a stride above 1 subsamples.
    """

    kind: PoolKind
    size: tuple[int, int]
    stride: int

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns after pooling; only full windows count."""
        rows, columns = size
        return (rows - self.size[0]) // self.stride + 1, (columns - self.size[1]) // self.stride + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Eltwise:
    """Element-wise combination of the layer's inputs, before the convolution if there is one."""

    function: EltwiseFunction
    pool_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """Geometry and arithmetic of one hardware layer.

    Attributes:
        kind: main operation.
        in_channels: channels of each operand (pass-through: also the output's).
        in_size: rows and columns of the stored input; 1-D data are (length, 1).
        out_channels: output channels.
        kernel: rows and columns; 1-D kernels are (length, 1); (1, 1) for linear.
        pad: zero rows and columns on each side, after pooling (the chip's own value: for a
            transposed convolution 2 - the framework's padding).
        pool: in-flight pooling of the input, or None.
        eltwise: combination of several operands, or None for a single operand.
        operands: number of operands (1 without ``eltwise``).
        activation: after saturation.
        flatten: a linear layer that reads all pixels of a 2-D or 1-D input.
        output_bits: 8, or 32 for the raw accumulator.
    """

    kind: Kind
    in_channels: int
    in_size: tuple[int, int]
    out_channels: int
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    pool: Pool | None = None
    eltwise: Eltwise | None = None
    operands: int = 1
    activation: Activation = Activation.NONE
    flatten: bool = False
    output_bits: int = 8

    @property
    def pooled_size(self) -> tuple[int, int]:
        """Rows and columns after in-flight pooling."""
        return self.in_size if self.pool is None else self.pool.output_size(self.in_size)

    @property
    def convolved_size(self) -> tuple[int, int]:
        """Rows and columns that the convolution reads (before padding)."""
        rows, columns = self.pooled_size
        if self.kind is Kind.CONV_TRANSPOSE2D:
            return 2 * rows, 2 * columns
        return rows, columns

    @property
    def out_size(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        if self.flatten:
            return 1, 1
        rows, columns = self.convolved_size
        return (
            rows + 2 * self.pad[0] - self.kernel[0] + 1,
            columns + 2 * self.pad[1] - self.kernel[1] + 1,
        )

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns of the output."""
        return (self.out_channels, *self.out_size)

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns of each stored operand."""
        return (self.in_channels, *self.in_size)

    @property
    def weight_shape(self) -> tuple[int, int, int, int] | None:
        """Output channels, input channels, kernel rows, kernel columns; None for pass-through.

        A flatten layer's kernel is the whole input: (out, in_channels, rows, columns). A
        transposed convolution's weights are stored like a convolution's: (out, in, 3, 3), flipped
        so that the plain correlation of the zero-stuffed input gives the result.
        """
        if self.kind is Kind.PASSTHROUGH:
            return None
        kernel = self.in_size if self.flatten else self.kernel
        return (self.out_channels, self.in_channels, *kernel)

    @property
    def multiply_accumulates(self) -> int:
        """Products per inference."""
        if self.weight_shape is None:
            return 0
        rows, columns = self.out_size
        out, in_channels, kernel_rows, kernel_columns = self.weight_shape
        return rows * columns * out * in_channels * kernel_rows * kernel_columns

    def to_text(self) -> str:
        """One line in words, e.g. ``max 2x2/2, conv2d 3x3 pad 1, relu``."""
        parts: list[str] = []
        if self.eltwise is not None:
            parts.append(f"{self.eltwise.function} of {self.operands}")
        if self.pool is not None:
            rows, columns = self.pool.size
            pool = f"{self.pool.kind} {rows}x{columns}/{self.pool.stride}"
            first = self.eltwise is None or self.eltwise.pool_first
            parts.insert(0 if first else len(parts), pool)
        if self.kind is Kind.LINEAR:
            parts.append("flatten, linear" if self.flatten else "linear")
        elif self.kind is not Kind.PASSTHROUGH:
            one_dimensional = self.kind is Kind.CONV1D
            kernel = str(self.kernel[0]) if one_dimensional else "x".join(map(str, self.kernel))
            pads = dict.fromkeys(self.pad[:1] if one_dimensional else self.pad)
            pad = f" pad {'x'.join(map(str, pads))}" if any(pads) else ""
            parts.append(f"{self.kind} {kernel}{pad}")
        elif not parts:
            parts.append("copy")
        if self.activation is not Activation.NONE:
            parts.append(str(self.activation))
        if self.output_bits != 8:  # noqa: PLR2004 - the ordinary output width
            parts.append(f"{self.output_bits}-bit output")
        return ", ".join(parts)
