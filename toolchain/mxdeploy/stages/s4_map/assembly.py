"""From places to a plan: regions, joins, kernel and bias slots, cycles."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import ModelError
from mxdeploy.ir.plan import BiasSlot, KernelSlot, LayerPlan, Plan, Region, RegionPart
from mxdeploy.ir.timing import layer_shape, network_cycles
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.arrangement import Arrangement, Source
from mxdeploy.stages.s4_map.bias_memory import place_biases
from mxdeploy.stages.s4_map.problem import Problem
from mxdeploy.stages.s4_map.search import Placement
from mxdeploy.stages.s4_map.streaming import Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything begins.

    Attributes:
        processors: first processor of each tensor.
        words: first word of each tensor in its data memories.
        kernels: first kernel word of each layer (any number for layers without kernels).
        biases: bias bytes of each layer; None: to be chosen.
    """

    processors: tuple[int, ...]
    words: tuple[int, ...]
    kernels: tuple[int, ...]
    biases: tuple[BiasSlot | None, ...] | None = None


def places_of(arrangement: Arrangement, placement: Placement) -> Places:
    """What the search found, tensor by tensor."""
    piece_of = {t: i for i, piece in enumerate(arrangement.pieces) for t in piece.tensors}
    return Places(
        processors=placement.starts,
        words=tuple(
            placement.data_starts[piece_of[tensor]] + spacing.first
            for tensor, spacing in enumerate(arrangement.spacings)
        ),
        kernels=placement.kernel_starts,
    )


class Assembly:
    """Makes a plan of places that the search found, or a person chose."""

    def __init__(
        self,
        flow: Flow,
        arrangement: Arrangement,
        problem: Problem,
        places: Places,
    ) -> None:
        """Place the tensors of ``flow``."""
        self._flow = flow
        self._arrangement = arrangement
        self._problem = problem
        self._places = places
        self._regions = [self._region(tensor) for tensor in range(len(problem.tensors))]

    def plan(self) -> Plan:
        """The plan, not yet verified.

        Raises:
            ModelError: the biases do not fit.
        """
        network, problem = self._flow.source, self._problem
        used = {
            int(limits.LEADING_QUADRANT),
            *(quadrant for region in self._regions for quadrant in region.quadrants),
        }
        biases = self._places.biases
        if biases is None:
            biases = place_biases(
                [need.bias_bytes for need in problem.layers],
                [layer.spec.flatten for layer in network.layers],
                sorted(used),
            )
        if biases is None:
            raise ModelError(findings.biases_do_not_pack(problem.layers))
        layers = tuple(self._layer(index, bias) for index, bias in enumerate(biases))
        used |= {bias.quadrant for bias in biases if bias is not None}
        by_value = {region.value: region for region in self._regions}
        return Plan(
            network=network,
            layers=layers,
            input=self._regions[0],
            outputs=tuple(by_value[name] for name in network.outputs),
            quadrants=tuple(sorted(used)),
            cycles=network_cycles(self._flow.network, layers, self._regions[0]),
            fifo=self._flow.fifo,
            realization=None if self._flow.network is network else self._flow.network,
            input_fill=self._flow.fill,
        )

    def _region(self, tensor: int) -> Region:
        need, order = self._problem.tensors[tensor], self._problem.order(tensor)
        spacing = self._arrangement.spacings[tensor]
        start = self._places.processors[tensor]
        numbers = tuple(start + (k if tensor else self._flow.place(k)) for k in range(need.width))
        packed = need.passes * (spacing.gap + 1)
        return Region(
            value=need.value,
            processors=layouts.processor_mask(numbers),
            offset_bytes=mem.WORD_BYTES * self._places.words[tensor],
            passes=need.passes,
            order=order,
            bits=need.bits,
            gap=spacing.gap,
            pixel_words=spacing.step if spacing.step not in (0, packed) else 0,
        )

    def _inputs(self, source: Source) -> tuple[Region, ...]:
        regions = tuple(self._regions[tensor] for tensor in source.tensors)
        if source.join is None:
            return regions
        parts = tuple(
            RegionPart(region=region, channels=self._problem.tensors[tensor].channels)
            for region, tensor in zip(regions, source.tensors, strict=True)
        )
        processors = 0
        for region in regions:
            processors |= region.processors
        join = Region(
            value=source.join,
            processors=processors,
            offset_bytes=min(region.offset_bytes for region in regions),
            passes=source.passes,
            parts=parts,
        )
        return (join,)

    def _layer(self, index: int, bias: BiasSlot | None) -> LayerPlan:
        layer, need = self._flow.network.layers[index], self._problem.layers[index]
        inputs = self._inputs(self._arrangement.sources[index])
        target = self._regions[index + 1]
        first_word = self._places.kernels[index]
        kernels = None
        if need.kernel_words:
            kernels = KernelSlot(start_word=first_word, words=need.kernel_words)
        placed = LayerPlan(
            index=index,
            name=layer.name,
            inputs=inputs,
            output=target,
            in_passes=need.in_passes,
            out_passes=target.passes,
            kernels=kernels,
            bias=bias,
            cycles=0,
            ring_words=self._flow.rings[index] if index < self._flow.streams else 0,
        )
        return replace(placed, cycles=latency.layer_cycles(layer_shape(layer.spec, placed)))
