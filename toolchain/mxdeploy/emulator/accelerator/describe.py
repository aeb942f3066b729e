"""What a hardware layer does, in typed form: the registers' meaning without their encoding.

All numbers are the hardware's own: dimensions are those of the stored (un-pooled) input, slots
include dummies, pads are what the chip inserts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mxdeploy.arith import pooled_size
from mxdeploy.arith.elementwise import Function
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.latency import LayerShape
from mxdeploy.chip.max78000.order import Traffic


class Operation(StrEnum):
    """What follows the in-flight stages."""

    CONVOLUTION = "convolution"
    TRANSPOSED = "transposed convolution"
    PASSTHROUGH = "pass-through"


class Activation(StrEnum):
    """What follows saturation."""

    NONE = "none"
    RELU = "relu"
    ABS = "abs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a layer reads its input.

    Attributes:
        processors: enabled processors, ascending; processor P reads data memory P // 4.
        word: first word in every data memory (RPTR_BASE).
        rows: stored rows (un-pooled).
        columns: stored columns (un-pooled).
        passes: words per pixel and operand; flatten counts every pixel as a pass.
        operands: element-wise operands, interleaved word by word.
        chw: four pixels of one channel per word, instead of four channels of one pixel.
    """

    processors: tuple[int, ...]
    word: int
    rows: int
    columns: int
    passes: int
    operands: int
    chw: bool

    @property
    def words(self) -> int:
        """Words read from every data memory."""
        pixels = self.rows * self.columns
        return (
            (-(-pixels // mem.PROCESSORS_PER_MEMORY) if self.chw else pixels)
            * self.passes
            * self.operands
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """In-flight pooling; a window of 1x1 subsamples."""

    kind: Literal["max", "average"]
    window: tuple[int, int]
    stride: int
    rounding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Combining:
    """Element-wise combination of the operands."""

    function: Function
    pool_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """Where a layer finds its weights.

    Attributes:
        size: rows and columns of a kernel; (length, 1) in one dimension.
        weight_bits: 8, 4, 2 or 1.
        first: position of the first kernel in eighths of a kernel (MCNT.SAD).
        skipped_bytes: added to the start byte (ONED_SAD).
        slots: output slots that each quadrant's kernels produce.
        columns: processor columns in an output pass.
    """

    size: tuple[int, int]
    weight_bits: int
    first: int
    skipped_bytes: int
    slots: int
    columns: int

    @property
    def elements(self) -> int:
        """Elements of a kernel."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """From accumulator to output.

    Attributes:
        bias: (quadrant, first byte) of each bias used; several only when the quadrants work
            independently.
        shift: positive to the left.
        activation: after saturation.
        wide: the 32-bit accumulator is written, without shift.
    """

    bias: tuple[tuple[int, int], ...]
    shift: int
    activation: Activation
    wide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The write pointer's constants, all in words over the sixteen data memories.

    Attributes:
        bases: first word (WPTR_BASE) of each writing quadrant, as (quadrant, word).
        group_words: per four output columns (WPTR_MOFF).
        pass_words: per output pass (WPTR_CHOFF).
        time_slot_words: per time slot of a pass-through (WPTR_TOFF).
        increment: extra step per pixel (LCTRL1.wptr_inc).
    """

    bases: tuple[tuple[int, int], ...]
    group_words: int
    pass_words: int
    time_slot_words: int
    increment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """When a streaming layer works, and the ring that it reads from.

    Attributes:
        start: input words (layer 0) or row-cache entries of the layer before that must have come
            before the first stride (STRM0.strm_isval).
        step: entries from stride to stride inside a row (STRM1.strm_dsval1).
        row_step: entries from the last stride of a row to the first of the next
            (STRM1.strm_dsval2).
        volume: passes of the streaming layers before (STRM1.strm_invol).
        ring_words: words after which the read pointer returns (FBUF.fbuf_max).
    """

    start: int
    step: int
    row_step: int
    volume: int
    ring_words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDescription:
    """What the hardware does in one layer.

    Attributes:
        number: 0..31.
        operation: what follows the in-flight stages.
        reading: the input.
        pooling: in-flight pooling, or None.
        combining: element-wise combination, or None.
        pad: zero rows and columns on each side of the pooled data.
        kernels: the weights; None for a pass-through.
        summed: quadrants whose sums of products enter the result.
        independent: every quadrant computes each fourth output channel by itself (QUPAC).
        scaling: bias, shift, activation; None for a pass-through.
        writing: the output.
        stream: the layer reads from a ring while the layer before it still writes; None when it
            waits for the layer before.
        flatten: POST.flatten_en is set.
        output_passes: output words of a processor column per pixel.
    """

    number: int
    operation: Operation
    reading: Reading
    pooling: Pooling | None
    combining: Combining | None
    pad: tuple[int, int]
    kernels: Kernels | None
    summed: tuple[int, ...]
    independent: bool
    scaling: Scaling | None
    writing: Writing
    stream: Stream | None
    flatten: bool
    output_passes: int

    @property
    def streaming(self) -> bool:
        """Whether the layer streams."""
        return self.stream is not None

    @property
    def products(self) -> tuple[Kernels, Scaling]:
        """Kernels and scaling of a layer that convolves.

        Raises:
            ValueError: the layer is a pass-through.
        """
        if self.kernels is None or self.scaling is None:
            raise ValueError(f"layer {self.number} passes its data through")
        return self.kernels, self.scaling

    @property
    def pooled_size(self) -> tuple[int, int]:
        """Rows and columns after pooling."""
        size = (self.reading.rows, self.reading.columns)
        if self.pooling is None:
            return size
        return pooled_size(size, self.pooling.window, self.pooling.stride)

    @property
    def convolved_size(self) -> tuple[int, int]:
        """Rows and columns after zero insertion, before padding."""
        rows, columns = self.pooled_size
        if self.operation is Operation.TRANSPOSED:
            return 2 * rows, 2 * columns
        return rows, columns

    @property
    def out_size(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        rows, columns = self.convolved_size
        if self.kernels is None:
            return rows, columns
        return (
            rows + 2 * self.pad[0] - self.kernels.size[0] + 1,
            columns + 2 * self.pad[1] - self.kernels.size[1] + 1,
        )

    @property
    def slots(self) -> int:
        """Output slots of all quadrants together; 0 for a pass-through."""
        if self.kernels is None:
            return 0
        return self.kernels.slots * (len(self.writing.bases) if self.independent else 1)

    @property
    def time_slots(self) -> int:
        """Words a quadrant writes per pixel and pass of a pass-through."""
        quadrants = [p // mem.PROCESSORS_PER_QUADRANT for p in self.reading.processors]
        most = max(quadrants.count(quadrant) for quadrant in set(quadrants))
        return -(-most // mem.PROCESSORS_PER_MEMORY)

    @property
    def shape(self) -> LayerShape:
        """The numbers that decide the duration."""
        rows, columns = self.convolved_size
        kernels = self.kernels
        first_byte = 0 if kernels is None else (kernels.first >> 3) * kernels.elements
        return LayerShape(
            passes=self.reading.passes,
            operands=self.reading.operands,
            pool=(1, 1) if self.pooling is None else self.pooling.window,
            pool_first=self.combining is None or self.pooling is None or self.combining.pool_first,
            rows=rows,
            columns=columns,
            output_columns=self.out_size[1],
            kernel=(1, 1) if kernels is None else kernels.size,
            pad=self.pad,
            output_slots=0 if kernels is None else kernels.slots,
            time_slots=self.time_slots,
            kernel_offset=first_byte // mem.KERNEL_WORD_BYTES,
            passthrough=kernels is None,
            output_passes=self.output_passes,
            flatten_enabled=self.flatten,
        )

    @property
    def traffic(self) -> Traffic:
        """The numbers that decide when the layer reads its words, and when it writes."""
        reading, pooling = self.reading, self.pooling
        return Traffic(
            size=(reading.rows, reading.columns),
            passes=reading.passes,
            operands=reading.operands,
            chw=reading.chw,
            window=(1, 1) if pooling is None else pooling.window,
            stride=1 if pooling is None else pooling.stride,
            kernel=(1, 1) if self.kernels is None else self.kernels.size,
            pad=self.pad,
            transposed=self.operation is Operation.TRANSPOSED,
            passthrough=self.kernels is None,
            out_passes=reading.passes if self.kernels is None else self.output_passes,
        )

    def to_text(self) -> str:
        """One line, e.g. ``layer 1: 64x28x28, max 2x2/2, convolution, 3x3 pad 1 8 bit, …``."""
        reading = self.reading
        channels = len(reading.processors) * reading.passes
        parts = [f"layer {self.number}: {channels}x{reading.rows}x{reading.columns}"]
        if self.combining is not None:
            parts.append(f"{self.combining.function} of {reading.operands}")
        if self.pooling is not None:
            rows, columns = self.pooling.window
            parts.append(f"{self.pooling.kind} {rows}x{columns}/{self.pooling.stride}")
        parts.append(str(self.operation))
        if self.kernels is not None:
            rows, columns = self.kernels.size
            parts.append(f"{rows}x{columns} pad {self.pad[0]} {self.kernels.weight_bits} bit")
            parts.append(f"{self.slots} slots")
        if self.scaling is not None:
            parts.append("32-bit output" if self.scaling.wide else f"shift {self.scaling.shift:+d}")
            if self.scaling.activation is not Activation.NONE:
                parts.append(str(self.scaling.activation))
        return ", ".join(parts)
