"""Values that would have to lie at two places at once are copied, by convolutions with one tap.

Such a copy is exact: 64 x, scaled by 2 / 128, is x. It costs a layer, which legalization cannot
foresee because it does not know how tensors lie.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.errors import ModelError
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s4_map.arrangement import Arrangement, Conflict, arrange

_WEIGHT, _SHIFT = 64, 1


def untied(network: QuantNetwork) -> tuple[QuantNetwork, Arrangement]:
    """A network that computes the same, and which of its tensors lie together.

    Raises:
        ModelError: copies do not help, or there are too many layers with them.
    """
    while True:
        found = arrange(network)
        if isinstance(found, Arrangement):
            return network, found
        changed = _solved(network, found[0])
        if changed is None or len(changed.layers) > limits.MAX_LAYERS:
            raise ModelError(conflict.finding for conflict in found)
        network = changed


def _solved(network: QuantNetwork, conflict: Conflict) -> QuantNetwork | None:
    layer = network.layers[conflict.layer]
    if layer.spec.kind is Kind.PASSTHROUGH:
        convolving = _convolving(layer)
        return None if convolving is None else _replaced(network, conflict.layer, convolving)
    return _copied(network, conflict)


def _convolving(layer: QuantLayer) -> QuantLayer | None:
    """A layer that passes through as one that convolves with an identity matrix."""
    spec = layer.spec
    known = int(limits.MAX_OPERANDS_MULTIPASS)
    passes = limits.passes(spec.in_channels)
    if spec.operands > 1 and passes > 1 and (spec.operands > known or passes > known):
        return None
    channels = spec.in_channels
    weight = np.eye(channels, dtype=np.int8).reshape(channels, channels, 1, 1) * np.int8(_WEIGHT)
    return replace(
        layer,
        spec=replace(spec, kind=Kind.CONV2D),
        weight=Tensor(weight),
        weight_bits=8,
        shift=_SHIFT,
    )


def _replaced(network: QuantNetwork, index: int, layer: QuantLayer) -> QuantNetwork:
    layers = (*network.layers[:index], layer, *network.layers[index + 1 :])
    return replace(network, layers=layers)


def _copied(network: QuantNetwork, conflict: Conflict) -> QuantNetwork:
    """The network in which the layer (or the join it reads) has a copy of the value."""
    reader = network.layers[conflict.layer]
    source = network.value(conflict.value)
    copy, value = copy_of(network, source, f"{reader.name} (copy of {source.name})")
    name = value.name
    join = network.join(reader.inputs[0])
    joins, changed, first = network.joins, reader, conflict.layer
    if join is None:
        changed = replace(reader, inputs=_with(reader.inputs, source.name, name))
    else:
        new = replace(join, inputs=_with(join.inputs, source.name, name))
        joins = tuple(new if one is join else one for one in network.joins)
        first = next(i for i, one in enumerate(network.layers) if join.output in one.inputs)
    layers = list(network.layers)
    layers[conflict.layer] = changed
    layers.insert(first, copy)
    values = (*network.values, value)
    return replace(network, values=values, layers=tuple(layers), joins=joins)


def copy_of(network: QuantNetwork, source: QuantValue, layer: str) -> tuple[QuantLayer, QuantValue]:
    """A layer called ``layer`` that copies ``source``, and the copy, with a name of its own."""
    name = f"{source.name}.copy"
    while any(value.name == name for value in network.values):
        name += ".copy"
    spec = LayerSpec(
        kind=Kind.PASSTHROUGH,
        in_channels=source.shape[0],
        in_size=source.shape[1:],
        out_channels=source.shape[0],
    )
    plain = QuantLayer(
        name=layer,
        spec=spec,
        inputs=(source.name,),
        output=name,
        weight=None,
        weight_bits=8,
        bias=None,
        shift=0,
        origin=(),
    )
    return _convolving(plain) or plain, replace(source, name=name)


def _with(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    """The names with the last ``old`` replaced."""
    at = len(names) - 1 - names[::-1].index(old)
    return (*names[:at], new, *names[at + 1 :])
