"""What the BatchNormalization nodes of a model file remember of the data it was trained on.

Training keeps the mean and the variance that each channel had in front of such a node. Import folds
both into weights; here they are read from the file, together with a model that shows the same
places for any inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from mxdeploy.stages.s1_import.read import read_model

DoubleArray = NDArray[np.float64]

_EPSILON = 1e-5
"""What the node adds to the variance where it does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchStatistics:
    """One node.

    Attributes:
        mean: float64 (channels,), of what the node reads, over all inputs and positions.
        variance: float64 (channels,), > 0: the node's ``epsilon`` is in it.
        epsilon: what was added.
    """

    mean: DoubleArray
    variance: DoubleArray
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StatisticsModel:
    """A model that shows what its BatchNormalization nodes read.

    Attributes:
        content: ONNX; the inputs are the model's own, the outputs what each of ``nodes`` reads.
        nodes: in the file's order.
    """

    content: bytes
    nodes: tuple[BatchStatistics, ...]


def statistics_model(path: Path) -> StatisticsModel | None:
    """Read the nodes' statistics; None when the file holds none that were trained.

    Args:
        path: a model that import takes.

    Raises:
        UsageError, ModelError: as import does.
    """
    proto, _ = read_model(path)
    graph = proto.graph
    constants = _constants(graph)
    found: list[BatchStatistics] = []
    del graph.output[:]
    for node in list(graph.node):
        statistics = _statistics(node, constants)
        if statistics is None:
            continue
        shown = f"statistics:{len(found)}"
        found.append(statistics)
        graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], [shown]))
        graph.output.append(onnx.ValueInfoProto(name=shown))
    if not found:
        return None
    return StatisticsModel(content=proto.SerializeToString(), nodes=tuple(found))


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    constants = {tensor.name: tensor for tensor in graph.initializer}
    made = [n for n in graph.node if n.op_type == "Constant" and not n.domain]
    return constants | {n.output[0]: a.t for n in made for a in n.attribute if a.name == "value"}


def _statistics(
    node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> BatchStatistics | None:
    """What a node remembers; None for other nodes, and for one that was never trained."""
    if node.op_type != "BatchNormalization" or node.domain or node.input[0] in constants:
        return None
    tensors = [constants.get(name) for name in node.input[3:5]]
    mean, variance = (
        None if t is None else numpy_helper.to_array(t).astype(np.float64) for t in tensors
    )
    if mean is None or variance is None:
        return None
    if not (mean.any() or (variance != 1).any()):
        return None
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), _EPSILON)
    return BatchStatistics(mean=mean, variance=variance + epsilon, epsilon=epsilon)
