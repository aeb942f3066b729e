"""The rules for single layers, each with a layer on either side of the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mxdeploy.ops.layer import Activation, Eltwise, EltwiseFunction, Kind
from mxdeploy.stages.s4_map.rules import layer_findings
from tests.builders import average_pool, build, conv, conv1d, linear, max_pool, passthrough


def layer(shape, draft):
    return build(shape, [draft]).layers[0]


def codes(layer) -> list[str]:
    return [finding.code for finding in layer_findings(layer)]


@pytest.mark.parametrize(
    ("shape", "draft"),
    [
        ((1024, 1, 1), linear(1024)),
        ((1, 1023, 1), conv1d(1, 1)),
        ((1, 4, 4), conv(1, 3, 2)),
        ((1, 16, 16), conv(1, 1, pool=max_pool(16))),
        ((1, 9, 1), conv1d(1, 9)),
        ((64, 16, 16), linear(3, flatten=True)),
        ((65, 4, 4), passthrough(max_pool(4))),
        ((1, 4, 4), conv(1, 3, shift=15)),
        ((192, 2, 1000), conv(1, 3, 1)),
    ],
)
def test_legal(shape, draft):
    assert codes(layer(shape, draft)) == []


@pytest.mark.parametrize(
    ("shape", "draft", "wanted"),
    [
        ((1025, 1, 1), linear(4), "MX2040"),
        ((1, 1024, 1), conv1d(1, 1), "MX2041"),
        ((65, 16, 16), linear(3, flatten=True), "MX2042"),
        ((1, 1022, 1), conv1d(1, 3, 2, pool=max_pool(2, 1)), "MX4005"),
        ((1, 40, 40), conv(1, 1, pool=max_pool(17)), "MX4005"),
        ((1, 40, 40), conv(1, 1, pool=average_pool(2, stride=17)), "MX4005"),
        ((1, 20, 1), conv1d(1, 10), "MX4005"),
        ((1, 20, 20), conv(1, 5), "MX4005"),
        ((1, 20, 20), conv(1, 1, 1), "MX4005"),
        ((1, 20, 20), conv(1, 3, 3), "MX4005"),
        ((256, 2, 1000), conv(1, 3, 1), "MX4005"),
        ((1, 4, 4), linear(4, flatten=True, pool=max_pool(2)), "MX4006"),
        ((65, 4, 4), passthrough(max_pool(2)), "MX4006"),
        ((1, 4, 4), conv(1, 1, activation=Activation.RELU, output_bits=32), "MX4006"),
    ],
)
def test_illegal(shape, draft, wanted):
    assert wanted in codes(layer(shape, draft))


def test_pass_through_does_not_compute():
    copy = layer((4, 4, 4), passthrough())
    assert codes(copy) == []
    assert codes(replace(copy, shift=1)) == ["MX4006"]
    relu = replace(copy.spec, activation=Activation.RELU)
    assert codes(replace(copy, spec=relu)) == ["MX4006"]
    fewer = replace(copy.spec, out_channels=3)
    assert codes(replace(copy, spec=fewer)) == ["MX4006"]


def test_linear_reads_one_pixel_unless_it_flattens():
    one = layer((4, 1, 1), linear(3))
    assert codes(one) == []
    assert codes(replace(one, spec=replace(one.spec, in_size=(2, 1)))) == ["MX4005"]


def combined(shape, draft, operands, *, pool_first=True):
    """A layer that combines operands of ``shape`` on the way in."""
    one = layer(shape, draft)
    eltwise = Eltwise(function=EltwiseFunction.ADD, pool_first=pool_first)
    spec = replace(one.spec, eltwise=eltwise, operands=operands)
    return replace(one, spec=spec, inputs=("x",) * operands)


@pytest.mark.parametrize(
    ("shape", "draft", "operands", "pool_first"),
    [
        ((64, 4, 4), passthrough(), 16, True),
        ((64, 4, 4), conv(3, 3, 1), 16, True),
        ((64, 1, 1), linear(3), 3, True),
        ((1024, 4, 4), passthrough(), 16, True),
        ((128, 4, 4), conv(3, 3, pool=max_pool(2, stride=1)), 2, True),
        ((64, 4, 4), passthrough(max_pool(2)), 2, False),
        ((64, 4, 4), passthrough(max_pool(2)), 16, True),
        ((128, 4, 4), passthrough(max_pool(4)), 2, True),
    ],
)
def test_operands_that_can_be_combined(shape, draft, operands, pool_first):
    assert codes(combined(shape, draft, operands, pool_first=pool_first)) == []


@pytest.mark.parametrize(
    ("shape", "draft", "operands", "pool_first", "wanted"),
    [
        ((4, 4, 4), passthrough(), 1, True, ["MX2070"]),
        ((4, 4, 4), passthrough(), 17, True, ["MX2070"]),
        ((4, 9, 1), conv1d(3, 3), 2, True, ["MX2072"]),
        ((4, 4, 4), linear(3, flatten=True), 2, True, ["MX2072"]),
        ((64, 4, 4), passthrough(max_pool(2)), 3, False, ["MX2070"]),
        ((129, 4, 4), conv(3, 3), 2, True, ["MX2071"]),
        ((128, 4, 4), conv(3, 3), 3, True, ["MX2071"]),
        ((129, 4, 4), passthrough(max_pool(4)), 2, True, ["MX2071"]),
        ((128, 4, 4), passthrough(max_pool(2)), 2, True, ["MX2071", "MX4006"]),
    ],
)
def test_operands_that_cannot_be_combined(shape, draft, operands, pool_first, wanted):
    assert codes(combined(shape, draft, operands, pool_first=pool_first)) == wanted


def test_several_operands_without_a_function():
    one = layer((4, 4, 4), conv(3, 3))
    assert codes(replace(one, spec=replace(one.spec, operands=2))) == ["MX2070"]


def transposed(shape, **changes):
    """A transposed convolution: twice the rows and columns."""
    one = layer(shape, conv(1, 3, 1))
    return replace(one, spec=replace(one.spec, kind=Kind.CONV_TRANSPOSE2D, **changes))


def test_transposed_convolution():
    assert codes(transposed((1, 4, 4))) == []
    assert codes(transposed((1, 511, 4))) == []
    assert codes(transposed((1, 512, 4))) == ["MX2041", "MX4005"]
    pooled = transposed((1, 4, 4), pool=max_pool(2))
    assert codes(pooled) == ["MX4006"]


def test_shift_of_four_bits():
    one = layer((1, 4, 4), conv(1, 3))
    assert codes(replace(one, shift=-15)) == []
    assert codes(replace(one, shift=-16)) == ["MX4005"]
