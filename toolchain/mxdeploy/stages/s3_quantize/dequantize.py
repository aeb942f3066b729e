"""An integer network as the legalized float network whose numbers all lie on its grids."""

from __future__ import annotations

import numpy as np

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir.network import LayerOp, Network, Node, Range, Value
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Concat
from mxdeploy.stages.s3_quantize.integer_layer import FRACTION_BITS

_BIAS_STEP = 1 << FRACTION_BITS


def accumulator_scale(network: QuantNetwork, layer: QuantLayer) -> float:
    """Real value of one accumulator step of a layer with weights."""
    scale = network.value(layer.output).scale
    if layer.spec.output_bits != DATA_BITS:
        return scale
    return float(scale * 2.0**layer.shift / _BIAS_STEP)


def weight_scale(network: QuantNetwork, layer: QuantLayer) -> float:
    """Real value of one step of a layer's weights."""
    return accumulator_scale(network, layer) / network.value(layer.inputs[0]).scale


def dequantized(network: QuantNetwork) -> Network:
    """The legalized float network with the integer network's weights and declared ranges."""
    values = tuple(
        Value(
            name=value.name,
            shape=value.model_shape,
            origin=value.origin,
            declared=Range(scale=value.scale) if value.bits == DATA_BITS else None,
        )
        for value in network.values
    )
    result = Network(
        name=network.name,
        values=values,
        inputs=(network.input,),
        outputs=network.outputs,
        nodes=_nodes(network),
        head=network.head,
        tail=network.tail,
        results=network.results,
        model=network.model,
        rewrites=network.rewrites,
        source_digest=network.source_digest,
    )
    result.verify()
    return result


def _nodes(network: QuantNetwork) -> tuple[Node, ...]:
    """The layers, each behind the joins that it is the first to read."""
    nodes: list[Node] = []
    joins = {join.output: join for join in network.joins}
    for layer in network.layers:
        for name in layer.inputs:
            if name in joins:
                join = joins.pop(name)
                nodes.append(
                    Node(
                        name=name, op=Concat(axis=0), inputs=join.inputs, output=name,
                        origin=join.origin,
                    )
                )  # fmt: skip
        nodes.append(
            Node(
                name=layer.name, op=_operation(network, layer), inputs=layer.inputs,
                output=layer.output, origin=layer.origin,
            )
        )  # fmt: skip
    return tuple(nodes)


def _operation(network: QuantNetwork, layer: QuantLayer) -> LayerOp:
    if layer.weight is None:
        return LayerOp(spec=layer.spec)
    weight = layer.weight.array.astype(np.float64) * weight_scale(network, layer)
    bias = None
    if layer.bias is not None:
        steps = layer.bias.array.astype(np.float64) * _BIAS_STEP
        bias = Tensor((steps * accumulator_scale(network, layer)).astype(np.float32))
    return LayerOp(spec=layer.spec, weight=Tensor(weight.astype(np.float32)), bias=bias)
