"""Large inputs in front of a matrix."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs


@pytest.mark.parametrize(
    ("shape", "place"),
    [("3,32,32", (64, 48)), ("1,50,50", (125, 20)), ("2,34,41", (697, 4)), ("1,37,41", (41, 37))],
)
def test_pixels_come_as_channels(check: Check, shape: str, place: tuple[int, int]) -> None:
    channels, pixels = place
    proto = model("f = Flatten(x) y = MatMul(f, m)", inputs=f"float[1,{shape}] x",
                  weights={"m": random(channels * pixels, 5)})  # fmt: skip
    network = check(proto)
    (spec,) = specs(network)
    assert (spec.in_channels, spec.in_size) == (channels, (pixels, 1))
    assert "host-flatten" in rules(network)


def test_what_cannot_be_better_stays(check: Check) -> None:
    proto = model("f = Flatten(x) y = MatMul(f, m)", inputs="float[1,64,6,6] x",
                  weights={"m": random(2304, 5)})  # fmt: skip
    assert check(proto).head == ()
