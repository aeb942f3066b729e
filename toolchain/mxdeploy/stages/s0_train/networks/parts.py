"""What the networks share: a convolution with its normalization, and the checks of sizes."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from mxdeploy.chip.max78000.limits import MAX_CHANNELS, MAX_FLATTEN_INPUTS, MAX_FLATTEN_PASSES
from mxdeploy.errors import Diagnostic, UsageError

KERNEL = 3
"""Side of the kernels of 2-D convolutions, and taps of the 1-D ones, unless chosen otherwise."""


_LINE = 2
"""Axes of a sequence: channels and length."""


Layers = dict[str, nn.Module]
"""Modules by name, in the order in which they compute; exported nodes are called after them."""


def chain(layers: Layers) -> nn.Sequential:
    """The modules one behind the other."""
    return nn.Sequential(OrderedDict(layers))


def convolution(
    inputs: int, outputs: int, *, number: str = "", kernel: int = KERNEL, normalize: bool = True
) -> Layers:
    """A 2-D convolution that keeps rows and columns, batch normalization, ReLU.

    ``number`` ends their names: ``conv1``, ``norm1``, ``relu1``.
    """
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=not normalize)
    return _activated(conv, nn.BatchNorm2d(outputs) if normalize else None, number)


def convolution_1d(
    inputs: int, outputs: int, *, number: str = "", kernel: int = KERNEL, normalize: bool = True
) -> Layers:
    """A 1-D convolution that keeps the length (odd kernels), batch normalization, ReLU."""
    conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=not normalize)
    return _activated(conv, nn.BatchNorm1d(outputs) if normalize else None, number)


def upsampling(inputs: int, outputs: int, *, number: str = "", normalize: bool = True) -> Layers:
    """A transposed convolution to twice the rows and columns, batch normalization, ReLU."""
    conv = nn.ConvTranspose2d(
        inputs, outputs, KERNEL, stride=2, padding=1, output_padding=1, bias=not normalize
    )
    return _activated(conv, nn.BatchNorm2d(outputs) if normalize else None, number)


def _activated(conv: nn.Module, norm: nn.Module | None, number: str) -> Layers:
    normalized = {} if norm is None else {f"norm{number}": norm}
    return {f"conv{number}": conv, **normalized, f"relu{number}": nn.ReLU()}


def require_dimensions(network: str, input_shape: tuple[int, ...], *allowed: int) -> None:
    """The input has one of the numbers of dimensions that the network knows, all of them positive.

    Args:
        network: name, for the error.
        input_shape: without the batch.
        allowed: numbers of dimensions.

    Raises:
        UsageError: it has not.
    """
    if len(input_shape) in allowed and min(input_shape) > 0:
        return
    forms = {2: "(channels, length)", 3: "(channels, rows, columns)"}
    raise UsageError(
        Diagnostic(
            code="MX0901",
            where=network,
            what=f"the data have the shape {input_shape}",
            why="the network takes " + " or ".join(forms[n] for n in allowed),
            fix="choose a network for this kind of data: cifar_cnn or residual_cnn for pictures, "
            "keyword_cnn for sequences",
        )
    )


def require_multiple(network: str, input_shape: tuple[int, ...], halvings: int) -> None:
    """Rows and columns can be halved so often, and doubled again to the very same size.

    Raises:
        UsageError: they cannot.
    """
    step = 2**halvings
    rows, columns = input_shape[1:]
    if rows % step == 0 and columns % step == 0:
        return
    nearest = " x ".join(str(max(1, round(n / step)) * step) for n in (rows, columns))
    raise UsageError(
        Diagnostic(
            code="MX0902",
            where=network,
            what=f"the pictures have {rows} x {columns} pixels",
            why=f"it halves rows and columns {halvings} times and doubles them again: both must "
            f"be multiples of {step}",
            fix=f"resize the pictures, for example to {nearest} ([data] image_size), or choose "
            f"fewer widths ([network] options)",
        )
    )


def halved(network: str, sizes: Sequence[int], times: int) -> tuple[int, ...]:
    """Sizes after so many poolings of two, which leave out what is not a full pair.

    Raises:
        UsageError: nothing is left.
    """
    left = tuple(size >> times for size in sizes)
    if min(left) > 0:
        return left
    raise UsageError(
        Diagnostic(
            code="MX0903",
            where=network,
            what=f"{times} poolings of two leave nothing of {' x '.join(map(str, sizes))}",
            why=f"each halves the size: {2**times} are needed",
            fix="use larger inputs, or fewer stages ([network] options)",
        )
    )


def require_flattened(network: str, shape: tuple[int, ...]) -> int:
    """Inputs of a fully connected layer behind maps of this shape; the chip must be able to.

    Raises:
        UsageError: too many pixels for the accelerator's flattening.
    """
    inputs, pixels = math.prod(shape), math.prod(shape[1:])
    if pixels <= MAX_FLATTEN_PASSES.value and inputs <= MAX_FLATTEN_INPUTS.value:
        return inputs
    raise UsageError(
        Diagnostic(
            code="MX0904",
            where=network,
            what=f"its fully connected layer would read {' x '.join(map(str, shape))} values",
            why=f"the accelerator flattens at most {MAX_FLATTEN_PASSES.value} pixels and "
            f"{MAX_FLATTEN_INPUTS.value} values",
            fix=(
                "fold sound into channels (--set data.channels=128, a divisor of data.samples)"
                if len(shape) == _LINE
                else "use smaller inputs (--set data.image_size=32)"
            )
            + ", or use more stages ([network] options)",
        )
    )


def require_channels(network: str, what: str, count: int) -> None:
    """A number of channels or classes that the accelerator has.

    Raises:
        UsageError: it has not.
    """
    if 1 <= count <= MAX_CHANNELS.value:
        return
    raise UsageError(
        Diagnostic(
            code="MX0905",
            where=network,
            what=f"{what}: {count}",
            why=f"a layer has 1 to {MAX_CHANNELS.value} channels",
            fix="choose a number within these limits",
        )
    )
