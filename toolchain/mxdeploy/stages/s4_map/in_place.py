"""Which layers may write over their own input."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits, order
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s4_map.arrangement import Arrangement, Source


def overwriting(
    network: QuantNetwork, arrangement: Arrangement
) -> dict[tuple[int, int], order.Traffic]:
    """For pairs of pieces (input, output): how the input's last reader reads and writes."""
    piece_of = {t: i for i, piece in enumerate(arrangement.pieces) for t in piece.tensors}
    found = {}
    for index, (layer, source) in enumerate(zip(network.layers, arrangement.sources, strict=True)):
        before, after = piece_of[source.tensors[0]], piece_of[index + 1]
        if arrangement.pieces[before].death == index and before != after and source.join is None:
            step = arrangement.spacings[index + 1].step
            if not step:  # what interleaves with others is written at several times
                found[before, after] = traffic(layer, source)
    return found


def traffic(layer: QuantLayer, source: Source) -> order.Traffic:
    """The order in which ``layer`` reads and writes packed HWC data."""
    spec = layer.spec
    wide = spec.output_bits // int(limits.DATA_BITS)
    out_passes = limits.passes(spec.out_channels)
    flat = spec.in_size[0] * spec.in_size[1] if spec.flatten else 1
    return order.Traffic(
        size=(1, 1) if spec.flatten else spec.in_size,
        passes=source.passes * flat,
        operands=source.operands,
        window=(1, 1) if spec.pool is None else spec.pool.size,
        stride=1 if spec.pool is None else spec.pool.stride,
        kernel=_kernel(spec),
        pad=spec.pad,
        transposed=spec.kind is Kind.CONV_TRANSPOSE2D,
        passthrough=spec.kind is Kind.PASSTHROUGH,
        out_passes=out_passes,
        out_pass_words=wide,
        out_pixel_words=wide * out_passes,
        out_words=wide,
    )


def _kernel(spec: LayerSpec) -> tuple[int, int]:
    return (1, 1) if spec.flatten else spec.kernel
