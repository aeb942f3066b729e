"""The mapping: check, search, place biases, count cycles, and have the result verified."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.errors import ModelError, MxdeployError
from mxdeploy.ir.plan import (
    BiasSlot,
    DataOrder,
    KernelSlot,
    LayerPlan,
    Plan,
    Region,
    RegionPart,
)
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.timing import layer_shape
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.arrangement import Arrangement, Source
from mxdeploy.stages.s4_map.bias_memory import place_biases
from mxdeploy.stages.s4_map.check import WORD_BYTES, check_network
from mxdeploy.stages.s4_map.fit import explain_failure
from mxdeploy.stages.s4_map.options import MapOptions
from mxdeploy.stages.s4_map.problem import Problem, chw_possible, make_problem
from mxdeploy.stages.s4_map.search import Placement, search
from mxdeploy.stages.s4_map.verify import verify_plan

_DEFAULTS = MapOptions()


def map_network(network: QuantNetwork, options: MapOptions = _DEFAULTS) -> Plan:
    """Place a network on the chip.

    Args:
        network: what to place; keeps the contract of legalized networks (``ir/network.py``).
        options: wishes of the caller.

    Returns:
        A verified plan: processors, kernel, bias and data memory of every layer, and cycles. Its
        network has further layers where values must be copied (``untie``); it computes the same.

    Raises:
        ModelError: the network has layers that are not supported, or does not fit; carries all
            findings.
        MxdeployError: the verifier refused the plan (a defect of the mapping).
    """
    network, arrangement = check_network(network)
    problems = _problems(network, arrangement, options)
    for problem in problems:
        placement = search(problem, options.search_steps)
        if placement is not None:
            plan = _Assembly(network, arrangement, problem, placement).plan()
            broken = verify_plan(plan)
            if broken:
                raise MxdeployError((findings.defective_plan(broken), *broken))
            return plan
    raise ModelError(explain_failure(problems, options.search_steps))


def _problems(
    network: QuantNetwork, arrangement: Arrangement, options: MapOptions
) -> tuple[Problem, ...]:
    """What to try, the most cautious first: no layer writes over its input unless it must."""
    problems = tuple(
        make_problem(network, arrangement, order)
        for order in _orders(network, arrangement, options)
    )
    cautious = tuple(replace(problem, overwriting={}) for problem in problems)
    return (*cautious, *(problem for problem in problems if problem.overwriting))


def _orders(
    network: QuantNetwork, arrangement: Arrangement, options: MapOptions
) -> tuple[DataOrder, ...]:
    """Orders of the input to try, the preferred one first."""
    chw = chw_possible(network, arrangement)
    possible = (DataOrder.HWC, DataOrder.CHW) if chw else (DataOrder.HWC,)
    if options.input_order is None:
        return possible
    if options.input_order not in possible:
        raise ModelError(findings.order_not_possible(network.layers[0]))
    return (options.input_order,)


class _Assembly:
    """Makes a plan of what the search found."""

    def __init__(
        self,
        network: QuantNetwork,
        arrangement: Arrangement,
        problem: Problem,
        placement: Placement,
    ) -> None:
        self._network = network
        self._arrangement = arrangement
        self._problem = problem
        self._placement = placement
        piece_of = {t: i for i, piece in enumerate(problem.pieces) for t in piece.tensors}
        self._base = [placement.data_starts[piece_of[t]] for t in range(len(problem.tensors))]
        self._regions = [self._region(tensor) for tensor in range(len(problem.tensors))]

    def plan(self) -> Plan:
        """The plan, not yet verified.

        Raises:
            ModelError: the biases do not fit.
        """
        network, problem = self._network, self._problem
        used = {
            int(limits.LEADING_QUADRANT),
            *(quadrant for region in self._regions for quadrant in region.quadrants),
        }
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
            cycles=latency.STARTUP_CYCLES + sum(layer.cycles for layer in layers),
        )

    def _region(self, tensor: int) -> Region:
        need, order = self._problem.tensors[tensor], self._problem.order(tensor)
        spacing = self._arrangement.spacings[tensor]
        start = self._placement.starts[tensor]
        step = int(limits.CHW_PROCESSOR_STEP) if order is DataOrder.CHW else 1
        numbers = tuple(range(start, start + step * need.width, step))
        packed = need.passes * (spacing.gap + 1)
        return Region(
            value=need.value,
            processors=layouts.processor_mask(numbers),
            offset_bytes=WORD_BYTES * (self._base[tensor] + spacing.first),
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
        layer, need = self._network.layers[index], self._problem.layers[index]
        inputs = self._inputs(self._arrangement.sources[index])
        target = self._regions[index + 1]
        first_word = self._placement.kernel_starts[index]
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
        )
        return replace(placed, cycles=latency.layer_cycles(layer_shape(layer.spec, placed)))
