"""Blocks of pixels that become channels, and channels that become pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs


def shapes(**values: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: np.array(value, np.int64) for name, value in values.items()}


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize(("block", "layers"), [(2, 1), (4, 2)])
def test_pixels_are_shuffled(check: Check, mode: str, block: int, layers: int) -> None:
    channels = 2 * block * block
    proto = model(
        f'h = Conv(x, w) r = Relu(h) s = DepthToSpace <blocksize={block}, mode="{mode}"> (r) '
        "y = Conv(s, u)",
        inputs="float[1,3,5,6] x",
        weights={"w": random(channels, 3, 1, 1, seed=1), "u": random(4, 2, 3, 3, seed=2)},
    )
    network = check(proto)
    kinds = [s.kind for s in specs(network)]
    assert kinds == ["conv2d", *["conv_transpose2d"] * layers, "conv2d"]
    assert "depth-to-space" in rules(network)


def test_a_shuffle_as_exporters_write_it_out(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) a = Reshape(h, s) b = Transpose <perm=[0,1,4,2,5,3]> (a) "
        "c = Reshape(b, t) y = Conv(c, u)",
        inputs="float[1,3,5,6] x",
        weights={
            "w": random(12, 3, 1, 1, seed=1), "u": random(4, 3, 3, 3, seed=2),
            **shapes(s=(1, 3, 2, 2, 5, 6), t=(1, 3, 10, 12)),
        },
    )  # fmt: skip
    assert [s.kind for s in specs(check(proto))] == ["conv2d", "conv_transpose2d", "conv2d"]


@pytest.mark.parametrize(
    ("block", "size", "maps"),
    [(2, (6, 8), [(6, 8), (6, 8)]), (3, (6, 9), [(6, 9), (4, 7)]),
     (4, (8, 8), [(8, 8), (8, 8), (4, 4)])],
)  # fmt: skip
def test_pixels_become_channels(
    check: Check, block: int, size: tuple[int, int], maps: list[tuple[int, int]]
) -> None:
    rows, columns = size
    proto = model(
        f"h = Conv(x, w) r = Relu(h) s = SpaceToDepth <blocksize={block}> (r) y = Conv(s, u)",
        inputs=f"float[1,3,{rows},{columns}] x",
        weights={"w": random(2, 3, 1, 1, seed=1),
                 "u": random(4, 2 * block * block, 1, 1, seed=2)},
    )  # fmt: skip
    network = check(proto)
    assert "space-to-depth" in rules(network)
    assert [s.in_size for s in specs(network)[1:]] == maps


def test_the_input_is_put_in_blocks_by_the_host(check: Check) -> None:
    proto = model("s = SpaceToDepth <blocksize=4> (x) y = Conv(s, u)",
                  weights={"u": random(4, 48, 1, 1, seed=2)})  # fmt: skip
    network = check(proto)
    assert network.value(network.inputs[0]).shape == (48, 2, 2)
    assert len(network.nodes) == 1


def test_blocks_that_a_doubling_does_not_make(refuse: Refuse) -> None:
    proto = model(
        "h = Conv(x, w) s = DepthToSpace <blocksize=3> (h) y = Conv(s, u)",
        weights={"w": random(18, 3, 1, 1, seed=1), "u": random(4, 2, 3, 3, seed=2)},
    )
    assert {code for _, code, _ in refuse(proto)} == {"MX2004"}
