"""One layer's weight and bias tensors, spread over the processors that hold them.

A processor holds the weights of its own input channels for all output slots. Slots that belong to
no output channel and passes that belong to no input channel hold zeros.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000.layouts_data import (
    channel_locations,
    expansion,
    output_columns,
    output_slots,
    processor_list,
)

Integers = npt.NDArray[np.integer]


def spread_kernels(
    weights: Integers, *, input_processors: int, output_processors: int
) -> npt.NDArray[np.int8]:
    """Kernels of a convolution (or fully connected layer, K = 1) by processor.

    Args:
        weights: ``[O, C, K]``, the elements of a kernel in natural order (rows, columns).
        input_processors: 64-bit mask of the input.
        output_processors: 64-bit mask of the output.

    Returns:
        int8 ``[input processors, slots, passes, K]``, processors in ascending order.
    """
    outputs, channels, elements = weights.shape
    processors = len(processor_list(input_processors))
    passes = expansion(channels, input_processors)
    slots = expansion(outputs, output_processors) * output_columns(output_processors)
    spread = np.zeros((processors, slots, passes, elements), np.int8)
    pass_number, _ = channel_locations(channels, input_processors)
    ordinal = np.arange(channels) % processors
    slot = output_slots(outputs, output_processors)
    spread[ordinal, slot[:, None], pass_number] = _int8(weights)
    return spread


def spread_flatten(
    weights: Integers, *, input_processors: int, output_processors: int
) -> npt.NDArray[np.int8]:
    """Kernels of a fully connected layer over all pixels of its input (flatten) by processor.

    Args:
        weights: ``[O, C, pixels]``; the flattened input index of a trained network is
            ``channel * pixels + pixel``.
        input_processors: 64-bit mask of the input; must hold the channels exactly.
        output_processors: 64-bit mask of the output.

    Returns:
        int8 ``[input processors, slots, pixels * passes, 1]``; the pass counter runs over the
        channel passes of a pixel, then over the pixels. Trailing slots without a channel are
        left out.

    Raises:
        ValueError: the channels do not fill all processors in every pass.
    """
    outputs, channels, pixels = weights.shape
    processors = len(processor_list(input_processors))
    if channels % processors:
        raise ValueError(f"flatten: {channels} channels do not fill {processors} processors")
    passes = channels // processors
    slot = output_slots(outputs, output_processors)
    spread = np.zeros((processors, int(slot.max()) + 1, pixels * passes, 1), np.int8)
    by_place = _int8(weights).reshape(outputs, passes, processors, pixels).transpose(2, 0, 3, 1)
    spread[:, slot] = by_place.reshape(processors, outputs, pixels * passes, 1)
    return spread


def spread_bias(biases: Integers, *, output_processors: int) -> npt.NDArray[np.int8]:
    """Biases ``[O]`` by output slot: int8 ``[last used slot + 1]``, zero in dummy slots."""
    slot = output_slots(len(biases), output_processors)
    spread = np.zeros(int(slot.max()) + 1, np.int8)
    spread[slot] = _int8(biases)
    return spread


def _int8(values: Integers) -> npt.NDArray[np.int8]:
    if values.size and (int(values.min()) < -128 or int(values.max()) > 127):  # noqa: PLR2004
        raise ValueError(f"values {int(values.min())}..{int(values.max())} do not fit 8 bits")
    return values.astype(np.int8)
