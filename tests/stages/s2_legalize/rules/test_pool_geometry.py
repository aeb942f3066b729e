"""Poolings of any geometry: legalized, they compute what onnxruntime computes, or are refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.float_evaluator import evaluate

REASONS = {"MX2020", "MX2021", "MX2022", "MX2023"}


@dataclass(frozen=True)
class Case:
    kind: str
    size: tuple[int, ...]
    map_size: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    ceil: bool
    count: bool
    dilation: int

    def attributes(self) -> str:
        text = f"kernel_shape={list(self.size)}, strides={list(self.strides)}, "
        text += f"pads={list(self.pads)}, ceil_mode={int(self.ceil)}"
        if self.kind == "MaxPool":
            return f"{text}, dilations={[self.dilation] * len(self.size)}"
        return f"{text}, count_include_pad={int(self.count)}"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    axes = draw(st.integers(1, 2))
    kind = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    dilation = draw(st.sampled_from([1, 1, 1, 2])) if kind == "MaxPool" else 1
    size = tuple(draw(st.integers(1, 5)) for _ in range(axes))
    pads = tuple(draw(st.integers(0, min(2, k - 1))) for k in size * 2)
    same = draw(st.integers(1, 4))
    strides = tuple(same if draw(st.integers(0, 9)) else draw(st.integers(1, 4)) for _ in size)
    map_size = tuple(draw(st.integers((k - 1) * dilation + 1, 12)) for k in size)
    return Case(
        kind, size, map_size, strides, pads, draw(st.booleans()), draw(st.booleans()), dilation
    )


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=cases())
def test_any_geometry(tmp_path: Path, case: Case) -> None:
    dims = ",".join(str(n) for n in (1, 2, *case.map_size))
    proto = model(
        f"h = Conv (x, w) r = Relu(h) y = {case.kind} <{case.attributes()}> (r)",
        inputs=f"float[{dims}] x",
        weights={"w": random(3, 2, *(1,) * len(case.size))},
    )
    imported = import_onnx(save(proto, tmp_path))
    network, codes = None, set()
    try:
        network = legalize(imported)
    except ModelError as error:
        codes = {d.code for d in error.diagnostics}
    assert codes <= REASONS
    assume(network is not None)
    assert network is not None
    x = random(1, 2, *case.map_size, seed=5)
    wanted = run(proto, x)[0][0]
    found = evaluate(network, x[0])[0]
    assert found.shape == wanted.shape
    if all(r.exact for r in network.rewrites):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    else:
        assert {r.rule for r in network.rewrites if not r.exact} == {"count-average-padding"}
        assert (found <= wanted + 1e-5).all()
