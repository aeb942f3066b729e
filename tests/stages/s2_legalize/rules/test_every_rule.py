"""Every rewrite rule has an example, in which it is applied and the network stays the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.ir.network import Network
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import STEPS, legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.float_evaluator import evaluate
from tests.stages.s2_legalize.rules.examples.clean import CLEAN
from tests.stages.s2_legalize.rules.examples.example import Example, constants
from tests.stages.s2_legalize.rules.examples.layers import LAYERS
from tests.stages.s2_legalize.rules.examples.shapes import SHAPES

RULES = {r.name: r for step in STEPS if isinstance(step, tuple) for r in step}
EXAMPLES = {**CLEAN, **SHAPES, **LAYERS}


def test_every_rule_has_an_example() -> None:
    assert sorted((*CLEAN, *SHAPES, *LAYERS)) == sorted(RULES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_rule_is_applied_and_changes_nothing(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    proto = model(
        example.nodes, inputs=f"float[1,{example.shape}] x", outputs=example.outputs,
        weights=constants(example.nodes),
    )  # fmt: skip
    network = legalize(import_onnx(save(proto, tmp_path)))
    (record,) = {(r.rule, r.exact) for r in network.rewrites if r.rule == name}
    assert record == (name, RULES[name].exact)
    rounded = any(r.rule == "declare-range" for r in network.rewrites)
    if all(r.exact for r in network.rewrites) and not rounded:
        same(network, example, proto)


def same(network: Network, example: Example, proto: onnx.ModelProto) -> None:
    """``network`` computes what onnxruntime computes with the model."""
    shape = [int(n) for n in example.shape.split(",")]
    x = random(1, *shape, seed=99)
    for found, wanted in zip(evaluate(network, x[0]), run(proto, x), strict=True):
        tolerance = 1e-5 * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=tolerance)
