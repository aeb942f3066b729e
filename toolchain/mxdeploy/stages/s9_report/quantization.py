"""What quantization decided about each layer and what it costs, as records for report and page."""

from __future__ import annotations

from mxdeploy.ir.measurement import Histogram, decibel
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.stages.s9_report.schema import HistogramReport, LayerQuantization, NoiseReport


def layer_quantizations(network: QuantNetwork) -> tuple[LayerQuantization, ...]:
    """One record for each hardware layer, in order."""
    return tuple(_record(network, i, layer) for i, layer in enumerate(network.layers))


def _record(network: QuantNetwork, index: int, layer: QuantLayer) -> LayerQuantization:
    quality = layer.quality
    found = quality.measurement if quality else None
    output = network.value(layer.output)
    return LayerQuantization(
        index=index,
        name=layer.name,
        onnx_nodes=layer.origin,
        operation=layer.spec.to_text(),
        weights=0 if layer.weight is None else int(layer.weight.array.size),
        weight_bits=layer.weight_bits,
        weight_scale=found.weight_scale if found else None,
        shift=None if output.bits != _NARROW or layer.weight is None else layer.shift,
        biases=0 if layer.bias is None else int(layer.bias.array.size),
        input_scale=network.value(layer.inputs[0]).scale,
        output_scale=output.scale,
        output_bits=output.bits,
        sqnr_db=quality.sqnr_db if quality else None,
        saturated=quality.saturated if quality else None,
        biases_cut=quality.bias_saturated if quality else None,
        biases_moved=found.biases_moved if found else None,
        weights_cut=found.weights_cut if found else None,
        beyond=found.beyond if found else None,
        range_from=found.range_from if found else None,
        reach=found.reach if found else None,
        limits=found.limits if found else None,
        noise=NoiseReport(
            inherited_db=decibel(found.noise.inherited),
            weights_db=decibel(found.noise.weights),
            parameters_db=decibel(found.noise.parameters),
            output_db=decibel(found.noise.output),
            own_db=decibel(found.noise.own),
        )
        if found
        else None,
        outputs=_histogram(found.outputs) if found else None,
        weight_values=_histogram(found.weights) if found else None,
    )


_NARROW = 8
"""Bits of an output that is shifted and saturated."""


def _histogram(found: Histogram) -> HistogramReport:
    return HistogramReport(low=found.low, high=found.high, counts=found.counts)
