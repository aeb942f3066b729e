"""Values made larger, or of other blocks, as onnxruntime computes them."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ops.graph import Slice, Upsample
from tests.onnx_text import model
from tests.stages.s1_import.conftest import NHWC, Agree, check, ints

MODE = "coordinate_transformation_mode"
TRANSFORMATIONS = (
    "half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric",
)  # fmt: skip
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_way_to_the_nearest_neighbour(
    agree: Agree, transformation: str, rounding: str
) -> None:
    """What is imported agrees; what is not, is no plain repetition."""
    known = 0
    for length, size in ((5, 10), (4, 12), (3, 15), (8, 4), (7, 3), (8, 2), (1, 6), (2, 4)):
        scale = size / length if size > length else 2.0 ** -round(np.log2(length / size))
        for extra, text in (
            ({"s": np.array([1, 1, 1, scale], np.float32)}, "(x, , s)"),
            ({"s": ints(1, 2, 3, size)}, "(x, , , s)"),
        ):
            nodes = f'y = Resize <{MODE}="{transformation}", nearest_mode="{rounding}"> {text}'
            inputs = f"float[1,2,3,{length}] x"
            proto = model(nodes, inputs=inputs, weights=extra, opset=19)
            try:
                network = agree(proto)
            except AssertionError as error:
                assert "Unsupported" in str(error)  # noqa: PT017
                continue
            known += 1
            kinds = {type(n.op) for n in network.nodes}
            assert kinds == ({Upsample} if size > length else {Slice})
    regular = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
    if (transformation in regular and rounding.startswith("round")) or (
        transformation == "asymmetric" and rounding == "floor"
    ):
        assert known >= 12


def test_enlarging_channels_last(agree: Agree) -> None:
    extra = {"s": np.array([1, 2, 3, 1], np.float32)}
    nodes = f'y = Resize <nearest_mode="floor", {MODE}="asymmetric"> (x, , s)'
    check(agree, nodes, "Transpose Upsample Transpose", inputs=NHWC, extra=extra, opset=13)


def test_old_and_new_forms_of_resize(agree: Agree) -> None:
    old = {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 2], np.float32)}
    nodes = f'y = Resize <{MODE}="tf_half_pixel_for_nn", nearest_mode="floor"> (x, r, s)'
    check(agree, nodes, "Upsample", extra=old, opset=11)
    new = {"s": np.array([2, 4], np.float32)}
    check(agree, "y = Resize <axes=[3,2]> (x, , s)", "Upsample", extra=new, opset=18)


def test_single_rows_and_columns_are_repeated(agree: Agree) -> None:
    nodes = "g = GlobalMaxPool(x) a = Expand(g, s) y = Add(a, x)"
    check(agree, nodes, "Pooling Upsample Elementwise", extra={"s": ints(1, 3, 8, 8)})
    check(agree, "g = GlobalMaxPool(x) y = Tile(g, s)", "Pooling Upsample",
          extra={"s": ints(1, 1, 4, 2)})  # fmt: skip
    check(agree, "y = Expand(x, s)", "", extra={"s": ints(1, 1, 8, 1)})


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_pixel_shuffle(agree: Agree, mode: str) -> None:
    nodes = f'y = DepthToSpace <blocksize=2, mode="{mode}"> (x)'
    check(agree, nodes, "Reshape Transpose Reshape", inputs="float[1,12,3,4] x")
