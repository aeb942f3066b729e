"""The cycle model against published per-layer estimates and a hand example."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000.latency import (
    FIRMWARE_OVERHEAD_SECONDS,
    LayerShape,
    layer_cycles,
    network_cycles,
    output_cycles,
)

MNIST = (
    LayerShape(
        rows=28, columns=28, output_columns=28, kernel=(3, 3), pad=(1, 1), output_slots=60
    ),
    LayerShape(
        rows=14, columns=14, output_columns=16, kernel=(3, 3), pad=(2, 2), output_slots=60,
        pool=(2, 2),
    ),
    LayerShape(
        rows=8, columns=8, output_columns=8, kernel=(3, 3), pad=(1, 1), output_slots=56,
        pool=(2, 2),
    ),
    LayerShape(
        rows=4, columns=4, output_columns=4, kernel=(3, 3), pad=(1, 1), output_slots=12,
        pool=(2, 2),
    ),
    LayerShape(rows=1, columns=1, output_columns=1, passes=16, output_slots=10),
)  # fmt: skip


def test_hand_example():
    assert layer_cycles(MNIST[0]) == 48_956


def test_mnist_is_what_silicon_was_measured_at():
    assert [layer_cycles(layer) for layer in MNIST] == [48_956, 16_664, 4_012, 332, 192]
    cycles = network_cycles(MNIST)
    assert cycles == 70_157
    assert seconds_on_a_board(cycles) == pytest.approx(1410e-6, rel=1e-3)


def seconds_on_a_board(cycles: int) -> float:
    return clocks.cnn_seconds(cycles) + FIRMWARE_OVERHEAD_SECONDS


# Whole networks on boards (Arm core, no streaming): published microseconds, and the cycles that
# the published model gives for the same programs.
BOARDS = {
    "mnist": (1410, 70_157),
    "cifar-10": (1712, 85_265),
    "cifar-100": (2593, 129_319),
    "kws20_v3": (1442, 71_782),
    "cats-vs-dogs": (2549, 127_129),
}


@pytest.mark.parametrize("name", BOARDS)
def test_one_constant_explains_the_boards(name):
    microseconds, cycles = BOARDS[name]
    assert seconds_on_a_board(cycles) == pytest.approx(microseconds * 1e-6, rel=1e-3)


def test_cycles_that_compute_outputs():
    """mnist's first layer: 28 rows of 28 pixels of 60 channels; the rest of 48,956 reads."""
    first = LayerShape(
        rows=28, columns=28, output_columns=28, kernel=(3, 3), pad=(1, 1), output_slots=60
    )
    assert layer_cycles(first) == 48_956
    assert output_cycles(first) == 28 * 28 * 60
    pool = LayerShape(rows=8, columns=8, output_columns=8, pool=(2, 2), passthrough=True)
    assert output_cycles(pool) == 64
    assert layer_cycles(pool) == 64 * (5 + 1)


def shape_of(layer):
    """The model's numbers from a recorded program's description of a layer."""
    rows, columns = layer["pooled_dim"]
    passes, output_columns = layer["in_expand"], layer["hw_out_dim"][1]
    passthrough = layer["hw_operator"] == "passthrough"
    flatten = False
    if layer["flatten"]:
        passes *= layer["in_dim"][0] * layer["in_dim"][1]
        rows = columns = output_columns = 1
        flatten = passes > 16
    elif layer["hw_operator"] == "conv2d" and layer["operator"] == "conv1d":
        rows, columns = layer["hw_in_dim"]  # dilated 1-D on the 2-D hardware
    if layer["hw_operator"] == "convtranspose2d":
        rows, columns = 2 * rows, 2 * columns
    mask = int(layer["processors"], 16)
    slots = (mask >> 16 * q & 0xFFFF for q in range(4))
    # kernels shared with an earlier layer are recorded as none
    kernels = layer["kern_count"] or layer["out_chan"] * passes
    return LayerShape(
        passes=passes,
        operands=layer["operands"],
        pool=tuple(layer["pool"]),
        pool_first=layer["pool_first"],
        rows=rows,
        columns=columns,
        output_columns=output_columns,
        kernel=tuple(layer["hw_kernel"]),
        pad=tuple(layer["hw_pad"]),
        output_slots=kernels // passes,
        time_slots=max(-(-s.bit_count() // 4) for s in slots),
        kernel_offset=layer["kern_offs"],
        passthrough=passthrough,
        output_passes=layer["out_expand"],
        flatten_enabled=flatten,
    )


@pytest.mark.shared
def test_every_recorded_layer(shared):
    judged, wrong = 0, []
    for path in sorted((shared / "traces").glob("*.npz")):
        meta = json.loads(str(np.load(path)["meta"]))
        if "layers" not in meta:
            continue
        published = [abs(cycles) for cycles, _ in meta["latency"]][1:]
        assert len(published) == len(meta["layers"])
        for layer, cycles in zip(meta["layers"], published, strict=True):
            computed = layer_cycles(shape_of(layer))
            if layer["streaming"]:  # recorded as half as much again, whatever the waiting
                computed = -(-3 * computed // 2)
            judged += 1
            if computed != cycles:
                wrong.append(f"{meta['name']} layer {layer['layer']}: {computed}, not {cycles}")
    assert not wrong
    assert judged > 1900
