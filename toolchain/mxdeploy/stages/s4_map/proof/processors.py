"""Quadrants that are switched on, processors that can be written to, passes that are counted."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import Plan
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.proof.words import Pairs


def quadrants(plan: Plan) -> Iterator[Diagnostic]:
    """Quadrant 0 leads; whatever is used is switched on."""
    regions = [plan.input, *(r for p in plan.layers for r in (*p.inputs, p.output))]
    used = {
        processor // mem.PROCESSORS_PER_QUADRANT
        for region in regions
        for processor in layouts.processor_list(region.processors)
    }
    used |= {p.bias.quadrant for p in plan.layers if p.bias is not None}
    used.add(int(limits.LEADING_QUADRANT))
    on = set(plan.quadrants)
    sound = plan.quadrants == tuple(sorted(on)) and on <= set(range(mem.QUADRANTS))
    if not sound or not used <= on:
        yield Diagnostic(
            code="MX4107",
            where="plan",
            what=f"quadrants {plan.quadrants} are switched on, {sorted(used)} are used",
            why=limits.LEADING_QUADRANT.text,
        )


def targets(pairs: Pairs) -> Iterator[Diagnostic]:
    """Outputs lie where the layer can write them."""
    for layer, placed in pairs:
        output = placed.output.processors
        if layer.spec.kind is Kind.PASSTHROUGH:
            yield from _copied(layer.name, placed.inputs[0].processors, output)
            if placed.output.step_words != placed.output.passes * (placed.output.gap + 1):
                yield from _uneven(layer.name, placed.output.passes)
            continue
        numbers = layouts.processor_list(output)
        contiguous = numbers[-1] - numbers[0] + 1 == len(numbers)
        if not contiguous or numbers[0] % mem.PROCESSORS_PER_MEMORY:
            yield Diagnostic(
                code="MX4109",
                where=layer.name,
                what=f"writes to processors 0x{output:x}",
                why="output processors are consecutive, from a multiple of four on",
            )


def _copied(where: str, source: int, target: int) -> Iterator[Diagnostic]:
    if target != _packed(source, target):
        yield Diagnostic(
            code="MX4108",
            where=where,
            what=f"copies 0x{source:x} to 0x{target:x}",
            why="a quadrant writes its own processors, packed, from a multiple of four on",
        )


def _uneven(where: str, passes: int) -> Iterator[Diagnostic]:
    if passes > 1:
        yield Diagnostic(
            code="MX4128",
            where=where,
            what=f"leaves other gaps between its {passes} passes than between pixels",
            why="without convolution, all words are the same distance apart",
        )


def _packed(source: int, target: int) -> int:
    """Where pass-through puts ``source``, starting in each quadrant where ``target`` does."""
    per_quadrant = mem.PROCESSORS_PER_QUADRANT
    result = 0
    for quadrant in range(mem.QUADRANTS):
        shift, ones = quadrant * per_quadrant, (1 << per_quadrant) - 1
        count, wanted = (source >> shift & ones).bit_count(), target >> shift & ones
        start = (wanted & -wanted).bit_length() - 1 if wanted else 0
        if start % mem.PROCESSORS_PER_MEMORY == 0:
            result |= (((1 << count) - 1) << start & ones) << shift
    return result


def passes(pairs: Pairs) -> Iterator[Diagnostic]:
    """Passes are those of the regions, and the chip's counters and row caches hold them."""
    for layer, placed in pairs:
        spec = layer.spec
        pixels = spec.in_size[0] * spec.in_size[1] if spec.flatten else 1
        wanted = (placed.inputs[0].passes * pixels, placed.output.passes)
        if (placed.in_passes, placed.out_passes) != wanted:
            yield Diagnostic(
                code="MX4112",
                where=layer.name,
                what=f"passes {placed.in_passes} -> {placed.out_passes}; the regions have "
                f"{wanted[0]} -> {wanted[1]}",
            )
        most = limits.MAX_FLATTEN_PASSES if spec.flatten else limits.MAX_PASSES
        cached = wanted[0] * spec.out_size[1] if spec.kernel[1] > 1 else 0
        limit = most if wanted[0] > most else limits.TRAM_ENTRIES
        if wanted[0] > most or cached > limits.TRAM_ENTRIES:
            yield Diagnostic(
                code="MX4129",
                where=layer.name,
                what=f"{wanted[0]} passes of {spec.out_size[1]} columns",
                why=limit.text,
            )
