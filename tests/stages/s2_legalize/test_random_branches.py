"""Random graphs whose values branch and come together: legalized, they compute the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.contract import assert_legal
from tests.stages.s2_legalize.float_evaluator import evaluate

EXPECTED = {"MX2008", "MX2030"}
"""Too many layers, and bounds that no saturation is: all that may stand in the way here."""


@dataclass
class Branching:
    """A model in the making: nodes as text, constants, and all values with their shapes."""

    nodes: list[str] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def constant(self, *shape: int) -> str:
        name = f"k{len(self.weights)}"
        self.weights[name] = random(*shape, seed=len(self.weights), scale=0.5)
        return name

    def add(self, call: str, shape: tuple[int, ...]) -> None:
        self.nodes.append(f"v{len(self.nodes)} = {call}")
        self.values[f"v{len(self.nodes) - 1}"] = shape


def add_conv(graph: Branching, draw: st.DrawFn) -> None:
    name = draw(st.sampled_from(sorted(graph.values)))
    channels, *size = graph.values[name]
    kernel = draw(st.sampled_from([1, 3]))
    out = draw(st.sampled_from([2, 4, 4, 7, 40, 70]))
    weight = graph.constant(out, channels, *(kernel,) * len(size))
    bias = f", {graph.constant(out)}" if draw(st.booleans()) else ""
    pads = [kernel // 2] * 2 * len(size)
    graph.add(f"Conv <pads={pads}> ({name}, {weight}{bias})", (out, *size))


def add_function(graph: Branching, draw: st.DrawFn) -> None:
    name = draw(st.sampled_from(sorted(graph.values)))
    channels, *size = shape = graph.values[name]
    scale = graph.constant(channels, *(1,) * len(size))
    low, high = f"k{len(graph.weights)}", f"k{len(graph.weights) + 1}"
    graph.weights |= {low: np.float32(-1), high: np.float32(1)}
    calls = [
        f"Relu({name})", f"Relu({name})", f"Abs({name})", f"Mul({name}, {scale})",
        f"Clip({name}, {low}, {high})",
    ]  # fmt: skip
    graph.add(draw(st.sampled_from(calls)), shape)


def add_pool(graph: Branching, draw: st.DrawFn) -> None:
    name = draw(st.sampled_from(sorted(graph.values)))
    channels, *size = graph.values[name]
    if min(size) < 4:
        return
    kind = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    window = [2] * len(size)
    call = f"{kind} <kernel_shape={window}, strides={window}> ({name})"
    graph.add(call, (channels, *(n // 2 for n in size)))


def add_sum(graph: Branching, draw: st.DrawFn) -> None:
    shape = draw(st.sampled_from(sorted(graph.values.values())))
    same = sorted(n for n, s in graph.values.items() if s == shape)
    names = draw(st.lists(st.sampled_from(same), min_size=2, max_size=3))
    if len(names) == 2 and draw(st.booleans()):
        graph.add(f"Sub({', '.join(names)})", shape)
    else:
        graph.add(f"Sum({', '.join(names)})", shape)


def add_join(graph: Branching, draw: st.DrawFn) -> None:
    size = draw(st.sampled_from(sorted({s[1:] for s in graph.values.values()})))
    same = sorted(n for n, s in graph.values.items() if s[1:] == size)
    names = draw(st.lists(st.sampled_from(same), min_size=2, max_size=3))
    channels = sum(graph.values[n][0] for n in names)
    if channels <= 200:
        graph.add(f"Concat <axis=1> ({', '.join(names)})", (channels, *size))


def add_slice(graph: Branching, draw: st.DrawFn) -> None:
    """Channels of a value, each perhaps split off in its turn."""
    name = draw(st.sampled_from(sorted(graph.values)))
    channels, *size = graph.values[name]
    if channels < 2:
        return
    at = draw(st.integers(1, channels - 1))
    sizes = f"k{len(graph.weights)}"
    graph.weights[sizes] = np.array([at, channels - at], np.int64)
    number = len(graph.nodes)
    graph.nodes.append(f"v{number}, v{number}b = Split <axis=1> ({name}, {sizes})")
    graph.values[f"v{number}"] = (at, *size)
    graph.values[f"v{number}b"] = (channels - at, *size)


def add_shuffle(graph: Branching, draw: st.DrawFn) -> None:
    name = draw(st.sampled_from(sorted(graph.values)))
    shape = graph.values[name]
    order = draw(st.permutations(range(shape[0])))
    indices = f"k{len(graph.weights)}"
    graph.weights[indices] = np.array(order, np.int64)
    graph.add(f"Gather <axis=1> ({name}, {indices})", shape)


@st.composite
def branchings(draw: st.DrawFn) -> tuple[Branching, tuple[int, ...], list[str]]:
    shape = draw(st.sampled_from([(3, 8, 8), (4, 6, 10), (4, 16)]))
    graph = Branching(values={"x": shape})
    add_conv(graph, draw)
    steps = [
        add_conv, add_conv, add_function, add_sum, add_sum, add_join, add_join, add_pool,
        add_slice, add_shuffle,
    ]  # fmt: skip
    for _ in range(draw(st.integers(2, 9))):
        draw(st.sampled_from(steps))(graph, draw)
    outputs = draw(
        st.lists(st.sampled_from(sorted(graph.values)), min_size=1, max_size=2, unique=True)
    )
    last = f"v{len(graph.nodes) - 1}"
    outputs = sorted({last, *outputs} - {"x"})
    ended = []
    for name in outputs:  # concatenations that are outputs are left to the host
        channels, *size = graph.values[name]
        weight = graph.constant(3, channels, *(1,) * len(size))
        graph.nodes.append(f"y{len(ended)} = Conv({name}, {weight})")
        ended.append(f"y{len(ended)}")
    return graph, shape, ended


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=branchings())
def test_random_branchings(
    tmp_path: Path, drawn: tuple[Branching, tuple[int, ...], list[str]]
) -> None:
    graph, shape, outputs = drawn
    dims = ",".join(str(n) for n in (1, *shape))
    proto = model(
        " ".join(graph.nodes),
        inputs=f"float[{dims}] x",
        outputs=", ".join(outputs),
        weights=graph.weights,
    )
    imported = import_onnx(save(proto, tmp_path))
    refused = None
    try:
        network = legalize(imported)
    except ModelError as error:
        refused = {d.code for d in error.diagnostics}
    if refused is not None:
        assert refused <= EXPECTED
        return
    assert_legal(network)
    x = random(1, *shape, seed=99, scale=2.0)
    for found, wanted in zip(evaluate(network, x[0]), run(proto, x), strict=True):
        tolerance = 1e-4 * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(found, wanted[0], rtol=1e-3, atol=tolerance)
