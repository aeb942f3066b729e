"""Averages that do not count their padding."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.conftest import Check, rules, specs
from tests.stages.s2_legalize.float_evaluator import evaluate

CONV = {"w": random(4, 3, 1, 1, seed=1), "u": random(5, 4, 3, 3, seed=2)}


@pytest.mark.parametrize(
    ("attributes", "copies"),
    [
        ("kernel_shape=[3,3], pads=[1,1,1,1]", 9),
        ("kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]", 4),  # of 10 rows: only in front
        ("kernel_shape=[2,2], strides=[3,3], ceil_mode=1", 4),  # the last of 4 windows is cut
        ("kernel_shape=[3,3], strides=[3,3], pads=[1,0,1,0]", 3),
        ('kernel_shape=[4,4], strides=[4,4], auto_pad="SAME_UPPER"', 9),
        ("kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1, count_include_pad=1", 4),
    ],
)
def test_the_border_is_corrected(check: Check, attributes: str, copies: int) -> None:
    proto = model(
        f"h = Conv(x, w) a = Abs(h) p = AveragePool <{attributes}> (a) y = Conv (p, u)",
        inputs="float[1,3,10,10] x", weights=CONV,
    )  # fmt: skip
    network = check(proto)
    assert all(r.exact for r in network.rewrites)
    assert max(s.out_channels for s in specs(network)) == max(4 * copies, 5)


def test_sequences(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) a = Abs(h) y = AveragePool <kernel_shape=[3], pads=[1,1]> (a)",
        inputs="float[1,3,10] x", weights={"w": random(4, 3, 1)},
    )  # fmt: skip
    network = check(proto)
    assert "correct-average-border" in rules(network)
    assert [s.out_channels for s in specs(network)] == [4, 4, 12, 4]


@pytest.mark.parametrize(
    ("channels", "attributes"),
    [
        (4, "kernel_shape=[5,5], pads=[2,2,2,2]"),  # two rows at every side
        (40, "kernel_shape=[3,3], pads=[1,1,1,1]"),  # too many weights
    ],
)
def test_otherwise_the_padding_counts(tmp_path: Path, channels: int, attributes: str) -> None:
    proto = model(
        f"h = Conv(x, w) a = Abs(h) y = AveragePool <{attributes}> (a)",
        inputs="float[1,3,9,9] x", weights={"w": random(channels, 3, 1, 1)},
    )  # fmt: skip
    network = legalize(import_onnx(save(proto, tmp_path)))
    x = random(1, 3, 9, 9, seed=4)
    found, wanted = evaluate(network, x[0])[0], run(proto, x)[0][0]
    (note,) = [r for r in network.rewrites if not r.exact]
    side = int(attributes[len("kernel_shape=[")])
    size, pad = (side, side), side // 2
    inside = np.pad(np.ones((9, 9)), pad)
    windows = np.lib.stride_tricks.sliding_window_view(inside, size)
    share = windows.mean(axis=(2, 3))
    np.testing.assert_allclose(found, wanted * share, atol=1e-5)
    least = share.min()
    assert note.rule == "count-average-padding"
    assert f"down to {least:.0%}" in note.text
    assert least == (pad + 1) ** 2 / prod(size)
