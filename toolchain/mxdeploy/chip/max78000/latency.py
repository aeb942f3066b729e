"""How many CNN clock cycles a layer takes, from its numbers alone.

The accelerator computes one output channel of one pixel and one pass per cycle once the receptive
field is loaded; reading an input pixel into the row cache takes two cycles (more with pooling), per
pass and operand. The width of the weights has no influence.

For non-streaming networks the model, with one constant for what the firmware adds, agrees with
measured silicon within 0.1 %. Layers that stream take turns: see ``stream_latency``. Source:
published cycle model and measurements of running programs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

STARTUP_CYCLES = 1
FIRMWARE_OVERHEAD_SECONDS = 6.6e-6
"""What measured inference times contain beyond the accelerator's own: 6.4 to 7.1 us in five
published measurements on the Arm core. Perhaps (nobody has taken it apart) the stores that start
the quadrants, the interrupt's entry and acknowledgement, and starting and stopping the timer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShape:
    """The numbers of one layer that decide its duration.

    Attributes:
        passes: input passes (flatten: input pixels times channel passes).
        operands: element-wise operands, 1 without.
        pool: rows and columns of the pooling window, (1, 1) without.
        pool_first: operands are pooled before they are combined.
        rows: rows after pooling (flatten: 1; transposed: twice the pooled rows).
        columns: columns after pooling (flatten: 1; transposed: twice the pooled columns).
        output_columns: columns of the output.
        kernel: rows and columns of the kernel; (length, 1) in one dimension.
        pad: zero rows and columns on each side, as the hardware pads.
        output_slots: output slots, dummy slots and all output passes included.
        time_slots: words a quadrant writes per pixel and pass (pass-through).
        kernel_offset: first kernel word.
        passthrough: no convolution.
        output_passes: output passes.
        flatten_enabled: the layer sets POST.flatten_en (17 or more flattened passes).
    """

    passes: int = 1
    operands: int = 1
    pool: tuple[int, int] = (1, 1)
    pool_first: bool = True
    rows: int
    columns: int
    output_columns: int
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    output_slots: int = 0
    time_slots: int = 1
    kernel_offset: int = 0
    passthrough: bool = False
    output_passes: int = 1
    flatten_enabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Cycles to bring one padding or data position of all passes and operands into the cache."""

    pad: int
    data: int
    repeats: int


def layer_cycles(layer: LayerShape) -> int:
    """CNN clock cycles of one layer; of a streaming layer its own work, without waiting."""
    return _passthrough(layer) if layer.passthrough else _convolution(layer)


def output_cycles(layer: LayerShape) -> int:
    """Those of a layer's cycles in which it computes or writes outputs; in the rest it reads."""
    if layer.passthrough:
        return layer.rows * layer.columns * _written_passes(layer) * layer.time_slots
    lead = layer.kernel[0] - 1 - layer.pad[0]
    return _row_output(layer) * (layer.rows - lead + layer.pad[0])


def network_cycles(layers: Iterable[LayerShape]) -> int:
    """CNN clock cycles of a network, start included."""
    return STARTUP_CYCLES + sum(map(layer_cycles, layers))


def _step(layer: LayerShape, passes: int) -> _Step:
    window = layer.pool[0] * layer.pool[1]
    if layer.pool_first or window == 1:
        each = passes * layer.operands
        return _Step(pad=2 * each, data=each * (window + 1), repeats=1)
    return _Step(pad=2 * passes, data=passes * (layer.operands * window + 1), repeats=passes)


def _passthrough(layer: LayerShape) -> int:
    passes = _written_passes(layer)
    data = _step(layer, passes).data
    return layer.rows * layer.columns * (data + passes * layer.time_slots)


def _written_passes(layer: LayerShape) -> int:
    several = layer.pool != (1, 1) and layer.output_passes > 1
    return 2 * layer.passes - 1 if several else layer.passes


def _row_output(layer: LayerShape) -> int:
    """Cycles to compute a row of outputs."""
    alone = layer.output_slots == 1 and layer.passes == 1
    return layer.passes * layer.output_columns * layer.output_slots + int(alone)


def _convolution(layer: LayerShape) -> int:
    step = _step(layer, layer.passes)
    kernel_rows, _ = layer.kernel
    pad_rows, pad_columns = layer.pad
    pads = 2 * pad_columns * (step.pad + 1)
    first_pad_row = pads + step.repeats * layer.columns * (step.pad + 1)
    row_without_output = pads + step.repeats * layer.columns * (step.data + 1)
    output = _row_output(layer)
    lead = kernel_rows - 1 - pad_rows
    return (
        int(layer.flatten_enabled)
        + _pre_read(layer)
        + pad_rows * first_pad_row
        + lead * row_without_output
        + (_row(layer, step, step.data) + output) * (layer.rows - lead)
        + pad_rows * (_row(layer, step, step.pad) + output)
    )


def _row(layer: LayerShape, step: _Step, position: int) -> int:
    """Cycles to read one row that produces output; ``position``: cycles of one of its pixels."""
    columns, pad = layer.kernel[1], layer.pad[1]
    return (
        pad * (step.pad + 1)
        + step.repeats * (columns - 1 - pad) * (position + 1)
        + step.repeats * (layer.output_columns - pad) * position
        + step.pad * pad
    )


def _pre_read(layer: LayerShape) -> int:
    """Pooling after the element-wise operation: padding walks the kernels from word 0."""
    if layer.pool_first or (layer.passes == 1 and layer.operands == 1):
        return 0
    (kernel_rows, kernel_columns), (pad_rows, pad_columns) = layer.kernel, layer.pad
    positions = (
        (layer.rows + 2 * pad_rows - kernel_columns + 1) * pad_columns
        + (layer.columns + 2 * pad_columns - kernel_rows + 1) * pad_rows
        - pad_rows * pad_columns
    )
    return positions * layer.kernel_offset
