"""One average over a padded map."""

from __future__ import annotations

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts

POOL = "AveragePool <kernel_shape=[7,8], pads=[1,1,0,1], count_include_pad=1>"


def test_the_factor_goes_into_the_weights_behind(check: Check) -> None:
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = {POOL} (r) y = Conv(p, u)",
        weights={"w": random(4, 3, 3, 3, seed=1), "u": random(5, 4, 1, 1, seed=2)},
    )
    network = check(proto)
    assert texts(network)[1:] == ["average 6x6/1, conv2d 1x1 pad 0, 32-bit output"]
    assert "single-average" in rules(network)


def test_the_factor_becomes_a_layer_at_the_end(check: Check) -> None:
    proto = model(
        f"h = Conv(x, w) r = Relu(h) y = {POOL} (r)", weights={"w": random(4, 3, 3, 3, seed=1)}
    )
    assert [s.kernel for s in specs(check(proto))] == [(3, 3), (1, 1)]
