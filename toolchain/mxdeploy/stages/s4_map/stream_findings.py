"""Why layers cannot stream: one function per finding."""

from __future__ import annotations

from mxdeploy.chip.max78000.errata import quirk
from mxdeploy.chip.max78000.limits import Limit
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.quantized import QuantLayer

_TO_STREAM = "to stream the layers whose data exceed the data memories"


def not_streamable(layer: QuantLayer, what: str) -> Diagnostic:
    """A layer does something that streaming layers do not."""
    return Diagnostic(
        code="MX4031",
        where=layer.name,
        what=f"{_TO_STREAM}, this one would have to stream, but {what}",
        why="layers that stream are 2-D convolutions with 1x1 or 3x3 kernels, one behind the "
        "other from the network's input on, perhaps with pooling in front",
        fix="use a smaller input, or pool earlier",
    )


def stream_limit(layer: QuantLayer, what: str, limit: Limit) -> Diagnostic:
    """A number of a streaming layer exceeds a limit of the chip."""
    return Diagnostic(
        code="MX4032",
        where=layer.name,
        what=f"{_TO_STREAM}, this one would have {what}",
        why=limit.text,
        fix="use a smaller input, smaller pooling windows, or fewer channels in the first layers",
    )


def too_many_fifo_channels(
    layer: QuantLayer, channels: int, constants: int, limit: Limit
) -> Diagnostic:
    """The input has more channels than the FIFOs carry."""
    further = f" ({constants} of them constant, in place of biases)" if constants else ""
    return Diagnostic(
        code="MX4033",
        where=layer.name,
        what=f"{_TO_STREAM}, the input would come through the FIFOs, but it has {channels} "
        f"channels{further}, {channels - int(limit)} more than they carry",
        why=limit.text,
        fix="use a smaller input, or fewer input channels",
    )


def bias_in_stream(layer: QuantLayer) -> Diagnostic:
    """A bias in a streaming layer that constant channels cannot stand for."""
    return Diagnostic(
        code="MX4034",
        where=layer.name,
        what=f"{_TO_STREAM}, this one would have to stream, and its biases cannot be replaced by "
        f"constant channels: padding {max(layer.spec.pad)}, {layer.weight_bits}-bit weights",
        why=f"{quirk('stream-bias').what} Constant channels need a padding of at most 1, and "
        "weights that reach the biases.",
        fix="train the first layers without bias, with padding 1 and 8-bit weights",
    )
