"""From a build to its report: numbers only, no layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mxdeploy import __version__
from mxdeploy.chip.max78000 import latency, layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.clocks import CNN_CLOCK_HZ
from mxdeploy.fates import fates
from mxdeploy.ir.plan import DataOrder, LayerPlan, Plan, Region
from mxdeploy.ir.program import Program
from mxdeploy.ir.project import Firmware, Project
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ir.timing import layer_shape
from mxdeploy.ops.graph import Softmax
from mxdeploy.ops.layer import Kind
from mxdeploy.ops.tail import integer_values, steps_for
from mxdeploy.outputs import classifier_of, model_outputs, shapes_of
from mxdeploy.stages.s9_report.lives import peak_bytes
from mxdeploy.stages.s9_report.quantization import layer_quantizations
from mxdeploy.stages.s9_report.schema import (
    BoardReport,
    Bound,
    ClassProbability,
    LayerReport,
    NodeReport,
    OutputReport,
    ProofReport,
    RegionReport,
    Report,
    RewriteReport,
    StepReport,
    Totals,
    Use,
)
from mxdeploy.stages.s9_report.streaming import streaming_sentences

PEAK_MACS_PER_CYCLE = mem.PROCESSORS * mem.KERNEL_WORD_BYTES
"""64 processors, nine multipliers each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """What a report is made of."""

    plan: Plan
    program: Program
    project: Project
    firmware: Firmware | None
    answer: KnownAnswer
    proof: ProofReport
    board_run: BoardReport | None
    calibration: str | None
    warnings: tuple[str, ...]


def make_report(inputs: ReportInputs) -> Report:
    """Collect the numbers of one build."""
    network = inputs.plan.network
    source = network.value(network.input)
    layers = tuple(
        _layer(inputs.plan, layer, placed)
        for layer, placed in zip(network.layers, inputs.plan.layers, strict=True)
    )
    return Report(
        tool_version=__version__,
        model=network.name,
        source_digest=network.source_digest,
        network_digest=network.digest,
        program_digest=inputs.program.digest,
        project_digest=inputs.project.digest,
        board=inputs.project.board,
        input_shape=network.input_shape,
        input_scale=source.scale,
        head=tuple(StepReport(node=s.origin, operation=type(s).__name__) for s in network.head),
        outputs=tuple(_outputs(network)),
        streaming=tuple(streaming_sentences(inputs.plan)),
        calibration=inputs.calibration,
        sample=inputs.answer.source,
        sample_label=inputs.answer.label,
        layers=layers,
        quantization=layer_quantizations(network),
        totals=_totals(inputs, layers),
        rewrites=tuple(
            RewriteReport(rule=r.rule, nodes=r.nodes, text=r.text, exact=r.exact)
            for r in network.rewrites
        ),
        nodes=tuple(
            NodeReport(
                node=fate.node,
                operator=fate.op_type,
                became=tuple(destination.to_text() for destination in fate.destinations),
                rules=tuple(dict.fromkeys(rewrite.rule for rewrite in fate.rewrites)),
                exact=fate.exact,
            )
            for fate in fates(network)
        ),
        proof=inputs.proof,
        classes=class_probabilities(network, inputs.answer.outputs),
        compiler=inputs.firmware.compiler if inputs.firmware else None,
        board_run=inputs.board_run,
        warnings=inputs.warnings,
    )


def class_probabilities(
    network: QuantNetwork, outputs: Sequence[tuple[str, Tensor]]
) -> tuple[ClassProbability, ...]:
    """Classes by the network's outputs, most probable first.

    Empty when the model neither ends in a softmax nor has named classes.
    """
    classifier = classifier_of(network)
    if classifier is None:
        return ()
    softmax = classifier.maker is not None and isinstance(classifier.maker.op, Softmax)
    if not (softmax or network.classes):
        return ()
    real = model_outputs(network, {name: tensor.array[np.newaxis] for name, tensor in outputs})
    found = classifier.probabilities(real)
    if found is None:
        return ()
    probabilities = found[0]
    order = np.argsort(-probabilities, kind="stable")
    return tuple(
        ClassProbability(
            index=int(i), name=class_name(network.classes, int(i)), probability=probabilities[i]
        )
        for i in order
    )


def _outputs(network: QuantNetwork) -> Iterator[OutputReport]:
    shapes, positions = shapes_of(network), integer_values(network.tail)
    for result in network.model_results:
        steps = steps_for(network.tail, result.value)
        read = {result.value, *(name for step in steps for name in step.inputs)}
        yield OutputReport(
            name=result.name,
            shape=shapes[result.name],
            integers=result.value in positions,
            values=tuple(name for name in network.outputs if name in read),
            steps=tuple(
                StepReport(node=step.origin, operation=type(step.op).__name__) for step in steps
            ),
        )


def class_name(classes: tuple[str, ...], index: int) -> str:
    """Name of a class; its number when there is no name."""
    return classes[index] if index < len(classes) else f"class {index}"


def _layer(plan: Plan, layer: QuantLayer, placed: LayerPlan) -> LayerReport:
    spec, quality = layer.spec, layer.quality
    weights = int(layer.weight.array.size) if layer.weight is not None else 0
    macs = spec.multiply_accumulates
    computed = plan.hardware.layers[placed.index]
    output_cycles = latency.output_cycles(layer_shape(computed.spec, placed))
    return LayerReport(
        index=placed.index,
        name=layer.name,
        onnx_nodes=layer.origin,
        operation=spec.to_text(),
        in_shape=spec.in_shape,
        out_shape=spec.out_shape,
        weights=weights,
        weight_bits=layer.weight_bits,
        weight_bytes=(weights * layer.weight_bits + 7) // 8,
        kernel_start_word=placed.kernels.start_word if placed.kernels else None,
        kernel_words=placed.kernels.words if placed.kernels else 0,
        bias_quadrant=placed.bias.quadrant if placed.bias else None,
        bias_bytes=placed.bias.length_bytes if placed.bias else 0,
        streams=placed.streams,
        processors=placed.inputs[0].processors.bit_count(),
        in_passes=placed.in_passes,
        out_passes=placed.out_passes,
        inputs=tuple(_region(plan, region) for region in written_regions(placed)),
        output=_region(plan, placed.output),
        shift=layer.shift,
        macs=macs,
        cycles=placed.cycles,
        output_cycles=output_cycles,
        bound_by=_bound(layer, placed, output_cycles),
        milliseconds=placed.cycles / CNN_CLOCK_HZ * 1e3,
        peak_share=macs / placed.cycles / PEAK_MACS_PER_CYCLE if placed.cycles else 0.0,
        sqnr_db=quality.sqnr_db if quality else None,
        saturated=quality.saturated if quality else None,
        bias_saturated=quality.bias_saturated if quality else None,
    )


def written_regions(placed: LayerPlan) -> tuple[Region, ...]:
    """What a layer reads, as it was written: its input, its operands, or the parts of a join."""
    return tuple(
        part
        for region in placed.inputs
        for part in ([p.region for p in region.parts] if region.parts else [region])
    )


def _bound(layer: QuantLayer, placed: LayerPlan, output_cycles: int) -> Bound:
    """What most of a layer's cycles go to."""
    if 2 * output_cycles < placed.cycles:
        return Bound.READS
    if layer.spec.kind is Kind.PASSTHROUGH:
        return Bound.WRITES
    return Bound.PASSES if placed.in_passes > 1 else Bound.CHANNELS


def _region(plan: Plan, region: Region) -> RegionReport:
    network = plan.network
    ring = plan.ring_words(region.value)
    return RegionReport(
        value=region.value,
        shape=network.value(region.value).shape,
        bits=region.bits,
        order=str(region.order),
        processors=f"0x{region.processors:016x}",
        offset_bytes=region.offset_bytes,
        end_bytes=region.offset_bytes + mem.WORD_BYTES * (ring or _words(network, region)),
        memories=_memories(region),
        ring=bool(ring),
    )


def _memories(region: Region) -> tuple[int, ...]:
    width = mem.PROCESSORS_PER_MEMORY
    group = (1 << width) - 1
    return tuple(m for m in range(mem.DATA_MEMORIES) if region.processors >> (m * width) & group)


def _words(network: QuantNetwork, region: Region) -> int:
    """Words of one data memory that the region spans, those of others in between included."""
    _, rows, columns = network.value(region.value).shape
    pixels = rows * columns
    if region.order is DataOrder.CHW:
        return -(-pixels // layouts.LANES) * region.passes
    last = (pixels - 1) * region.step_words + (region.passes - 1) * (region.gap + 1)
    return (last + 1) * region.words_per_pass


def _totals(inputs: ReportInputs, layers: tuple[LayerReport, ...]) -> Totals:
    plan = inputs.plan
    cycles = plan.cycles
    size = inputs.firmware.size if inputs.firmware else None
    return Totals(
        layers=Use(used=len(layers), limit=mem.LAYERS, unit="layers"),
        kernel_memory=Use(
            used=sum(_kernel_bytes(layer) for layer in layers),
            limit=mem.TOTAL_KERNEL_BYTES,
            unit="bytes",
        ),
        fullest_processor=Use(
            used=_fullest_processor(plan), limit=mem.KERNEL_WORDS, unit="kernel words"
        ),
        bias_memory=Use(
            used=sum(layer.bias_bytes for layer in layers),
            limit=mem.QUADRANTS * mem.BIAS_BYTES,
            unit="bytes",
        ),
        data_memory=Use(
            used=peak_bytes(layers, plan.network.outputs), limit=mem.TOTAL_DATA_BYTES, unit="bytes"
        ),
        flash=Use(used=size.flash_bytes, limit=mem.FLASH_BYTES, unit="bytes") if size else None,
        sram=Use(used=size.sram_bytes, limit=mem.SRAM_BYTES, unit="bytes") if size else None,
        weight_bytes=sum(layer.weight_bytes for layer in layers),
        macs=sum(layer.macs for layer in layers),
        cycles=cycles,
        clock_hz=CNN_CLOCK_HZ,
        milliseconds=cycles / CNN_CLOCK_HZ * 1e3,
        inferences_per_second=CNN_CLOCK_HZ / cycles if cycles else 0.0,
    )


def _kernel_bytes(layer: LayerReport) -> int:
    return layer.kernel_words * mem.KERNEL_WORD_BYTES * layer.processors


def _fullest_processor(plan: Plan) -> int:
    used = [0] * mem.PROCESSORS
    for layer in plan.layers:
        if layer.kernels is None:
            continue
        for processor in range(mem.PROCESSORS):
            if layer.inputs[0].processors >> processor & 1:
                used[processor] += layer.kernels.words
    return max(used)
