"""The mapping: check, search, place biases, count cycles, and have the result verified."""

from __future__ import annotations

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.errors import ModelError, MxdeployError
from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, LayerPlan, Plan, Region
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.bias_memory import place_biases
from mxdeploy.stages.s4_map.check import WORD_BYTES, check_network, chw_possible
from mxdeploy.stages.s4_map.cycles import layer_shape
from mxdeploy.stages.s4_map.fit import explain_failure
from mxdeploy.stages.s4_map.needs import layer_need, tensor_needs
from mxdeploy.stages.s4_map.options import MapOptions
from mxdeploy.stages.s4_map.search import Placement, Problem, search
from mxdeploy.stages.s4_map.verify import verify_plan

_DEFAULTS = MapOptions()


def map_network(network: QuantNetwork, options: MapOptions = _DEFAULTS) -> Plan:
    """Place a chain of layers on the chip.

    Args:
        network: what to place; every layer reads the output of the layer before it.
        options: wishes of the caller.

    Returns:
        A verified plan: processors, kernel, bias and data memory of every layer, and cycles.

    Raises:
        ModelError: the network is not a chain of supported layers, or does not fit; carries all
            findings.
        MxdeployError: the verifier refused the plan (a defect of the mapping).
    """
    check_network(network)
    problems = tuple(_problem(network, order) for order in _orders(network, options))
    for problem in problems:
        placement = search(problem, options.search_steps)
        if placement is not None:
            plan = _plan(network, problem, placement)
            broken = verify_plan(plan)
            if broken:
                raise MxdeployError((findings.defective_plan(broken), *broken))
            return plan
    raise ModelError(explain_failure(problems, options.search_steps))


def _orders(network: QuantNetwork, options: MapOptions) -> tuple[DataOrder, ...]:
    """Orders of the input to try, the preferred one first."""
    possible = (DataOrder.HWC, DataOrder.CHW) if chw_possible(network) else (DataOrder.HWC,)
    if options.input_order is None:
        return possible
    if options.input_order not in possible:
        raise ModelError(findings.order_not_possible(network.layers[0]))
    return (options.input_order,)


def _problem(network: QuantNetwork, order: DataOrder) -> Problem:
    written = [network.input, *(layer.output for layer in network.layers)]
    return Problem(
        tensors=tensor_needs(network),
        layers=tuple(layer_need(layer) for layer in network.layers),
        tied=tuple(layer.spec.kind is Kind.PASSTHROUGH for layer in network.layers),
        kept=frozenset(written.index(name) for name in network.outputs),
        input_order=order,
    )


def _plan(network: QuantNetwork, problem: Problem, placement: Placement) -> Plan:
    regions = _regions(problem, placement)
    used = {int(limits.LEADING_QUADRANT), *(q for region in regions for q in region.quadrants)}
    biases = place_biases(
        [need.bias_bytes for need in problem.layers],
        [layer.spec.flatten for layer in network.layers],
        sorted(used),
    )
    if biases is None:
        raise ModelError(findings.biases_do_not_pack(problem.layers))
    layers = tuple(
        _layer(network, problem, placement, regions, index, biases[index])
        for index in range(len(problem.layers))
    )
    used |= {bias.quadrant for bias in biases if bias is not None}
    by_value = {region.value: region for region in regions}
    return Plan(
        network=network,
        layers=layers,
        input=regions[0],
        outputs=tuple(by_value[name] for name in network.outputs),
        quadrants=tuple(sorted(used)),
        cycles=latency.STARTUP_CYCLES + sum(layer.cycles for layer in layers),
    )


def _regions(problem: Problem, placement: Placement) -> tuple[Region, ...]:
    return tuple(
        Region(
            value=need.value,
            processors=layouts.processor_mask(tuple(problem.processors(number, start))),
            offset_bytes=WORD_BYTES * word,
            passes=need.passes,
            order=problem.order(number),
            bits=need.bits,
        )
        for number, (need, start, word) in enumerate(
            zip(problem.tensors, placement.starts, placement.data_starts, strict=True)
        )
    )


def _layer(
    network: QuantNetwork,
    problem: Problem,
    placement: Placement,
    regions: tuple[Region, ...],
    index: int,
    bias: BiasSlot | None,
) -> LayerPlan:
    layer, need = network.layers[index], problem.layers[index]
    source, target = regions[index], regions[index + 1]
    kernels = None
    if need.kernel_words:
        kernels = KernelSlot(start_word=placement.kernel_starts[index], words=need.kernel_words)
    shape = layer_shape(
        layer.spec, in_passes=need.in_passes, slots=need.slots, source=source, target=target
    )
    return LayerPlan(
        index=index,
        name=layer.name,
        inputs=(source,),
        output=target,
        in_passes=need.in_passes,
        out_passes=target.passes,
        kernels=kernels,
        bias=bias,
        cycles=latency.layer_cycles(shape),
    )
