"""How a quantized network is told in a model's metadata: what its graph does not say.

That are the names, the widths of weights, which nodes are one hardware layer, and what became of
the user's own nodes. Weights are not repeated: they are the int8 initializers of the graph.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir import archive
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s3_quantize.layer_graph import unarranged

NETWORK_KEY = "mxdeploy.network"
"""The network without its weights, as JSON; other tensors are counted."""
WEIGHTS_KEY = "mxdeploy.weights"
"""JSON: the initializer of each layer's weights, by the layer's name."""
TENSORS_KEY = "mxdeploy.tensors"
"""JSON: the tensors that are counted; type, shape and content (base64) of each."""


def metadata_of(network: QuantNetwork, weights: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a model; ``weights`` are its initializers by layer."""
    layers = tuple(replace(layer, weight=None) for layer in network.layers)
    text, tensors = archive.to_document(replace(network, layers=layers))
    return {
        NETWORK_KEY: text,
        WEIGHTS_KEY: json.dumps(dict(weights)),
        TENSORS_KEY: json.dumps([_written(tensor.array) for tensor in tensors]),
    }


def network_of(
    metadata: Mapping[str, str], initializers: Mapping[str, NDArray[np.generic]]
) -> QuantNetwork:
    """The network that the metadata tell, with the weights of the model.

    Raises:
        ValueError, KeyError, TypeError: something is missing or does not fit.
    """
    tensors = [_read(item) for item in json.loads(metadata[TENSORS_KEY])]
    named = {archive.tensor_name(index): array for index, array in enumerate(tensors)}
    network = archive.from_document(metadata[NETWORK_KEY], named)
    if not isinstance(network, QuantNetwork):
        raise TypeError("the metadata hold no quantized network")
    weights = json.loads(metadata[WEIGHTS_KEY])
    layers = tuple(
        _with_weights(layer, initializers[weights[layer.name]]) if layer.name in weights else layer
        for layer in network.layers
    )
    network = replace(network, layers=layers)
    network.verify()
    return network


def _with_weights(layer: QuantLayer, stored: NDArray[np.generic]) -> QuantLayer:
    return replace(layer, weight=Tensor(unarranged(layer.spec, stored)))


def _written(array: NDArray[np.generic]) -> dict[str, object]:
    content = base64.b64encode(array.tobytes()).decode("ascii")
    return {"type": array.dtype.str, "shape": list(array.shape), "content": content}


def _read(item: Mapping[str, str]) -> NDArray[np.generic]:
    kind = np.dtype(item["type"])
    if kind.kind not in "iuf":
        raise ValueError(f"a tensor of {kind}")
    content = base64.b64decode(item["content"], validate=True)
    return np.frombuffer(content, kind).reshape([int(n) for n in item["shape"]])
