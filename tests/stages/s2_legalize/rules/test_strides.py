"""Strides in the middle of a network: read, computed and left out, or taken over copies."""

from __future__ import annotations

import pytest

from mxdeploy.ir.network import Network
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts


def strided(
    check: Check,
    kernel: tuple[int, ...],
    attributes: str,
    behind: str = "y = Conv <pads=[1,1,1,1]> (r, u)",
    channels: tuple[int, int] = (8, 16),
) -> Network:
    """A strided convolution with Relu between two others."""
    inner, outer = channels
    weights = {
        "v": random(inner, 3, 1, 1, seed=1), "w": random(outer, inner, *kernel, seed=2),
        "b": random(outer, seed=3), "u": random(4, outer, 3, 3, seed=4),
    }  # fmt: skip
    nodes = f"g = Conv(x, v) h = Relu(g) c = Conv <{attributes}> (h, w, b) r = Relu(c) {behind}"
    return check(model(nodes, inputs="float[1,3,12,12] x", weights=weights))


@pytest.mark.parametrize("step", [2, 3, 4, 7])
def test_a_single_tap_reads_every_pixel_it_needs(check: Check, step: int) -> None:
    network = strided(check, (1, 1), f"strides=[{step},{step}]")
    assert texts(network)[1] == f"max 1x1/{step}, conv2d 1x1 pad 0, relu"
    assert "stride-before" in rules(network)


def test_dilation_by_the_stride_reads_every_pixel_it_needs(check: Check) -> None:
    network = strided(check, (3, 3), "strides=[2,2], dilations=[2,2], pads=[2,2,2,2]")
    assert texts(network)[1] == "max 1x1/2, conv2d 3x3 pad 1, relu"


@pytest.mark.parametrize(("kernel", "pads"), [((3, 3), [1, 1, 1, 1]), ((2, 2), [0, 0, 0, 0])])
def test_the_reader_takes_every_second_pixel(
    check: Check, kernel: tuple[int, int], pads: list[int]
) -> None:
    network = strided(check, kernel, f"strides=[2,2], pads={pads}")
    assert texts(network)[1:] == [
        "conv2d 3x3 pad 1, relu", "max 1x1/2, conv2d 3x3 pad 1, 32-bit output",
    ]  # fmt: skip
    text = next(r.text for r in network.rewrites if r.rule == "stride-behind")
    assert "stride 2x2" in text
    assert "every 2nd pixel" in text
    assert "about 4 times" in text


def test_tensorflows_padding_takes_another_layer(check: Check) -> None:
    """Zeros only behind: the first pixels that are kept must not see any."""
    network = strided(check, (3, 3), "strides=[2,2], pads=[0,0,1,1]")
    assert texts(network)[1:3] == ["conv2d 3x3 pad 2", "conv2d 3x3 pad 0, relu"]


def test_a_pooling_behind_is_another_layer(check: Check) -> None:
    network = strided(
        check, (3, 3), "strides=[2,2], pads=[1,1,1,1]",
        "p = MaxPool <kernel_shape=[3,3], strides=[2,2]> (r) y = Conv <pads=[1,1,1,1]> (p, u)",
    )  # fmt: skip
    assert texts(network)[2:] == ["max 1x1/2", "max 3x3/2, conv2d 3x3 pad 1, 32-bit output"]


def test_every_nth_pixel_of_a_pooling_is_a_pooling(check: Check) -> None:
    weights = {"v": random(8, 3, 1, 1, seed=1), "w": random(4, 8, 1, 1, seed=2)}
    network = check(
        model(
            "g = Conv(x, v) h = Relu(g) p = MaxPool <kernel_shape=[3,3], strides=[1,1]> (h) "
            "y = Conv <strides=[2,2]> (p, w)",
            inputs="float[1,3,12,12] x", weights=weights,
        )
    )  # fmt: skip
    assert texts(network)[1] == "max 3x3/2, conv2d 1x1 pad 0, 32-bit output"


def test_few_inputs_are_copied_and_read_at_the_stride(check: Check) -> None:
    network = strided(check, (3, 3), "strides=[2,2], pads=[1,1,1,1]", channels=(2, 64))
    assert texts(network)[1:3] == ["conv2d 3x3 pad 1", "max 1x1/2, conv2d 3x3 pad 1, relu"]
    assert specs(network)[1].out_channels == 8


def test_a_shortcut_and_its_block_read_the_same_map(check: Check) -> None:
    """The first block of a stage of a residual network: one layer subsamples both, side by side."""
    weights = {
        "v": random(8, 3, 1, 1, seed=1), "w": random(16, 8, 3, 3, seed=2),
        "u": random(16, 16, 3, 3, seed=3), "t": random(16, 8, 1, 1, seed=4),
    }  # fmt: skip
    network = check(
        model(
            "g = Conv(x, v) h = Relu(g) "
            "a = Conv <pads=[1,1,1,1], strides=[2,2]> (h, w) r = Relu(a) "
            "b = Conv <pads=[1,1,1,1]> (r, u) s = Conv <strides=[2,2]> (h, t) "
            "z = Add(b, s) y = Relu(z)",
            inputs="float[1,3,12,12] x", weights=weights,
        )
    )  # fmt: skip
    assert texts(network) == [
        "conv2d 1x1 pad 0, relu", "conv2d 3x3 pad 1, relu", "max 1x1/2, conv2d 3x3 pad 1, relu",
    ]  # fmt: skip


def test_several_readers_all_take_every_second_pixel(check: Check) -> None:
    weights = {
        "v": random(8, 3, 1, 1, seed=1), "w": random(8, 8, 3, 3, seed=2),
        "u": random(4, 8, 3, 3, seed=3), "s": random(4, 8, 1, 1, seed=4),
    }  # fmt: skip
    network = check(
        model(
            "g = Conv(x, v) h = Relu(g) "
            "a = Conv <pads=[1,1,1,1], strides=[2,2]> (h, w) r = Relu(a) "
            "b = Conv <pads=[1,1,1,1]> (r, u) c = Conv(r, s)",
            inputs="float[1,3,12,12] x", outputs="b, c", weights=weights,
        )
    )  # fmt: skip
    assert [t for t in texts(network) if "1x1/2" in t] == [
        "max 1x1/2, conv2d 3x3 pad 1, 32-bit output", "max 1x1/2, conv2d 1x1 pad 0, 32-bit output",
    ]  # fmt: skip


@pytest.mark.parametrize("taps", [1, 3, 4, 9])
def test_sequences(check: Check, taps: int) -> None:
    weights = {
        "v": random(4, 3, 1, seed=1), "w": random(6, 4, taps, seed=2), "u": random(2, 6, 1),
    }  # fmt: skip
    check(
        model(
            "g = Conv(x, v) h = Relu(g) c = Conv <strides=[2]> (h, w) r = Relu(c) y = Conv(r, u)",
            inputs="float[1,3,30] x", weights=weights,
        )
    )  # fmt: skip


def test_a_strided_output_is_a_layer(check: Check) -> None:
    network = strided(check, (3, 3), "strides=[2,2], pads=[1,1,1,1]", "y = Abs(r)")
    assert texts(network)[-1] == "max 1x1/2"
