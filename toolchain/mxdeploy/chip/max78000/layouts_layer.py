"""One layer's weight and bias tensors, spread over the processors that hold them.

A processor holds the weights of its own input channels for all output slots. Slots that belong to
no output channel and passes that belong to no input channel hold zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000.layouts_data import (
    Index,
    channel_locations,
    expansion,
    output_columns,
    output_slots,
    processor_list,
)

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class InputPlaces:
    """Where a layer finds its input channels.

    Attributes:
        processors: 64-bit mask of the input.
        passes: words of a pixel.
        pass_number: of each channel.
        processor: of each channel.
    """

    processors: int
    passes: int
    pass_number: Index
    processor: Index

    @property
    def ordinal(self) -> Index:
        """Number of each channel's processor among the input's."""
        found: Index = np.searchsorted(processor_list(self.processors), self.processor)
        return found


def input_places(channels: int, processors: int) -> InputPlaces:
    """Channels in ascending order on the processors of a mask, pass by pass."""
    pass_number, processor = channel_locations(channels, processors)
    return InputPlaces(processors, expansion(channels, processors), pass_number, processor)


def spread_kernels(
    weights: Integers, *, source: InputPlaces, output_processors: int
) -> npt.NDArray[np.int8]:
    """Kernels of a convolution (or fully connected layer, K = 1) by processor.

    Args:
        weights: ``[O, C, K]``, the elements of a kernel in natural order (rows, columns).
        source: where the input channels are.
        output_processors: 64-bit mask of the output.

    Returns:
        int8 ``[input processors, slots, passes, K]``, processors in ascending order.
    """
    outputs, _, elements = weights.shape
    processors = len(processor_list(source.processors))
    slots = expansion(outputs, output_processors) * output_columns(output_processors)
    spread = np.zeros((processors, slots, source.passes, elements), np.int8)
    slot = output_slots(outputs, output_processors)
    spread[source.ordinal, slot[:, None], source.pass_number] = _int8(weights)
    return spread


def spread_flatten(
    weights: Integers, *, source: InputPlaces, output_processors: int
) -> npt.NDArray[np.int8]:
    """Kernels of a fully connected layer over all pixels of its input (flatten) by processor.

    Args:
        weights: ``[O, C, pixels]``; the flattened input index of a trained network is
            ``channel * pixels + pixel``.
        source: where the input channels are.
        output_processors: 64-bit mask of the output.

    Returns:
        int8 ``[input processors, slots, pixels * passes, 1]``; the pass counter runs over the
        channel passes of a pixel, then over the pixels. Trailing slots without a channel are
        left out. Processors that hold no channel in a pass have zero weights there: whatever lies
        in their memory is ignored.
    """
    outputs, _, pixels = weights.shape
    processors = len(processor_list(source.processors))
    slot = output_slots(outputs, output_processors)
    spread = np.zeros((processors, int(slot.max()) + 1, pixels, source.passes), np.int8)
    by_pixel = _int8(weights).transpose(1, 0, 2)  # [C, O, pixels], as the indices broadcast
    pixel = np.arange(pixels, dtype=np.intp)
    place = (source.ordinal[:, None, None], slot[None, :, None], pixel[None, None, :])
    spread[(*place, source.pass_number[:, None, None])] = by_pixel
    return spread.reshape(processors, int(slot.max()) + 1, pixels * source.passes, 1)


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
