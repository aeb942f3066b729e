"""Outside judge: memories of recorded programs with real trained weights, byte for byte.

The float weights and biases come from the published models, the placement from the recorded
programs; the images of the lowering must be the bytes that were recorded.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s5_lower.images import bias_images, kernel_images
from tests.stages.s5_lower.recorded import load, plan_of

_WEIGHTS_PHASE, _BIAS_PHASE = 2, 3
_WIDE_SHIFT = {"d-kws20_v3": 3}
"""Exponent by which the weights of the 32-bit last layer are scaled, where it is not 1.

The output shift of a 32-bit layer has no effect, so that it cannot be read from the program.
"""

_BIASES_ROUNDED_DOWN = ("d-mnist", "d-mnist-extrasmall")
"""Programs whose biases were rounded down when they were quantized; the others' to nearest."""


def stores_of(path, phase: int):
    """(quadrant, offset in the quadrant, bytes per store, values) of each run of a phase."""
    with np.load(path) as data:
        values = data["writes_val"]
        columns = ("run_phase", "run_addr", "run_len", "run_size")
        runs = zip(*(data[name].tolist() for name in columns), strict=True)
    position = 0
    for run_phase, address, length, size in runs:
        if run_phase == phase:
            quadrant, offset = divmod(address - mem.QUADRANT_BASE, mem.QUADRANT_STRIDE)
            yield quadrant, offset, size, values[position : position + length]
        position += length


def recorded_kernels(path) -> np.ndarray:
    """Kernel words uint8 (64, 768, 9) as the recorded stores of the packed loader leave them."""
    memory = np.zeros((mem.PROCESSORS, mem.KERNEL_WORDS, mem.KERNEL_WORD_BYTES), np.uint8)
    first = 0
    for quadrant, offset, size, values in stores_of(path, _WEIGHTS_PHASE):
        local, byte = divmod(offset - mem.KERNEL_OFFSET, mem.KERNEL_STRIDE)
        if size == 1:
            first = byte // 4
            continue
        words = values.astype(">u4").view(np.uint8)
        words = words[: len(words) // 9 * 9].reshape(-1, 9)
        processor = quadrant * mem.PROCESSORS_PER_QUADRANT + local
        memory[processor, first : first + len(words)] = words
    return memory


def recorded_biases(path) -> np.ndarray:
    """Bias bytes uint8 (4, 512)."""
    memory = np.zeros((mem.QUADRANTS, mem.BIAS_BYTES), np.uint8)
    for quadrant, offset, _, values in stores_of(path, _BIAS_PHASE):
        first = (offset - mem.BIAS_OFFSET) // 4
        memory[quadrant, first : first + len(values)] = values
    return memory


def float_parameters(path) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Weights (outputs first) and biases of the convolutions and linear layers, in order."""
    graph = onnx.load(path).graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type not in {"Conv", "Gemm", "MatMul"}:
            continue
        tensors = [constants[i] for i in node.input if i in constants]
        weight = next(t for t in tensors if t.ndim > 1)
        outputs_first = node.op_type == "Conv" or any(
            a.name == "transB" and a.i for a in node.attribute
        )
        bias = next((t for t in tensors if t.ndim == 1), None)
        found.append((weight if outputs_first else weight.T, bias))
    return found


def integers(values: np.ndarray, exponent: int, half: float = 0.5) -> np.ndarray:
    scaled = np.floor(values.astype(np.float64) * 2.0**exponent + half)
    return np.clip(scaled, -128, 127).astype(np.int8)


def plan_with_parameters(shared, trace: str, model: str) -> Plan:
    plan = plan_of(load(shared / "traces" / f"{trace}.npz"))
    parameters = float_parameters(shared / "models" / f"{model}.onnx")
    layers = []
    for layer, (weight, bias) in zip(plan.network.layers, parameters, strict=True):
        wide = layer.spec.output_bits != 8
        exponent = 7 - layer.shift + (_WIDE_SHIFT.get(trace, 1) if wide else 0)
        stored = Tensor(integers(weight, exponent).reshape(layer.spec.weight_shape))
        half = 0.0 if trace in _BIASES_ROUNDED_DOWN else 0.5
        added = None if bias is None else Tensor(integers(bias, exponent, half))
        layers.append(replace(layer, weight=stored, bias=added))
    return replace(plan, network=replace(plan.network, layers=tuple(layers)))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("trace", "model", "kernel_bytes"),
    [
        ("d-mnist", "mnist", 71_148),
        ("d-cifar-10", "cifar10", 301_760),
        ("d-kws20_v3", "kws20_v3", 169_472),
        ("d-mnist-extrasmall", "mnist-extrasmall", 2_504),
        ("d-autoencoder", "autoencoder-motor", 136_448),
    ],
)
def test_the_same_memories(shared, trace, model, kernel_bytes):
    path = shared / "traces" / f"{trace}.npz"
    plan = plan_with_parameters(shared, trace, model)
    assert sum(layer.weight.array.size for layer in plan.network.layers) == kernel_bytes
    kernels = np.zeros((mem.PROCESSORS, mem.KERNEL_WORDS, mem.KERNEL_WORD_BYTES), np.uint8)
    for image in kernel_images(plan):
        words = layouts.packed_to_words(image.words.array)
        kernels[image.processor, image.start_word : image.start_word + len(words)] = words
    assert np.array_equal(kernels, recorded_kernels(path))
    biases = np.zeros((mem.QUADRANTS, mem.BIAS_BYTES), np.uint8)
    for image in bias_images(plan):
        data = image.data.array
        biases[image.quadrant, image.start_byte : image.start_byte + data.size] = data
    assert np.array_equal(biases, recorded_biases(path))
