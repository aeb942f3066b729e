"""Validations made by hand."""

from __future__ import annotations

import numpy as np

from mxdeploy.accuracy import Accuracy, PairedComparison
from mxdeploy.link.protocol.client import Identity, Statistics
from mxdeploy.validation.result import Difference, Durations, Validation

IDENTITY = Identity(
    network="ab" * 32, program="cd" * 32, input_shape=(3, 8, 8), layers=2, outputs=1,
    timer_hz=50_000_000, cycles=50_000, cnn_hz=50_000_000, input_room=192, board="max78000fthr",
    compiler="GCC 12",
)  # fmt: skip
STATISTICS = Statistics(
    runs=4, load_ticks_min=1, load_ticks_max=2, cnn_ticks_min=3, cnn_ticks_max=4, frames=20,
    dropped=1, repeated=2, overruns=0,
)  # fmt: skip


def layer_difference(shape: tuple[int, int, int] = (4, 40, 50)) -> Difference:
    """Channel 2, row 37, column 41 is the first of two elements that differ."""
    expected = np.arange(int(np.prod(shape))).reshape(shape).astype(np.int8)
    found = expected.copy()
    found[2, 37, 41] ^= 0x10
    found[3, 0, 0] ^= 1
    return Difference(
        input=7, value="y1", layer=1, layer_name="conv <2>", expected=expected, found=found
    )


def output_difference() -> Difference:
    """Element 3 of ten scores."""
    expected = np.arange(-5, 5, dtype=np.int32).reshape(10, 1, 1) * 1000
    found = expected.copy()
    found[3] += 1
    return Difference(
        input=7, value="scores", layer=None, layer_name="", expected=expected, found=found
    )


def validation(
    unequal: tuple[int, ...] = (),
    output: Difference | None = None,
    layer: Difference | None = None,
) -> Validation:
    """Four inputs at 1 ms each, 0.25 ms of load, in half a second."""
    return Validation(
        port="socket://localhost:1", identity=IDENTITY, source="file.npz:x", inputs=4,
        unequal=unequal, output=output, layer=layer, layers_compared=0 if layer is None else 2,
        accuracy={"board": Accuracy(correct=3, total=4), "integer": Accuracy(correct=4, total=4)},
        paired=PairedComparison(total=4, changed=1, gained=0, lost=1),
        cnn=Durations(microseconds=(1000.0, 1010.0, 1010.0, 1030.0)),
        load=Durations(microseconds=(250.0,) * 4),
        estimate_us=1000.0, seconds=0.5, statistics=STATISTICS, repeats=3,
    )  # fmt: skip
