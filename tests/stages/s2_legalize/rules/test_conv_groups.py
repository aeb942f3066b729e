"""Grouped and depthwise convolutions are dense ones with zeros."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts


@pytest.mark.parametrize(("groups", "outputs"), [(6, 6), (6, 12), (3, 3), (2, 4)])
def test_groups(check: Check, groups: int, outputs: int) -> None:
    weights = {"w": random(outputs, 6 // groups, 3, 3, seed=1), "b": random(outputs, seed=2)}
    network = check(
        model(
            f"y = Conv <group={groups}, pads=[1,1,1,1]> (x, w, b)", inputs="float[1,6,8,8] x",
            weights=weights,
        )
    )  # fmt: skip
    assert texts(network) == ["conv2d 3x3 pad 1, 32-bit output"]
    text = next(r.text for r in network.rewrites if r.rule == "dense-groups")
    assert f"{outputs * 6 * 9} instead of {outputs * 6 // groups * 9}" in text


def test_sequences(check: Check) -> None:
    weights = {"w": random(6, 1, 5, seed=1)}
    proto = model("y = Conv <group=6> (x, w)", inputs="float[1,6,20] x", weights=weights)
    assert "dense-groups" in rules(check(proto))


@pytest.mark.parametrize(("groups", "share"), [(6, 1), (3, 2), (2, 1)])
def test_transposed(check: Check, groups: int, share: int) -> None:
    weights = {"w": random(6, share, 3, 3, seed=1), "b": random(share * groups, seed=2)}
    proto = model(
        f"y = ConvTranspose <group={groups}, strides=[2,2], pads=[1,1,1,1], "
        "output_padding=[1,1]> (x, w, b)",
        inputs="float[1,6,5,4] x", weights=weights,
    )  # fmt: skip
    assert "dense-groups" in rules(check(proto))


def test_normalization_in_front_is_folded(check: Check) -> None:
    weights = {"w": random(6, 1, 3, 3, seed=1), "m": random(6, 1, 1, seed=2)}
    proto = model(
        "n = Mul(x, m) y = Conv <group=6, pads=[1,1,1,1]> (n, w)", inputs="float[1,6,8,8] x",
        weights=weights,
    )  # fmt: skip
    assert len(check(proto).nodes) == 1
