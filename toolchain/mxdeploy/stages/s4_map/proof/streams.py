"""Inputs through FIFOs, and layers that stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.errata import quirk
from mxdeploy.chip.max78000.streaming import cadences, whole_frame
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import DataOrder, LayerPlan, Plan
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Kind
from mxdeploy.ops.stream import stream_layer
from mxdeploy.stages.s4_map.proof.words import Pairs

_SQUARE = (int(limits.CONV2D_KERNEL),) * 2


def together(plan: Plan) -> Iterator[Diagnostic]:
    """The layers that stream are the first ones, fed by FIFOs."""
    streaming = [number for number, placed in enumerate(plan.layers) if placed.ring_words]
    sound = streaming == list(range(plan.streams)) and plan.streams <= limits.MAX_STREAMING_LAYERS
    if not sound or (streaming and not plan.fifo):
        source = "FIFOs" if plan.fifo else "data memory"
        yield _finding(
            "MX4141",
            "plan",
            f"layers {streaming} stream an input from {source}",
            limits.MAX_STREAMING_LAYERS.text,
        )


def streams(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """Layers that stream keep the rules of the streaming hardware."""
    if not plan.fifo:
        return
    count = plan.streams
    yield from _fifo(plan)
    for layer, placed in pairs[:count]:
        yield from _layer(layer, placed)
    if count:
        yield from _end_of_stream([layer for layer, _ in pairs[count - 1 : count + 1]])
    yield from _whole_tensors(plan)
    yield from _counters(plan)


def _finding(code: str, where: str, what: str, why: str = "") -> Diagnostic:
    return Diagnostic(code=code, where=where, what=what, why=why)


def _fifo(plan: Plan) -> Iterator[Diagnostic]:
    """The FIFOs reach the input's processors, and deliver no more words than they count."""
    chw = plan.input.order is DataOrder.CHW
    reached = 1 if chw else mem.PROCESSORS_PER_MEMORY
    processors = layouts.processor_list(plan.input.processors)
    limit = limits.FIFO_CHW_CHANNELS if chw else limits.FIFO_HWC_CHANNELS
    if any(p % mem.PROCESSORS_PER_QUADRANT >= reached for p in processors):
        yield _finding(
            "MX4142",
            f"tensor {plan.input.value}",
            f"FIFOs do not reach processors 0x{plan.input.processors:x}",
            limit.text,
        )
    words = stream_layer(plan.hardware.layers[0].spec, chw=chw).frame_words
    if words > limits.MAX_FRAME_WORDS:
        yield _finding(
            "MX4143",
            f"tensor {plan.input.value}",
            f"{words} words come through a FIFO",
            limits.MAX_FRAME_WORDS.text,
        )


def _layer(layer: QuantLayer, placed: LayerPlan) -> Iterator[Diagnostic]:
    """A layer that streams is a 3x3 convolution of one operand, without bias."""
    spec = layer.spec
    if spec.kind is not Kind.CONV2D or spec.kernel != _SQUARE or spec.eltwise is not None:
        yield Diagnostic(
            code="MX4145",
            where=layer.name,
            what=f"streams, but is {spec.to_text()}",
            why=quirk("stream-1x1").what,
        )
    if placed.bias is not None:
        yield Diagnostic(
            code="MX4146",
            where=layer.name,
            what="streams and has a bias",
            why=quirk("stream-bias").what,
        )


def _end_of_stream(layers: Sequence[QuantLayer]) -> Iterator[Diagnostic]:
    """The last layer that streams is padded; the one behind it has no 1x1 kernel."""
    last, *behind = layers
    if min(last.spec.pad) < limits.MIN_LAST_STREAM_PAD:
        yield _finding(
            "MX4147",
            last.name,
            f"is the last one that streams, with padding {last.spec.pad}",
            limits.MIN_LAST_STREAM_PAD.text,
        )
    for layer in behind:
        if layer.spec.kind in (Kind.CONV2D, Kind.LINEAR) and layer.spec.kernel == (1, 1):
            yield _finding(
                "MX4148",
                layer.name,
                f"is {layer.spec.to_text()}, right behind layers that stream",
                quirk("stream-1x1").what,
            )


def _whole_tensors(plan: Plan) -> Iterator[Diagnostic]:
    """What circulates in a ring is read by the next layer alone, pixel by pixel as written."""
    kept = {region.value for region in plan.outputs}
    for index, placed in enumerate(plan.layers[: plan.streams]):
        value = placed.inputs[0].value
        readers = [other.index for other in plan.layers if value in _values(other)]
        shape = plan.hardware.value(value).shape
        spec = plan.hardware.layers[index].spec
        if readers != [index] or value in kept or shape != spec.in_shape:
            yield _finding(
                "MX4149",
                f"tensor {value}",
                f"never exists as a whole, but is read by layers {readers} as {spec.in_shape}",
                limits.MAX_STREAM_BUFFER.text,
            )


def _values(placed: LayerPlan) -> set[str]:
    return {region.value for region in placed.inputs}


def _counters(plan: Plan) -> Iterator[Diagnostic]:
    """Counters are wide enough, rings hold what a layer waits for, row caches lie side by side."""
    chw = plan.input.order is DataOrder.CHW
    specs = [layer.spec for layer in plan.hardware.layers[: max(1, plan.streams)]]
    shapes = [stream_layer(spec, chw=chw and i == 0) for i, spec in enumerate(specs)]
    turns = cadences(shapes) if plan.streams else (whole_frame(shapes[0]),)
    for placed, shape, turn in zip(plan.layers, shapes, turns, strict=False):
        cache_end = turn.cache_start + shape.cache_entries * shape.passes
        for value, limit in (
            (turn.start, limits.MAX_STREAM_START),
            (turn.step, limits.MAX_STREAM_STEP),
            (turn.row_step, limits.MAX_STREAM_ROW_STEP),
            (turn.passes_before, limits.MAX_STREAM_VOLUMES),
            (cache_end, limits.TRAM_ENTRIES),
        ):
            if value > limit:
                yield _finding("MX4150", placed.name, f"{value} {limit.unit}", limit.text)
        end = placed.inputs[0].offset_bytes // mem.WORD_BYTES + placed.ring_words
        short = placed.ring_words < turn.ring_words or placed.ring_words % shape.passes
        if placed.streams and (short or end >= mem.DATA_WORDS):
            yield _finding(
                "MX4151",
                placed.name,
                f"a ring of {placed.ring_words} words up to word {end}; at least "
                f"{turn.ring_words} are needed",
                limits.MAX_STREAM_BUFFER.text,
            )
