"""Channels that are concatenated: joins, what is done to their parts, copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from mxdeploy.ir.network import Network, Range
from mxdeploy.ops.graph import Concat
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, save
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts
from tests.stages.s2_legalize.contract import assert_legal
from tests.stages.s2_legalize.float_evaluator import evaluate

POOL = "<kernel_shape=[2,2], strides=[2,2]>"
TWO = "a0 = Conv(x, w) a = Relu(a0) b0 = Conv(x, v) b = Relu(b0) "
WEIGHTS = {
    "w": random(4, 3, 1, 1, seed=1), "v": random(6, 3, 1, 1, seed=2),
    "u": random(5, 10, 3, 3, seed=3), "o": random(5, 13, 1, 1, seed=4),
    "s": random(4, 4, 1, 1, seed=5), "w6": random(6, 4, 1, 1, seed=6),
    "m": random(10 * 64, 6, seed=6, scale=0.1), "k": random(5, 14, 1, 1, seed=7),
    "scale": random(10, 1, 1, seed=8), "shift": random(10, 1, 1, seed=9),
    "w10": random(10, 3, 1, 1, seed=10), "n": random(10, 4, seed=11),
    "one": np.float32(1).reshape(()), "minus": np.float32(-1).reshape(()),
}  # fmt: skip
OPERANDS = ["conv2d 1x1 pad 0, relu"] * 2


def joins(network: Network) -> list[tuple[str, ...]]:
    """The parts of all joins."""
    return [n.inputs for n in network.nodes if isinstance(n.op, Concat)]


@pytest.mark.parametrize(
    ("nodes", "layers"),
    [
        ("c = Concat <axis=1> (a, b) y = Conv(c, u)", ["conv2d 3x3 pad 0, 32-bit output"]),
        (
            f"c = Concat <axis=1> (a, b) p = MaxPool {POOL} (c) y = Conv(p, u)",
            ["max 2x2/2, conv2d 3x3 pad 0, 32-bit output"],
        ),
        (
            "c = Concat <axis=1> (a, b) f = Flatten(c) y = MatMul(f, m)",
            ["flatten, linear, 32-bit output"],
        ),
        (
            "f = Flatten(a) g = Flatten(b) c = Concat <axis=1> (f, g) y = MatMul(c, m)",
            ["flatten, linear, 32-bit output"],
        ),
        (
            (
                "p = GlobalAveragePool(a) q = GlobalAveragePool(b) c = Concat <axis=1> (p, q) "
                "f = Flatten(c) y = MatMul(f, n)"
            ),
            ["average 8x8/1", "average 8x8/1", "linear, 32-bit output"],
        ),
        (
            "c = Concat <axis=1> (a, b) y = Conv(c, u) z = Conv(c, u2)",
            ["conv2d 3x3 pad 0, 32-bit output", "conv2d 1x1 pad 0, 32-bit output"],
        ),
        ("c = Concat <axis=1> (a, b, x) y = Conv(c, o)", ["conv2d 1x1 pad 0, 32-bit output"]),
    ],
)
def test_a_join_costs_nothing(check: Check, nodes: str, layers: list[str]) -> None:
    weights = {**WEIGHTS, "u2": random(2, 10, 1, 1, seed=12)}
    outputs = "y, z" if "z =" in nodes else "y"
    network = check(model(TWO + nodes, outputs=outputs, weights=weights))
    assert texts(network) == OPERANDS + layers
    assert len(joins(network)) == 1


def test_joins_of_joins(check: Check) -> None:
    """A dense block: every value is a part of all later joins."""
    weights = {"w": WEIGHTS["w"], "k1": random(4, 7, 3, 3, seed=2), "k2": random(4, 11, 3, 3),
               "k3": random(2, 15, 1, 1)}  # fmt: skip
    nodes = (
        "h1 = Conv(x, w) c1 = Concat <axis=1> (x, h1) h2 = Conv <pads=[1,1,1,1]> (c1, k1) "
        "c2 = Concat <axis=1> (c1, h2) h3 = Conv <pads=[1,1,1,1]> (c2, k2) "
        "c3 = Concat <axis=1> (c2, h3) y = Conv(c3, k3)"
    )
    network = check(model(nodes, weights=weights))
    assert joins(network) == [("x", "h1"), ("x", "h1", "h2"), ("x", "h1", "h2", "h3")]
    assert len(texts(network)) == 4


QDQ = "{1}q = QuantizeLinear({0}, {2}, zero) {1} = DequantizeLinear({1}q, {2}, zero) "


def unfused(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The output as the model says it; onnxruntime's optimizer computes in integers of its own."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize("last", ["c = Concat <axis=1> (p, q) y = Conv(c, u)",
                                  "e = Add(p, r) t = Relu(e) y = Conv(t, k6)"])  # fmt: skip
def test_parts_that_declare_different_scales(tmp_path: Path, last: str) -> None:
    """The integers are those of the model, although one scale serves all parts."""
    weights = {
        **WEIGHTS, "zero": np.array(0, np.int8), "s1": np.float32(1 / 64), "s2": np.float32(3 / 64),
        "v6": random(4, 4, 1, 1, seed=20), "k6": random(3, 4, 1, 1, seed=21),
    }  # fmt: skip
    nodes = (
        f"a0 = Conv(x, w) a = Relu(a0) {QDQ.format('a', 'p', 's1')} b0 = Conv(p, w6) b = Relu(b0) "
        f"{QDQ.format('b', 'q', 's2')} d0 = Conv(p, v6) d = Relu(d0) {QDQ.format('d', 'r', 's2')} "
    )
    proto = model(nodes + last, weights=weights)
    network = legalize(import_onnx(save(proto, tmp_path)))
    assert_legal(network)
    (parts,) = joins(network)
    declared = [network.value(name).declared for name in parts]
    assert declared == [Range(scale=float(np.float32(3 / 64)))] * 2
    x = random(1, 3, 8, 8, seed=3, scale=2.0)
    found = evaluate(network, x[0], rounded=True)[0]
    # A sum in another order falls to the other side of a rounding step here and there.
    different = np.abs(found - unfused(proto, x)[0]) > 1e-4
    assert different.mean() < 0.05


def test_a_part_that_stands_twice_is_read_once(check: Check) -> None:
    weights = {**WEIGHTS, "o2": random(5, 18, 3, 3, seed=3), "o3": random(2, 8, 1, 1)}
    nodes = "c = Concat <axis=1> (a, b, a, a) y = Conv(c, o2)"
    network = check(model(TWO + nodes, weights=weights))
    assert joins(network) == [("a", "b")]
    same = check(model("a = Conv(x, w) c = Concat <axis=1> (a, a) y = Conv(c, o3)",
                       weights=weights))  # fmt: skip
    assert joins(same) == []
    assert len(texts(same)) == 2


@pytest.mark.parametrize(
    ("function", "suffix"),
    [("Relu(c)", ", relu"), ("Clip(c, minus, one)", ""), ("Abs(c)", ", abs")],
)
def test_a_function_of_a_join_belongs_to_its_parts(
    check: Check, function: str, suffix: str
) -> None:
    nodes = (
        f"a = Conv(x, w) b = Conv(x, v) c = Concat <axis=1> (a, b) r = {function} y = Conv(r, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [f"conv2d 1x1 pad 0{suffix}"] * 2 + ["conv2d 3x3 pad 0, 32-bit output"]


def test_scales_of_a_join_belong_to_its_parts(check: Check) -> None:
    nodes = (
        "a = Conv(x, w) b = Conv(x, v) c = Concat <axis=1> (a, b) q = Mul(c, scale) "
        "p = Add(q, shift) r = Relu(p) y = Conv(r, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [*OPERANDS, "conv2d 3x3 pad 0, 32-bit output"]


def test_a_function_of_shared_parts_stays_behind(check: Check) -> None:
    """As in a dense block with normalization in front of every convolution."""
    nodes = (
        TWO + "c = Concat <axis=1> (a, b) q = Mul(c, scale) p = Add(q, shift) r = Relu(p) "
        "y = Conv(r, u) d = Concat <axis=1> (a, b, x) z = Conv(d, o)"
    )
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert texts(network) == [
        *OPERANDS,
        "conv2d 1x1 pad 0, relu",
        "conv2d 3x3 pad 0, 32-bit output",
        "conv2d 1x1 pad 0, 32-bit output",
    ]


def test_a_pooled_join_that_is_joined_again(check: Check) -> None:
    nodes = (
        f"a = Conv(x, w) b = Conv(x, v) c = Concat <axis=1> (a, b) p = MaxPool {POOL} (c) "
        f"e0 = Conv(p, w10b) e = Relu(e0) d = Concat <axis=1> (p, e) y = Conv(d, k)"
    )
    weights = {**WEIGHTS, "w10b": random(4, 10, 1, 1, seed=3)}
    network = check(model(nodes, weights=weights))
    assert texts(network)[2:4] == ["max 2x2/2"] * 2
    assert [len(j) for j in joins(network)] == [2, 3]


def test_parts_that_are_pooled_alike_are_pooled_by_their_reader(check: Check) -> None:
    nodes = TWO + (
        f"p = MaxPool {POOL} (a) q = MaxPool {POOL} (b) c = Concat <axis=1> (p, q) y = Conv(c, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [*OPERANDS, "max 2x2/2, conv2d 3x3 pad 0, 32-bit output"]
    assert joins(network) == [("a", "b")]
    other = nodes.replace(f"q = MaxPool {POOL}", f"q = AveragePool {POOL}")
    assert len(texts(check(model(other, weights=WEIGHTS)))) == 5


def test_a_join_as_an_operand(check: Check) -> None:
    nodes = TWO + "e0 = Conv(x, w10) e = Relu(e0) c = Concat <axis=1> (a, b) q = Add(c, e) "
    network = check(model(nodes + "y = Conv(q, u)", weights=WEIGHTS))
    assert texts(network) == [
        *OPERANDS, "conv2d 1x1 pad 0, relu", "conv2d 1x1 pad 0",
        "add 2, conv2d 3x3 pad 0, 32-bit output",
    ]  # fmt: skip


def test_a_pooled_join_as_an_operand(check: Check) -> None:
    nodes = (
        TWO + f"e0 = Conv(x, w10) e = Relu(e0) f = AveragePool {POOL} (e) "
        f"c = Concat <axis=1> (a, b) p = MaxPool {POOL} (c) y = Add(p, f)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert "max 2x2/2, conv2d 1x1 pad 0" in texts(network)


def test_wide_joins_have_their_parts_for_themselves(check: Check) -> None:
    """Two passes: a part that is read by others is copied, and so is the input."""
    weights = {"w": random(40, 3, 1, 1, seed=1), "v": random(40, 40, 1, 1, seed=2),
               "u": random(2, 83, 1, 1, seed=3)}  # fmt: skip
    nodes = "a = Conv(x, w) b = Conv(a, v) c = Concat <axis=1> (a, b, x) y = Conv(c, u)"
    network = check(model(nodes, weights=weights))
    assert texts(network) == ["conv2d 1x1 pad 0", "conv2d 1x1 pad 0", "copy", "copy",
                              "conv2d 1x1 pad 0, 32-bit output"]  # fmt: skip
    (parts,) = joins(network)
    assert parts == ("a.copy", "b", "x.copy")


def test_parts_of_two_passes_are_not_passed_through(check: Check) -> None:
    weights = {"w": random(100, 3, 1, 1, seed=1), "v": random(8, 100, 1, 1, seed=2),
               "u": random(2, 108, 1, 1, seed=3)}  # fmt: skip
    nodes = "a = Conv(x, w) b = Conv(a, v) c = Concat <axis=1> (a, b) y = Conv(c, u)"
    network = check(model(nodes, weights=weights))
    assert texts(network)[2] == "conv2d 1x1 pad 0"
    assert joins(network) == [("a.copy", "b")]
    pooled = check(
        model(
            "a = Conv(x, w) p = GlobalAveragePool(a) q = GlobalMaxPool(a) "
            "c = Concat <axis=1> (p, q) y = Conv(c, u)",
            weights={**weights, "u": random(2, 200, 1, 1)},
        )
    )
    assert texts(pooled)[1:3] == ["average 8x8/1, conv2d 1x1 pad 0", "max 8x8/1, conv2d 1x1 pad 0"]


def test_parts_change_places_to_save_a_pass(check: Check) -> None:
    widths = {"a": 40, "b": 48, "c": 16, "d": 24}
    weights = {f"k{n}": random(w, 3, 1, 1, seed=w) for n, w in widths.items()}
    convs = " ".join(f"{n} = Conv(x, k{n})" for n in widths)
    nodes = f"{convs} j = Concat <axis=1> (a, b, c, d) y = Conv(j, u)"
    network = check(model(nodes, weights={**weights, "u": random(2, 128, 1, 1)}))
    (parts,) = joins(network)
    assert "reorder-parts" in rules(network)
    assert {frozenset(parts[:2]), frozenset(parts[2:])} == {frozenset("ad"), frozenset("bc")}


def test_flattened_maps_of_different_sizes(check: Check) -> None:
    weights = {**WEIGHTS, "m2": random(4 * 64 + 6 * 16, 5, seed=3, scale=0.1), "b2": random(5)}
    nodes = (
        TWO + f"p = MaxPool {POOL} (b) f = Flatten(a) g = Flatten(p) c = Concat <axis=1> (f, g) "
        "y0 = Gemm(c, m2, b2) y = Relu(y0)"
    )
    network = check(model(nodes, weights=weights))
    assert texts(network) == [*OPERANDS, "max 2x2/2", "flatten, linear", "flatten, linear",
                              "add 2, conv2d 1x1 pad 0, relu"]  # fmt: skip


def test_joins_of_transposed_maps(check: Check) -> None:
    nodes = (
        TWO + "ta = Transpose <perm=[0,2,3,1]> (a) tb = Transpose <perm=[0,2,3,1]> (b) "
        "c = Concat <axis=3> (ta, tb) n2 = Transpose <perm=[0,3,1,2]> (c) y = Conv(n2, u)"
    )
    assert texts(check(model(nodes, weights=WEIGHTS)))[2:] == ["conv2d 3x3 pad 0, 32-bit output"]


def test_sequences(check: Check) -> None:
    weights = {"w": random(4, 3, 3, seed=1), "v": random(2, 3, 3, seed=2), "u": random(5, 6, 3)}
    nodes = "a = Conv(x, w) b = Conv(x, v) c = Concat <axis=1> (a, b) y = Conv(c, u)"
    network = check(model(nodes, inputs="float[1,3,20] x", weights=weights))
    assert texts(network) == ["conv1d 3x1 pad 0"] * 2 + ["conv1d 3x1 pad 0, 32-bit output"]


@pytest.mark.parametrize("axis", [2, 3])
def test_rows_are_not_joined(refuse: Refuse, axis: int) -> None:
    weights = {**WEIGHTS, "u": random(2, 4, 1, 1)}
    nodes = f"a = Conv(x, w) b = Conv(x, s3) c = Concat <axis={axis}> (a, b) y = Conv(c, u)"
    weights["s3"] = random(4, 3, 1, 1, seed=20)
    ((where, code, what),) = refuse(model(nodes, weights=weights))
    assert (where, code) == ("Concat(c)", "MX2003")
    assert f"axis {axis - 1}" in what


def test_a_join_that_the_cpu_reads_behind_another_function(check: Check) -> None:
    """What is cut short after the concatenation is an output; layers read its parts as well."""
    nodes = TWO + "c = Concat <axis=1> (a, b) r = Clip(c, lo, hi) y = Softmax <axis=1> (r) "
    weights = {**WEIGHTS, "lo": np.float32(0.1), "hi": np.float32(0.4)}
    network = check(model(nodes + "z = Conv(c, u)", outputs="y, z", weights=weights))
    assert [set(parts) for parts in joins(network)] == [{"a", "b"}]
    assert "join-for-output" in rules(network)
