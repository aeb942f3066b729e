"""Pooling in flight, as a layer of its own, global, and refused."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ops.layer import PoolKind
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs, texts

CONV = {"w": random(4, 3, 3, 3, seed=1), "u": random(5, 4, 3, 3, seed=2)}


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ("kernel_shape=[2,2], strides=[2,2]", "2x2/2"),
        ("kernel_shape=[3,3], strides=[2,2]", "3x3/2"),
        ("kernel_shape=[2,3], strides=[1,1]", "2x3/1"),
        ("kernel_shape=[4,1]", "4x1/1"),
        ("kernel_shape=[2,2], strides=[2,2], ceil_mode=1", "2x2/2"),
    ],
)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_poolings_are_done_while_reading(
    check: Check, kind: str, attributes: str, text: str
) -> None:
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) r = Relu(h) p = {kind} <{attributes}> (r) "
        "y = Conv <pads=[1,1,1,1]> (p, u)",
        weights=CONV,
    )
    network = check(proto)
    name = "max" if kind == "MaxPool" else "average"
    assert texts(network)[1] == f"{name} {text}, conv2d 3x3 pad 1, 32-bit output"
    assert network.nodes[1].origin[0].startswith(kind)


def test_a_pooled_input_is_pooled_by_the_first_layer(check: Check) -> None:
    network = check(model("p = MaxPool <kernel_shape=[2,2]> (x) y = Conv(p, w)", weights=CONV))
    assert texts(network) == ["max 2x2/1, conv2d 3x3 pad 0, 32-bit output"]


def test_1d_pooling(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) p = AveragePool <kernel_shape=[3], strides=[2]> (h) y = Conv(p, u)",
        inputs="float[1,3,30] x",
        weights={"w": random(4, 3, 3, seed=1), "u": random(5, 4, 5, seed=2)},
    )
    assert texts(check(proto))[1] == "average 3x1/2, conv1d 5x1 pad 0, 32-bit output"


@pytest.mark.parametrize(
    "pool",
    [
        "GlobalAveragePool (r)",
        "GlobalMaxPool (r)",
        "AveragePool <kernel_shape=[6,6], strides=[6,6]> (r)",
        "AveragePool <kernel_shape=[4,6], strides=[3,1]> (r)",
    ],
)
def test_a_linear_layer_behind_a_pooling_to_one_pixel(check: Check, pool: str) -> None:
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = {pool} f = Flatten(p) y = Gemm <transB=1> (f, m)",
        weights={**CONV, "m": random(5, 4, seed=3)},
    )
    network = check(proto)
    spec = specs(network)[1]
    assert len(network.nodes) == 2
    assert (spec.kind, spec.pooled_size, spec.flatten) == ("conv2d", (1, 1), False)


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize(("opset", "axes"), [(17, "attribute"), (18, "input")])
def test_reductions_over_pixels_are_poolings(
    check: Check, keep: int, opset: int, axes: str
) -> None:
    call = (
        f"ReduceMean <axes=[2,3], keepdims={keep}> (h)"
        if axes == "attribute"
        else f"ReduceMean <keepdims={keep}> (h, a)"
    )
    proto = model(
        f"h = Conv(x, w) p = {call} f = Flatten(p) y = MatMul(f, m)",
        weights={**CONV, "m": random(4, 5, seed=3), "a": np.array([-1, -2], np.int64)},
        opset=opset,
    )
    network = check(proto)
    assert texts(network)[1] == "average 6x6/1, conv2d 1x1 pad 0, 32-bit output"


@pytest.mark.parametrize(
    "end", ["y = GlobalAveragePool(c)", "p = GlobalAveragePool(c) r = Relu(p) y = Conv(r, v2)"]
)
def test_an_average_behind_a_1x1_convolution_is_done_first(check: Check, end: str) -> None:
    """Class scores averaged over the map: one layer, 32-bit sums."""
    proto = model(
        f"h = Conv(x, w) r0 = Relu(h) c = Conv(r0, v, b) {end}",
        weights={
            **CONV, "v": random(5, 4, 1, 1, seed=3), "b": random(5, seed=4),
            "v2": random(2, 5, 1, 1, seed=5),
        },
    )  # fmt: skip
    network = check(proto)
    words = "average 6x6/1, conv2d 1x1 pad 0, " + ("relu" if "Relu" in end else "32-bit output")
    assert texts(network)[1] == words
    assert "average-first" in rules(network)


def test_a_declared_range_keeps_the_order(check: Check) -> None:
    zeros = np.zeros((5, 4, 1, 1), np.float32)
    proto = model(
        "h = Conv(x, w) r = Relu(h) "
        "c = Conv(r, v) q = QuantizeLinear(c, s, z) d = DequantizeLinear(q, s, z) "
        "y = GlobalAveragePool(d)",
        weights={**CONV, "v": zeros, "s": np.array(0.5, np.float32), "z": np.array(0, np.int8)},
    )
    network = check(proto)
    assert texts(network)[1:] == ["conv2d 1x1 pad 0", "average 6x6/1"]


def test_the_largest_pixel(check: Check) -> None:
    proto = model("h = Conv(x, w) p = ReduceMax <axes=[2,3], keepdims=0> (h) y = MatMul(p, m)",
                  weights={**CONV, "m": random(4, 5, seed=3)})  # fmt: skip
    assert texts(check(proto))[1] == "max 6x6/1, conv2d 1x1 pad 0, 32-bit output"


def test_reduction_with_channels_last(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) t = Transpose <perm=[0,2,3,1]> (h) "
        "p = ReduceMean <axes=[1,2], keepdims=0> (t) y = MatMul(p, m)",
        weights={**CONV, "m": random(4, 5, seed=3)},
    )
    assert texts(check(proto))[1] == "average 6x6/1, conv2d 1x1 pad 0, 32-bit output"


def test_pooling_in_front_of_a_flattening_is_a_layer(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (h) f = Flatten(p) "
        "y = MatMul(f, m)",
        weights={**CONV, "m": random(36, 5, seed=3)},
    )
    network = check(proto)
    assert texts(network)[1:] == ["max 2x2/2", "flatten, linear, 32-bit output"]
    assert specs(network)[1].kind == "passthrough"


def test_more_than_64_channels_pass_a_unit_matrix(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (h) f = Flatten(p) "
        "y = MatMul(f, m)",
        weights={"w": random(68, 3, 3, 3), "m": random(612, 5, seed=3)},
    )
    network = check(proto)
    assert texts(network)[1] == "max 2x2/2, conv2d 1x1 pad 0"
    layer = network.nodes[1].op.weight
    assert np.array_equal(layer.array[:, :, 0, 0], np.eye(68))


def test_more_than_64_channels_pass_through_when_one_pixel_is_left(check: Check) -> None:
    proto = model("h = Conv(x, w) y = GlobalMaxPool(h)", weights={"w": random(68, 3, 3, 3)})
    network = check(proto)
    assert specs(network)[1].kind == "passthrough"
    assert specs(network)[1].output_bits == 8


def test_poolings_in_a_row(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) p = MaxPool <kernel_shape=[2,2]> (h) "
        "q = AveragePool <kernel_shape=[2,2], strides=[2,2]> (p) y = Conv(q, v)",
        weights={**CONV, "v": random(5, 4, 1, 1, seed=2)},
    )
    assert texts(check(proto))[1:] == [
        "max 2x2/1",
        "average 2x2/2, conv2d 1x1 pad 0, 32-bit output",
    ]


def test_two_readers_pool_each_for_themselves(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) p = MaxPool <kernel_shape=[2,2]> (h) y = Conv(p, u) z = Conv(p, u)",
        outputs="y, z", weights=CONV,
    )  # fmt: skip
    network = check(proto)
    assert [s.pool is not None and s.pool.kind is PoolKind.MAX for s in specs(network)] == [
        False, True, True,
    ]  # fmt: skip
    assert "pool-layer" not in rules(network)


@pytest.mark.parametrize(
    ("attributes", "code", "found"),
    [
        ("kernel_shape=[2,2], strides=[1,2]", "MX2021", "stride 1x2"),
        ("kernel_shape=[2,2], strides=[17,17]", "MX2021", "stride 17x17"),
        ("kernel_shape=[2,2], dilations=[2,2]", "MX2023", "dilation 2x2"),
    ],
)
def test_poolings_the_chip_does_not_have(
    refuse: Refuse, attributes: str, code: str, found: str
) -> None:
    proto = model(
        f"h = Conv(x, w) p = MaxPool <{attributes}> (h) y = Relu(p)",
        inputs="float[1,3,40,40] x", weights=CONV,
    )  # fmt: skip
    ((where, found_code, what),) = refuse(proto)
    assert (where, found_code) == ("MaxPool(p)", code)
    assert found in what


def test_a_pooling_at_the_end_behind_an_unknown_operator(refuse: Refuse) -> None:
    """Its size is not known; the operator is the only finding."""
    proto = model("a = custom.Thing(x) y = MaxPool <kernel_shape=[2,2]> (a)")
    ((where, code, what),) = refuse(proto)
    assert (where, code) == ("Thing(a)", "MX2001")
    assert "custom.Thing" in what
