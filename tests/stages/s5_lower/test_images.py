"""Kernel and bias images against worked examples, byte by byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mxdeploy.chip.max78000 import layouts
from mxdeploy.ir.plan import BiasSlot
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from tests import zoo
from tests.builders import build, conv, conv1d, linear


def with_weights(network, *weights, biases=None):
    layers = []
    for index, layer in enumerate(network.layers):
        weight = np.array(weights[index], np.int8).reshape(layer.spec.weight_shape)
        bias = Tensor(np.array(biases[index], np.int8)) if biases else None
        layers.append(replace(layer, weight=Tensor(weight), bias=bias))
    return replace(network, layers=tuple(layers))


def words_of(network) -> dict[int, list[str]]:
    """Processor -> its kernel words from word 0 on, in hexadecimal."""
    program = lower(map_network(network))
    assert all(image.start_word == 0 for image in program.kernels)
    return {
        image.processor: [
            word.tobytes().hex().upper() for word in layouts.packed_to_words(image.words.array)
        ]
        for image in program.kernels
    }


def test_one_dimensional_kernels():
    weights = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]], [[13, 14, 15], [16, 17, 18]]]
    network = with_weights(build((2, 5, 1), [conv1d(3, 3)]), weights)
    assert words_of(network) == {0: ["0D0E0F070809010203"], 1: ["1011120A0B0C040506"]}


def test_two_input_passes():
    """66 channels on 36 processors: channels 0 and 36 share one, 30 has no partner."""
    weights = [[30 * o + c - 64 for c in range(66)] for o in range(5)]
    network = with_weights(build((66, 2, 2), [conv(5, 1)]), weights)
    words = words_of(network)
    assert len(words) == 36
    assert words[0] == ["383E1A20FC02DEE4C0", "00000000000000005C"]
    assert words[30] == ["560038001A00FC00DE", "000000000000000000"]


@pytest.mark.parametrize(
    ("weight_bits", "weights", "words"),
    [
        (
            4,
            [[5, 2, 0, 3, 6, -1, 0, 3, -7], [6, -4, 4, -1, -2, -8, -8, 1, -6]],
            [bytes([101, 194, 64, 243, 230, 143, 128, 19, 169]).hex().upper()],
        ),
        (
            2,
            [
                [0, -2, -2, -1, 0, -2, -1, -2, 1],
                [0, -1, 1, 1, -1, 1, 1, 1, 0],
                [1, -2, -2, 1, -1, -1, 0, -1, 0],
                [1, 1, -2, 1, 0, 0, -2, 1, -1],
                [1, -2, -2, 1, 0, -1, 1, 1, -2],
            ],
            ["506EA6573C368776C1", "010202010003010102"],
        ),
    ],
)
def test_narrow_kernels(weight_bits, weights, words):
    network = build((1, 4, 4), [conv(len(weights), 3, weight_bits=weight_bits)])
    assert words_of(with_weights(network, weights)) == {0: words}


def test_flatten_runs_over_the_pixels_first():
    weights = [[1, 2, 3, 4, 5, 6], [11, 12, 13, 14, 15, 16]]
    network = with_weights(build((2, 3, 1), [linear(2, flatten=True)]), weights)
    # The stream runs from the last byte of a word to its first.
    assert words_of(network) == {0: ["0000000D0C0B030201"], 1: ["000000100F0E060504"]}


def test_flatten_of_channels_that_do_not_fill_the_last_pass():
    """70 channels on 36 processors: what lies in the two places left over gets zero weights."""
    weights = np.arange(1, 141) % 100
    words = words_of(with_weights(build((70, 2, 1), [linear(1, flatten=True)]), weights))
    # Pass = pixel * 2 + half: channel 0 pixel 0, channel 36 pixel 0, channel 0 pixel 1, ...
    assert words[0] == [bytes([0] * 5 + [74, 2, 73, 1]).hex().upper()]
    assert words[35] == [bytes([0] * 5 + [0, 72, 0, 71]).hex().upper()]


def test_layers_side_by_side_share_a_run_and_holes_are_zero():
    plan = map_network(build((1, 8, 8), [conv(1, 3), conv(1, 3)]))
    (image,) = lower(plan).kernels
    assert (image.start_word, image.kernel_words, image.layers) == (0, 5, ("layer0", "layer1"))
    words = layouts.packed_to_words(image.words.array)
    assert not words[1:4].any()
    assert words[0].any()
    assert words[4].any()


def test_layers_far_apart_have_runs_of_their_own():
    plan = map_network(build((1, 8, 8), [conv(1, 3), conv(1, 3)]))
    second = plan.layers[1]
    moved = replace(second, kernels=replace(second.kernels, start_word=8))
    images = lower(replace(plan, layers=(plan.layers[0], moved))).kernels
    assert [(i.start_word, i.kernel_words, i.layers) for i in images] == [
        (0, 1, ("layer0",)),
        (8, 1, ("layer1",)),
    ]


def test_weights_that_do_not_fit_their_width_are_an_error():
    network = build((1, 4, 4), [conv(1, 3, weight_bits=4)])
    plan = map_network(network)
    layer = replace(network.layers[0], weight=Tensor(np.full((1, 1, 3, 3), 8, np.int8)))
    with pytest.raises(ValueError, match="do not fit 4"):
        lower(replace(plan, network=replace(network, layers=(layer,))))


def test_biases_lie_where_the_plan_says():
    network = build((1, 4, 4), [conv(3, 1, bias=True), conv(2, 1, bias=True)])
    biases = [[-1, 2, -128], [127, 5]]
    network = with_weights(network, [1, 1, 1], [1] * 6, biases=biases)
    plan = map_network(network)
    slots = (
        BiasSlot(quadrant=0, start_byte=7, length_bytes=3),
        BiasSlot(quadrant=0, start_byte=12, length_bytes=2),
    )
    layers = tuple(replace(p, bias=slot) for p, slot in zip(plan.layers, slots, strict=True))
    (image,) = lower(replace(plan, layers=layers)).biases
    assert (image.quadrant, image.start_byte) == (0, 7)
    assert image.data.array.tolist() == [255, 2, 128, 0, 0, 127, 5]


def test_program_text(golden):
    golden("program_tiny.txt", lower(map_network(zoo.tiny())).to_text())


def test_lowering_is_deterministic():
    assert lower(map_network(zoo.small())).digest == lower(map_network(zoo.small())).digest


def test_registers_equal_to_their_reset_value_are_not_written():
    program = lower(map_network(zoo.small()))
    assert all(write.value for write in program.configure)
