"""Random convolutions of every kind, first or in the middle: they compute the same, or a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.contract import assert_legal
from tests.stages.s2_legalize.float_evaluator import evaluate

REASONS = {
    "MX2008",
    "MX2011",
    "MX2013",
    "MX2014",
    "MX2015",
    "MX2016",
    "MX2041",
    "MX2042",
    "MX2051",
    "MX2052",
}
"""Strides, kernels and padding that take too much; maps too large for a matrix; 33 layers."""


@dataclass(frozen=True)
class Case:
    proto: onnx.ModelProto
    shape: tuple[int, ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """An activation around a convolution, perhaps another in front, and a reader."""
    size = draw(st.sampled_from([(9, 7), (8, 8), (12, 5), (1, 11), (10, 1), (24,), (31,)]))
    axes = len(size)
    channels = draw(st.sampled_from([1, 3, 4]))
    weights: dict[str, np.ndarray] = {}
    nodes, value, inner = [], "x", channels
    if draw(st.booleans()):
        weights["v"] = random(4, channels, *(1,) * axes, seed=1)
        nodes, value, inner = ["h = Conv(x, v) r = Relu(h)"], "r", 4
    groups = draw(st.sampled_from([1, 1, inner]))
    outputs = groups * draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 7)) for _ in size]
    dilation = draw(st.sampled_from([1, 1, 2, 3]))
    transposed = draw(st.integers(0, 3)) == 0
    pads = [draw(st.integers(0, 3)) for _ in range(2 * axes)]
    taps = "kernel"
    if transposed:
        stride = draw(st.sampled_from([1, 2, 2, 4]))
        more = draw(st.integers(0, stride - 1))
        weights[taps] = random(inner, outputs // groups, *kernel, seed=2)
        call = f"ConvTranspose <output_padding={[more] * axes}, "
    else:
        stride = draw(st.integers(1, 3))
        weights[taps] = random(outputs, inner // groups, *kernel, seed=2)
        call = "Conv <"
    strides = [stride] * axes
    if axes == 2 and not transposed and draw(st.integers(0, 4)) == 0:
        strides = [1, stride]
    nodes.append(
        f"a = {call}strides={strides}, pads={pads}, dilations={[dilation] * axes}, "
        f"group={groups}> ({value}, {taps}) b = {draw(st.sampled_from(['Relu', 'Abs']))}(a)"
    )
    reader = draw(st.sampled_from(["none", "conv", "pool"]))
    if reader == "conv":
        weights["u"] = random(2, outputs, *(1,) * axes, seed=3)
        nodes.append("y = Conv(b, u)")
    elif reader == "pool":
        nodes.append(f"y = MaxPool <kernel_shape={[1] * axes}, strides={[2] * axes}> (b)")
    dims = ",".join(str(n) for n in (1, channels, *size))
    last = "b" if reader == "none" else "y"
    proto = model(" ".join(nodes), inputs=f"float[{dims}] x", outputs=last, weights=weights)
    return Case(proto, (1, channels, *size))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=cases())
def test_random_convolutions(tmp_path: Path, case: Case) -> None:
    x = random(*case.shape, seed=9)
    try:
        wanted = run(case.proto, x)[0][0]
    except Exception:  # noqa: BLE001 - a kernel that does not fit the map: no model
        return
    imported = import_onnx(save(case.proto, tmp_path))
    try:
        network, refusal = legalize(imported), None
    except ModelError as error:
        network, refusal = None, error
    if network is None:
        assert {d.code for d in refusal.diagnostics} <= REASONS
        return
    assert_legal(network)
    tolerance = 1e-4 * max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(evaluate(network, x[0])[0], wanted, rtol=1e-3, atol=tolerance)
