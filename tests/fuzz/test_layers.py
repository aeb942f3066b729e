"""Random networks at random places: the accelerator model equals integer.onnx in every layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, seed, settings

from mxdeploy.chip.max78000 import layouts
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ops.layer import Kind, PoolKind
from tests.fuzz.case import Case, Layer
from tests.fuzz.cases import cases
from tests.fuzz.search import search
from tests.fuzz.subjects import SUBJECTS

CHUNKS, EXAMPLES = 20, 100
ROUNDS = 5


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_machines_agree(chunk):
    search(SUBJECTS["layers"], examples=EXAMPLES, number=chunk)


def test_everything_is_drawn():
    """So that the search cannot fall silent: what cases are about, until all was seen.

    A thousand cases have nearly everything; which, depends on the release of hypothesis.
    """
    missing = set(_wanted())
    for number in range(ROUNDS):
        missing -= _seen(number)
        if not missing:
            break
    assert not missing


def _seen(number: int) -> set[str]:
    seen: set[str] = set()

    @seed(number)
    @settings(
        max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases())
    def draw(case: Case) -> None:
        seen.update(_features(case))

    draw()
    return seen


def _wanted() -> Iterator[str]:
    yield from (f"kind {kind}" for kind in Kind)
    yield from (f"operands {n}" for n in (2, 3, 4, 7, 16))
    yield from (f"function {name}" for name in ("sub", "add", "or", "xor"))
    yield from (f"weights {bits}" for bits in layouts.WEIGHT_BITS)
    yield from (f"activation {name}" for name in ("none", "relu", "abs"))
    yield from (f"1-D kernel {n}" for n in range(1, 10))
    yield from (f"window {n}" for n in (1, 2, 3, 4, 5, 16))
    yield from (f"stride {n}" for n in (1, 2, 3, 4, 16))
    yield from (f"{kind} pool" for kind in PoolKind)
    yield from (f"shift {n}" for n in (-15, -5, 0, 5, 15))
    yield from (f"bias quadrant {n}" for n in range(4))
    yield from (
        "wide", "gap", "wide gap", "CHW", "passes", "ragged passes", "long flatten", "view",
        "kernels off a boundary", "without quadrant 0", "holes", "pool last", "read twice",
        "operands in two passes", "passes as rows", "transposed in passes", "many channels",
        "combined convolution", "combined pool first", "CHW passed through", "last word",
    )  # fmt: skip


def _features(case: Case) -> Iterator[str]:
    reads = Counter(number for layer in case.layers for number in set(layer.reads))
    for number, layer in enumerate(case.layers):
        yield from _of_spec(layer)
        yield from _of_place(case, number, layer)
    if any(count > 1 for count in reads.values()):
        yield "read twice"
    if case.at.order is DataOrder.CHW:
        yield "CHW"
        if case.layers[0].spec.kind is Kind.PASSTHROUGH:
            yield "CHW passed through"
    if not any(0 in region.quadrants for region in case.regions):
        yield "without quadrant 0"
    if "0" in bin(case.at.processors).strip("0b"):
        yield "holes"
    if case.shape[0] > 64:
        yield "many channels"


def _of_spec(layer: Layer) -> Iterator[str]:
    spec = layer.spec
    yield f"kind {spec.kind}"
    yield f"activation {spec.activation}"
    yield f"weights {layer.weight_bits}"
    yield f"shift {layer.shift}"
    if spec.kind is Kind.CONV1D:
        yield f"1-D kernel {spec.kernel[0]}"
    if spec.pool is not None:
        yield from (f"window {n}" for n in spec.pool.size)
        yield f"stride {spec.pool.stride}"
        yield f"{spec.pool.kind} pool"
    if spec.eltwise is not None:
        yield f"operands {spec.operands}"
        yield f"function {spec.eltwise.function}"
        if spec.kind is not Kind.PASSTHROUGH:
            yield "combined convolution"
        if spec.pool is not None:
            yield "combined pool first" if spec.eltwise.pool_first else "pool last"
    if spec.output_bits == 32:
        yield "wide"
        if layer.to.gap:
            yield "wide gap"


def _of_passes(layer: Layer, processors: int) -> Iterator[str]:
    spec = layer.spec
    yield "passes"
    if spec.in_channels % processors.bit_count():
        yield "ragged passes"
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        yield "transposed in passes"
    if spec.operands > 1:
        yield "operands in two passes"
    if spec.operands > 2:
        yield "passes as rows"


def _of_place(case: Case, number: int, layer: Layer) -> Iterator[str]:
    spec, source = layer.spec, case.regions[layer.reads[0]]
    if layer.to.gap:
        yield "gap"
    if source.passes > 1:
        yield from _of_passes(layer, source.processors)
    if spec.flatten and layer.in_passes(source.processors) > 16:
        yield "long flatten"
    if spec.in_size != case.values[layer.reads[0]].shape[1:]:
        yield "view"
    if layer.bias is not None:
        yield f"bias quadrant {layer.bias[0]}"
    elements = spec.kernel[0] * spec.kernel[1]
    if spec.weight_shape is not None and layouts.start_kernel(layer.kernels, elements)[1]:
        yield "kernels off a boundary"
    region = case.regions[number + 1]
    words = case.values[number + 1].shape[1] * case.values[number + 1].shape[2] * region.passes
    if layer.to.word + words * (region.gap + 1) * (region.bits // 8) == 8192:
        yield "last word"
