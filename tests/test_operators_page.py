"""The page of supported operators is fresh, complete, and says what is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy import operators_page as page
from mxdeploy.errors import ModelError
from mxdeploy.ops import constraints
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s1_import.operators import READERS
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s2_legalize.advice import ADVICE
from tests.onnx_text import model, random, save

CLAIMS = {operator: fate for fate, operators in page.FATES for operator in operators}
I64 = {
    "axes": [2, 3], "flat": [1, -1], "starts": [2], "ends": [6], "one": [1], "halves": [2, 2],
    "pads": [0, 0, 1, 1, 0, 0, 1, 1], "twice": [1, 1, 3, 3], "like": [1, 4, 12, 12], "two": [2],
    "order": [2, 0, 1, 3],
}  # fmt: skip
WEIGHTS = {
    "w": random(4, 3, 1, 1, seed=1), "u": random(4, 4, 3, 3, seed=2), "k": random(4, 1, 1, seed=3),
    "t": random(4, 4, 2, 2, seed=4), "m": random(256, 5, seed=5), "v": random(5, 4, 1, 1, seed=6),
    "u1": random(4, 1, 3, 3, seed=7), "u2": random(4, 2, 3, 3, seed=8),
    "u16": random(4, 16, 1, 1, seed=9), "gain": np.abs(random(4, seed=10)) + 0.5,
    "zero": np.float32(0), "six": np.float32(6), "step": np.float32(0.25),
    "point": np.array(0, np.int8), "doubled": np.array([1, 1, 2, 2], np.float32),
    **{name: np.array(value, np.int64) for name, value in I64.items()},
}  # fmt: skip
CONV = "y = Conv(q, u)"
EXAMPLES = {
    "Abs": f"q = Abs(h) {CONV}",
    "Add": f"g = Add(h, k) p = Conv(h, t0) q = Add(g, p) {CONV}",
    "ArgMax": "p = ArgMax <axis=1> (h) q = Cast <to=1> (p) y = Conv(q, u1)",
    "ArgMin": "p = ArgMin <axis=1> (h) q = Cast <to=1> (p) y = Conv(q, u1)",
    "AveragePool": f"q = AveragePool <kernel_shape=[3,3], strides=[2,2]> (h) {CONV}",
    "BatchNormalization": f"q = BatchNormalization (h, gain, gain, gain, gain) {CONV}",
    "Cast": f"q = Cast <to=1> (h) {CONV}",
    "Clip": f"q = Clip(h, zero, six) {CONV}",
    "Concat": "p = Relu(h) q = Concat <axis=1> (h, p) y = Conv(q, u8)",
    "Conv": f"q = Conv <pads=[1,1,1,1]> (h, u) {CONV}",
    "ConvTranspose": f"q = ConvTranspose <strides=[2,2]> (h, t) {CONV}",
    "DepthToSpace": "q = DepthToSpace <blocksize=2> (h) y = Conv(q, u1)",
    "DequantizeLinear": f"i = QuantizeLinear(h, step, point) "
    f"q = DequantizeLinear(i, step, point) {CONV}",
    "Div": f"q = Div(h, six) {CONV}",
    "Dropout": f"q = Dropout(h) {CONV}",
    "Exp": f"q = Exp(h) {CONV}",
    "Expand": f"g = GlobalMaxPool(h) q = Expand(g, like) {CONV}",
    "Flatten": "q = Flatten(h) y = MatMul(q, m)",
    "Gather": f"q = Gather <axis=1> (h, order) {CONV}",
    "Gemm": "q = Flatten(h) y = Gemm(q, m)",
    "GlobalAveragePool": "q = GlobalAveragePool(h) y = Conv(q, v)",
    "GlobalMaxPool": "q = GlobalMaxPool(h) y = Conv(q, v)",
    "HardSigmoid": f"q = HardSigmoid(h) {CONV}",
    "Identity": f"q = Identity(h) {CONV}",
    "LeakyRelu": f"q = LeakyRelu <alpha=0.0> (h) {CONV}",
    "LogSoftmax": f"q = LogSoftmax <axis=1> (h) {CONV}",
    "MatMul": "q = Flatten(h) y = MatMul(q, m)",
    "Max": f"q = Max(h, zero) {CONV}",
    "MaxPool": f"q = MaxPool <kernel_shape=[2,2], strides=[2,2]> (h) {CONV}",
    "Mean": f"p = Conv(h, t0) q = Mean(h, p) {CONV}",
    "Min": f"p = Relu(h) q = Min(p, six) {CONV}",
    "Mul": f"q = Mul(h, k) {CONV}",
    "Neg": f"q = Neg(h) {CONV}",
    "Pad": f"q = Pad(h, pads) {CONV}",
    "ReduceMax": "q = ReduceMax <axes=[2,3]> (h) y = Conv(q, v)",
    "ReduceMean": "q = ReduceMean <axes=[2,3]> (h) y = Conv(q, v)",
    "ReduceMin": "q = ReduceMin <axes=[2,3]> (h) y = Conv(q, v)",
    "ReduceSum": "q = ReduceSum (h, axes) y = Conv(q, v)",
    "Relu": f"q = Relu(h) {CONV}",
    "Reshape": "q = Reshape(h, flat) y = MatMul(q, m)",
    "Resize": f'q = Resize <mode="nearest", coordinate_transformation_mode="asymmetric", '
    f'nearest_mode="floor"> (h, , doubled) {CONV}',
    "Sigmoid": f"q = Sigmoid(h) {CONV}",
    "Slice": "q = Slice(h, one, two, one) y = Conv(q, u1)",
    "Softmax": f"q = Softmax <axis=1> (h) {CONV}",
    "SpaceToDepth": "q = SpaceToDepth <blocksize=2> (h) y = Conv(q, u16)",
    "Split": "a, b = Split <axis=1> (h, halves) q = Add(a, b) y = Conv(q, u2)",
    "Squeeze": "g = GlobalMaxPool(h) q = Squeeze(g, axes) y = MatMul(q, m4)",
    "Sub": f"q = Sub(h, k) {CONV}",
    "Sum": f"p = Relu(h) q = Sum(h, p) {CONV}",
    "Tanh": f"q = Tanh(h) {CONV}",
    "Tile": f"g = GlobalMaxPool(h) q = Tile(g, twice) {CONV}",
    "TopK": "q, i = TopK <axis=1> (h, two) y = Conv(q, u2)",
    "Transpose": f"a = Transpose <perm=[0,2,3,1]> (h) q = Transpose <perm=[0,3,1,2]> (a) {CONV}",
    "Unsqueeze": "g = GlobalMaxPool(h) f = Flatten(g) p = Unsqueeze(f, two) "
    "q = Unsqueeze(p, two) y = Conv(q, v)",
}  # fmt: skip
EXAMPLES["QuantizeLinear"] = EXAMPLES["DequantizeLinear"]
MORE = {"t0": random(4, 4, 1, 1, seed=11), "u8": random(4, 8, 3, 3, seed=12),
        "m4": random(4, 5, seed=13)}  # fmt: skip


def inside(operator: str) -> onnx.ModelProto:
    """A model with the operator between two convolutions."""
    return model(
        f"h = Conv(x, w) {EXAMPLES[operator]}", inputs="float[1,3,8,8] x",
        weights={**WEIGHTS, **MORE},
    )  # fmt: skip


def test_the_committed_page_is_fresh(repository: Path) -> None:
    committed = repository / "toolchain" / "docs" / "supported-operators.md"
    assert committed.read_text(encoding="utf-8") == page.page(), (
        "run: python -m mxdeploy.operators_page --write"
    )


def test_every_operator_has_one_fate_and_an_example() -> None:
    assert len(CLAIMS) == sum(len(operators) for _, operators in page.FATES)
    assert set(CLAIMS) == set(READERS) == set(EXAMPLES)


@pytest.mark.parametrize("operator", sorted(o for o, fate in CLAIMS.items() if fate != page.CPU))
def test_operators_inside_the_network(tmp_path: Path, operator: str) -> None:
    network = legalize(import_onnx(save(inside(operator), tmp_path)))
    assert network.tail == ()
    assert len(network.nodes) >= 1


@pytest.mark.parametrize("operator", sorted(o for o, fate in CLAIMS.items() if fate == page.CPU))
def test_operators_for_the_cpu_only(tmp_path: Path, operator: str) -> None:
    proto = inside(operator)
    imported = import_onnx(save(proto, tmp_path))
    with pytest.raises(ModelError) as caught:
        legalize(imported)
    assert any(operator in d.what + d.where for d in caught.value.diagnostics)
    last = proto.graph.node.pop()  # without the convolution behind it
    proto.graph.output[0].name = last.input[0]
    network = legalize(import_onnx(save(proto, tmp_path, "end.onnx")))
    assert network.tail


def test_every_constraint_is_on_the_page() -> None:
    groups = [c for _, group in page.GROUPS for c in group]
    assert len(groups) == len(set(groups))
    assert set(groups) == set(constraints.ALL)
    text = page.page()
    for constraint in constraints.ALL:
        assert f"| `{constraint.code}` | {constraint.text} |" in text


def test_every_rule_says_in_its_first_line_whether_it_is_exact() -> None:
    text = page.page()
    for rule in page.rules():
        first = page.words(rule).partition("\n\n")[0]
        kind = "exact" if rule.exact else "approximate"
        assert first.endswith(f": {kind}."), rule.name
        assert f"- **{rule.name}** ({kind})." in text
        assert rule.match.__doc__


def test_names_of_rules_are_unique() -> None:
    objects = {id(r) for step in page.STEPS if isinstance(step, tuple) for r in step}
    assert len(objects) == len(page.rules())


def test_advice_is_for_operators_that_exist() -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert set(ADVICE) <= known


def test_tables_are_well_formed() -> None:
    width = 0
    for line in page.page().splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace("\\|", "").count("|")
        assert width in (0, cells), line
        width = cells


def test_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.main([]) == 0
    assert capsys.readouterr().out == page.page()
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    assert page.main(["--write"]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page.page()
    assert page.main(["--nonsense"]) == 2
