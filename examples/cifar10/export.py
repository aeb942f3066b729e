"""A folded network as ONNX, with its 8-bit activation ranges written into the graph."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper
from rounding import INPUT_STEP
from torch import nn

INPUT_NAME = "image"
OUTPUT_NAME = "logits"
OPSET = 18


def export_plain(folded: nn.Sequential) -> onnx.ModelProto:
    """What ``torch.onnx.export`` makes of the network, batch 1, without the exporter's notes."""
    example = torch.zeros(1, 3, 32, 32)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # no word about absent extras
    layers = [name for name, _ in folded.named_children()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own calls are deprecated inside torch
        program = torch.onnx.export(
            folded.to(memory_format=torch.contiguous_format),
            (example,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    model = program.model_proto
    _forget_notes(model)
    _name_after_layers(model.graph, layers)
    return model


def _forget_notes(model: onnx.ModelProto) -> None:
    """Drop traces of where and from which source lines the graph was made."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    del graph.value_info[:]
    graph.name = "cifar10"


def _name_after_layers(graph: onnx.GraphProto, layers: list[str]) -> None:
    """Call nodes and the tensors between them by the names of the torch modules."""
    if len(graph.node) != len(layers):
        raise ValueError(f"{len(graph.node)} nodes exported for {len(layers)} layers")
    renamed = {INPUT_NAME: INPUT_NAME, OUTPUT_NAME: OUTPUT_NAME}
    for node, layer in zip(graph.node, layers, strict=True):
        node.name = layer
        renamed.setdefault(node.output[0], f"{layer}_out")
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed[name] for name in node.output]


def insert_ranges(model: onnx.ModelProto, steps: dict[str, float]) -> onnx.ModelProto:
    """Put a QuantizeLinear/DequantizeLinear pair (int8, zero point 0) behind the input and ReLUs.

    Args:
        model: from ``export_plain``.
        steps: scale of each ReLU's output, by node name.

    Returns:
        A new model with the producer and the graph's interface unchanged.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    del graph.node[:]
    graph.initializer.append(helper.make_tensor("zero_point", TensorProto.INT8, [], [0]))
    rounded = {INPUT_NAME: _append_pair(graph, INPUT_NAME, INPUT_STEP)}
    for original in model.graph.node:
        node = graph.node.add()
        node.CopyFrom(original)
        node.input[:] = [rounded.get(name, name) for name in node.input]
        if node.name in steps:
            rounded[node.output[0]] = _append_pair(graph, node.output[0], steps[node.name])
    onnx.checker.check_model(result, full_check=True)
    return result


def _append_pair(graph: onnx.GraphProto, tensor: str, scale: float) -> str:
    """Round ``tensor`` to 8 bits and back; the name of the result."""
    graph.initializer.append(helper.make_tensor(f"{tensor}_scale", TensorProto.FLOAT, [], [scale]))
    parameters = [f"{tensor}_scale", "zero_point"]
    integers, result = f"{tensor}_int8", f"{tensor}_rounded"
    graph.node.append(
        helper.make_node(
            "QuantizeLinear", [tensor, *parameters], [integers], name=f"{tensor}_quantize"
        )
    )
    graph.node.append(
        helper.make_node(
            "DequantizeLinear", [integers, *parameters], [result], name=f"{tensor}_dequantize"
        )
    )
    return result


def logits_of(model: onnx.ModelProto, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Run the model in onnxruntime, image by image.

    Args:
        model: batch 1.
        inputs: float32 ``[n, 3, 32, 32]`` in chip scale.

    Returns:
        float32 ``[n, 10]``.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Rounding pairs are to be executed as written, not fused into approximate integer kernels.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.concatenate(
        [session.run([OUTPUT_NAME], {INPUT_NAME: image[np.newaxis]})[0] for image in inputs]
    )
