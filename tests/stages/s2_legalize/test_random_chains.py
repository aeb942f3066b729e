"""Random chains of operators: legalized, they compute the same; or a reason refuses them."""

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
from tests.stages.s2_legalize.float_evaluator import evaluate

PLACELESS = {"MX2009"}
"""A rule is missing when an operator is refused without a reason of its own."""


@dataclass
class Chain:
    """A model in the making: nodes as text, constants, and the shape reached (without batch)."""

    shape: tuple[int, ...]
    nodes: list[str] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    value: str = "x"

    def constant(self, *shape: int, positive: bool = False) -> str:
        name = f"k{len(self.weights)}"
        array = random(*shape, seed=len(self.weights), scale=0.5)
        self.weights[name] = np.abs(array) + 0.1 if positive else array
        return name

    def scalar(self, value: float) -> str:
        name = f"k{len(self.weights)}"
        self.weights[name] = np.float32(value).reshape(())
        return name

    def integers(self, *values: int) -> str:
        name = f"k{len(self.weights)}"
        self.weights[name] = np.array(values, np.int64)
        return name

    def add(self, call: str) -> None:
        self.nodes.append(f"v{len(self.nodes)} = {call}")
        self.value = f"v{len(self.nodes) - 1}"


def add_conv(chain: Chain, draw: st.DrawFn) -> None:
    size = chain.shape[1:]
    kernel = draw(st.sampled_from([k for k in (1, 2, 3) if k <= min(size)]))
    pads = [draw(st.integers(0, 1)) for _ in range(2 * len(size))]
    out = draw(st.integers(1, 5))
    weight = chain.constant(out, chain.shape[0], *(kernel,) * len(size))
    bias = f", {chain.constant(out)}" if draw(st.booleans()) else ""
    chain.add(f"Conv <pads={pads}> ({chain.value}, {weight}{bias})")
    both = zip(size, pads[: len(size)], pads[len(size) :], strict=True)
    chain.shape = (out, *(n + b + e - kernel + 1 for n, b, e in both))


def add_pool(chain: Chain, draw: st.DrawFn) -> None:
    size = chain.shape[1:]
    window = draw(st.integers(1, min(4, *size)))
    stride = draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    most = min(1, window - 1)
    pads = [draw(st.integers(0, most)) for _ in range(2 * len(size))]
    sizes, strides = [window] * len(size), [stride] * len(size)
    count = "" if kind == "MaxPool" else f", count_include_pad={draw(st.integers(0, 1))}"
    attributes = f"kernel_shape={sizes}, strides={strides}, pads={pads}{count}"
    chain.add(f"{kind} <{attributes}> ({chain.value})")
    both = zip(size, pads[: len(size)], pads[len(size) :], strict=True)
    chain.shape = (chain.shape[0], *((n + b + e - window) // stride + 1 for n, b, e in both))


def add_whole(chain: Chain, draw: st.DrawFn) -> None:
    chain.add(f"{draw(st.sampled_from(['GlobalMaxPool', 'GlobalAveragePool']))}({chain.value})")
    chain.shape = (chain.shape[0], *(1 for _ in chain.shape[1:]))


def add_pad(chain: Chain, draw: st.DrawFn) -> None:
    """Zeros around a map, or rows and columns cut off."""
    pads = [draw(st.integers(-1 if n > 4 else 0, 2)) for n in chain.shape[1:] * 2]
    axes = len(pads) // 2
    amounts = chain.integers(0, 0, *pads[:axes], 0, 0, *pads[axes:])
    chain.add(f"Pad({chain.value}, {amounts})")
    both = zip(chain.shape[1:], pads[:axes], pads[axes:], strict=True)
    chain.shape = (chain.shape[0], *(n + b + e for n, b, e in both))


def add_crop(chain: Chain, draw: st.DrawFn) -> None:
    size = chain.shape[1:]
    starts = [draw(st.integers(0, n // 3)) for n in size]
    step = draw(st.integers(1, 2))
    axes = chain.integers(*range(2, 2 + len(size)))
    bounds = f"{chain.integers(*starts)}, {chain.integers(*size)}, {axes}"
    chain.add(f"Slice({chain.value}, {bounds}, {chain.integers(*(step for _ in size))})")
    lengths = (n - s for n, s in zip(size, starts, strict=True))
    chain.shape = (chain.shape[0], *(-(-n // step) for n in lengths))


def add_channels_last(chain: Chain, draw: st.DrawFn) -> None:
    """A function, and perhaps an addition, between two transpositions."""
    last = len(chain.shape)
    chain.add(f"Transpose <perm={[0, *range(2, last + 1), 1]}> ({chain.value})")
    if draw(st.booleans()):
        chain.add(f"Add({chain.value}, {chain.constant(chain.shape[0])})")
    chain.add(f"Relu({chain.value})")
    chain.add(f"Transpose <perm={[0, last, *range(1, last)]}> ({chain.value})")


def add_blocks(chain: Chain, draw: st.DrawFn) -> None:
    if len(chain.shape) != 3:
        return
    channels, rows, columns = chain.shape
    if rows % 2 == columns % 2 == 0 and draw(st.booleans()):
        chain.add(f"SpaceToDepth <blocksize=2> ({chain.value})")
        chain.shape = (4 * channels, rows // 2, columns // 2)
    elif channels % 4 == 0:
        mode = draw(st.sampled_from(["DCR", "CRD"]))
        chain.add(f'DepthToSpace <blocksize=2, mode="{mode}"> ({chain.value})')
        chain.shape = (channels // 4, 2 * rows, 2 * columns)


def add_norm(chain: Chain, draw: st.DrawFn) -> None:
    channels = chain.shape[0]
    positive = draw(st.booleans())
    names = [chain.constant(channels, positive=positive) for _ in range(3)]
    variance = chain.constant(channels, positive=True)
    chain.add(f"BatchNormalization ({chain.value}, {', '.join(names)}, {variance})")


def add_function(chain: Chain, draw: st.DrawFn) -> None:
    low, high = draw(st.sampled_from([(0.0, 6.0), (-1.0, 1.0), (-1.0, 127 / 128)]))
    clip = f"Clip({chain.value}, {chain.scalar(low)}, {chain.scalar(high)})"
    chain.add(draw(st.sampled_from([f"Relu({chain.value})", f"Abs({chain.value})", clip])))


def add_arithmetic(chain: Chain, draw: st.DrawFn) -> None:
    shape = (chain.shape[0], *(1,) * (len(chain.shape) - 1)) if draw(st.booleans()) else ()
    operator = draw(st.sampled_from(["Add", "Sub", "Mul"]))
    constant = chain.constant(*shape) if shape else chain.scalar(draw(st.sampled_from([0.5, -2.0])))
    operands = [chain.value, constant] if draw(st.booleans()) else [constant, chain.value]
    chain.add(f"{operator}({', '.join(operands)})")


def add_flatten(chain: Chain, draw: st.DrawFn) -> None:
    if len(chain.shape) == 3 and draw(st.booleans()):
        chain.add(f"Transpose <perm=[0,2,3,1]> ({chain.value})")
    chain.add(f"Flatten({chain.value})")
    chain.shape = (int(np.prod(chain.shape)),)


def add_linear(chain: Chain, draw: st.DrawFn) -> None:
    out = draw(st.integers(1, 6))
    weight = chain.constant(out, chain.shape[0])
    chain.add(f"Gemm <transB=1> ({chain.value}, {weight}, {chain.constant(out)})")
    chain.shape = (out,)


STEPS = (add_conv, add_pool, add_norm, add_function, add_arithmetic)
SHAPES = (add_pool, add_pad, add_crop, add_channels_last, add_blocks, add_conv, add_function)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Chain, tuple[int, ...]]:
    shape = draw(st.sampled_from([(3, 8, 8), (2, 6, 9), (4, 20), (1, 12, 12)]))
    chain = Chain(shape=shape)
    add_conv(chain, draw)
    steps = draw(st.sampled_from([STEPS, SHAPES]))
    for _ in range(draw(st.integers(1, 6))):
        draw(st.sampled_from(steps))(chain, draw)
    if draw(st.integers(0, 3)) == 0:
        add_whole(chain, draw)
    if draw(st.booleans()):
        add_flatten(chain, draw)
        for _ in range(draw(st.integers(0, 3))):
            draw(st.sampled_from([add_linear, add_function, add_norm]))(chain, draw)
    return chain, shape


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=chains())
def test_random_chains(tmp_path: Path, drawn: tuple[Chain, tuple[int, ...]]) -> None:
    chain, shape = drawn
    dims = ",".join(str(n) for n in (1, *shape))
    proto = model(
        " ".join(chain.nodes), inputs=f"float[{dims}] x", outputs=chain.value, weights=chain.weights
    )
    imported = import_onnx(save(proto, tmp_path))
    try:
        network = legalize(imported)
    except ModelError as error:
        refusal = error
        network = None
    if network is None:
        assert not {d.code for d in refusal.diagnostics} & PLACELESS
        assert all(d.why and d.fix for d in refusal.diagnostics)
        return
    x = random(1, *shape, seed=99, scale=2.0)
    wanted = run(proto, x)[0][0]
    if not all(r.exact for r in network.rewrites):
        return  # what is approximate has tests of its own
    found = evaluate(network, x[0])[0]
    tolerance = 1e-4 * max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=tolerance)
