"""Recorded programs as plans: the same geometry and placement, for the lowering to lower.

The records come from another toolchain; what they write is the outside judge of the lowering.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, LayerPlan, Plan, Region, RegionPart
from mxdeploy.ir.quantized import Join, QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ir.timing import network_cycles
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)

_CONFIGURE, _START, _ACKNOWLEDGE = 4, 6, 7
_KINDS = {
    "conv2d": Kind.CONV2D,
    "conv1d": Kind.CONV1D,
    "convtranspose2d": Kind.CONV_TRANSPOSE2D,
    "linear": Kind.LINEAR,
    "passthrough": Kind.PASSTHROUGH,
    "none": Kind.PASSTHROUGH,
}
_ACTIVATIONS = {None: Activation.NONE, "ReLU": Activation.RELU, "Abs": Activation.ABS}


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded program.

    Attributes:
        meta: its description.
        configured: address -> value of all layer registers that are not zero.
        started: values written to CTRL by the start, as (quadrant, value) in order.
        acknowledged: those written after the interrupt.
    """

    meta: dict[str, Any]
    configured: dict[int, int]
    started: tuple[tuple[int, int], ...]
    acknowledged: tuple[tuple[int, int], ...]

    @property
    def quadrants(self) -> tuple[int, ...]:
        """Quadrants that are started."""
        return tuple(sorted({quadrant for quadrant, _ in self.started}))


def load(path: Path) -> Record:
    """Read a record, expanding the run-length code of the parts that are wanted."""
    with np.load(path) as data:
        lengths = data["run_len"].astype(np.int64)
        first = np.cumsum(lengths) - lengths
        step = np.arange(lengths.sum()) - np.repeat(first, lengths)
        address = np.repeat(data["run_addr"].astype(np.int64), lengths)
        address += step * np.repeat(data["run_stride"].astype(np.int64), lengths)
        phase = np.repeat(data["run_phase"], lengths)
        values = data["writes_val"]
        chosen = [
            list(zip(address[part].tolist(), values[part].tolist(), strict=True))
            for part in (phase == _CONFIGURE, phase == _START)
        ]
        after = data["post_w_phase"] == _ACKNOWLEDGE
        columns = (data["post_w_addr"][after].tolist(), data["post_w_val"][after].tolist())
        chosen.append(list(zip(*columns, strict=True)))
        meta = json.loads(str(data["meta"]))
    controls = {reg.Ctrl.address(q): q for q in range(mem.QUADRANTS)}
    return Record(
        meta=meta,
        configured={a: v for a, v in dict(chosen[0]).items() if v},
        started=tuple((controls[a], v) for a, v in chosen[1] if a in controls),
        acknowledged=tuple((controls[a], v) for a, v in chosen[2] if a in controls),
    )


def meta_of(path: Path) -> dict[str, Any]:
    """The description alone."""
    with np.load(path) as data:
        return json.loads(str(data["meta"]))


def lowerable(meta: dict[str, Any]) -> bool:
    """Whether all layers are of the kinds that are lowered, and the core loads the input itself.

    The fast FIFO belongs to the other core.
    """
    return "fast_fifo" not in meta["features"] and all(
        layer["operator"] in _KINDS and not layer["bypass"] and layer["dilation"] == [1, 1]
        for layer in meta["layers"]
    )


def is_chain(meta: dict[str, Any]) -> bool:
    """Whether every layer reads what the layer before it wrote, and only that."""
    return all(
        layer["operator"] != "convtranspose2d"
        and not layer["write_gap"]
        and layer["operands"] == 1
        and layer["in_sequences"] in (None, [index - 1])
        for index, layer in enumerate(meta["layers"])
    )


def is_joined(layer: dict[str, Any]) -> bool:
    """Whether a layer reads several values as one."""
    return layer["operands"] == 1 and len(layer["in_sequences"] or []) > 1


def plan_of(record: Record) -> Plan:
    """The plan that the recorded program was made from, with zero weights.

    Bias placement, which the records' descriptions lack, is read from the recorded registers;
    lengths of kernels and biases, which they count in another way, are computed.
    """
    layers = record.meta["layers"]
    values = [_value("x", layers[0]["in_chan"], layers[0]["in_dim"], 8)]
    values += [
        _value(f"y{i}", layer["out_chan"], layer["out_dim"], layer["output_width"])
        for i, layer in enumerate(layers)
    ]
    last = values[-1].name
    joined = {i: layer for i, layer in enumerate(layers) if is_joined(layer)}
    values += [_value(f"j{i}", la["in_chan"], la["in_dim"], 8) for i, la in joined.items()]
    network = QuantNetwork(
        name=record.meta["name"],
        values=tuple(values),
        input="x",
        outputs=(last,),
        layers=tuple(_layer(i, layer) for i, layer in enumerate(layers)),
        joins=tuple(Join(inputs=_names(i, la), output=f"j{i}") for i, la in joined.items()),
    )
    plans = tuple(_layer_plan(record, network, i, layer) for i, layer in enumerate(layers))
    return Plan(
        network=network,
        layers=plans,
        input=plans[0].inputs[0],
        outputs=(plans[-1].output,),
        quadrants=record.quadrants,
        cycles=network_cycles(network, plans, plans[0].inputs[0]),
        fifo="fifo" in record.meta["features"],
    )


def _value(name: str, channels: int, size: list[int], bits: int) -> QuantValue:
    shape = (channels, size[0], size[1])
    return QuantValue(name=name, shape=shape, scale=1, bits=bits, origin=name, model_shape=shape)


def _spec(layer: dict[str, Any]) -> LayerSpec:
    pool = None
    if layer["pool"] != [1, 1] or layer["pool_stride"] != [1, 1]:
        pool = Pool(
            kind=PoolKind.AVERAGE if layer["pool_average"] else PoolKind.MAX,
            size=tuple(layer["pool"]),
            stride=layer["pool_stride"][0],
        )
    kind = _KINDS[layer["operator"]]
    return LayerSpec(
        kind=kind,
        in_channels=layer["in_chan"],
        in_size=tuple(layer["in_dim"]),
        out_channels=layer["out_chan"],
        kernel=tuple(layer["kernel"]),
        pad=tuple(layer["hw_pad"] if kind is Kind.CONV_TRANSPOSE2D else layer["pad"]),
        pool=pool,
        eltwise=_eltwise(layer),
        operands=layer["operands"],
        activation=_ACTIVATIONS[layer["activation"]],
        flatten=layer["flatten"],
        output_bits=layer["output_width"],
    )


def _eltwise(layer: dict[str, Any]) -> Eltwise | None:
    if layer["operands"] == 1:
        return None
    return Eltwise(function=EltwiseFunction(layer["eltwise"]), pool_first=layer["pool_first"])


def _names(index: int, layer: dict[str, Any]) -> tuple[str, ...]:
    """Values read; a single one that holds all operands is named once for each of them."""
    before = layer["in_sequences"] or [index - 1]
    names = [f"y{number}" if number >= 0 else "x" for number in before]
    return tuple(names) if len(names) > 1 else tuple(names * layer["operands"])


def _inputs(index: int, layer: dict[str, Any]) -> tuple[str, ...]:
    return (f"j{index}",) if is_joined(layer) else _names(index, layer)


def _layer(index: int, layer: dict[str, Any]) -> QuantLayer:
    spec = _spec(layer)
    weight = None if spec.weight_shape is None else Tensor(np.zeros(spec.weight_shape, np.int8))
    return QuantLayer(
        name=f"layer{index}",
        spec=spec,
        inputs=_inputs(index, layer),
        output=f"y{index}",
        weight=weight,
        weight_bits=layer["weight_bits"] or 8,
        bias=Tensor(np.zeros(spec.out_channels, np.int8)) if layer["bias"] else None,
        shift=layer["output_shift"],
        origin=(),
    )


def _layer_plan(
    record: Record, network: QuantNetwork, index: int, layer: dict[str, Any]
) -> LayerPlan:
    spec = network.layers[index].spec
    inputs = tuple(
        Region(
            value=value,
            processors=int(layer["processors"], 16),
            offset_bytes=layer["in_offset"] + 4 * number,
            passes=layer["in_expand"],
            order=DataOrder.CHW if layer["big_data"] else DataOrder.HWC,
            gap=layer["operands"] - 1,
            parts=_parts(record, layer),
        )
        for number, value in enumerate(network.layers[index].inputs)
    )
    target = _target(record, index)
    in_passes = layer["in_expand"] * (spec.in_size[0] * spec.in_size[1] if spec.flatten else 1)
    kernels = None
    if spec.kind is not Kind.PASSTHROUGH:
        words = layouts.kernel_words(
            _slots(spec, target) * in_passes,
            spec.kernel[0] * spec.kernel[1],
            layer["weight_bits"],
        )
        kernels = KernelSlot(start_word=layer["kern_offs"], words=words)
    return LayerPlan(
        index=index,
        name=f"layer{index}",
        inputs=inputs,
        output=target,
        in_passes=in_passes,
        out_passes=target.passes,
        kernels=kernels,
        bias=_bias(record, index, spec, target),
        cycles=0,
        ring_words=layer["rollover"] or 0 if layer["streaming"] else 0,
    )


def _target(record: Record, index: int) -> Region:
    layer = record.meta["layers"][index]
    return Region(
        value=f"y{index}",
        processors=int(layer["output_processors"], 16),
        offset_bytes=layer["out_offset"],
        passes=layer["out_expand"],
        bits=layer["output_width"],
        gap=layer["write_gap"],
    )


def _parts(record: Record, layer: dict[str, Any]) -> tuple[RegionPart, ...]:
    """Where the parts of what a layer reads were written (all by layers)."""
    if not is_joined(layer):
        return ()
    return tuple(
        RegionPart(
            region=_target(record, number), channels=record.meta["layers"][number]["out_chan"]
        )
        for number in layer["in_sequences"]
    )


def _bias(record: Record, index: int, spec: LayerSpec, target: Region) -> BiasSlot | None:
    for quadrant in range(mem.QUADRANTS):
        address = reg.PostProcessing.address(quadrant, index)
        post = reg.PostProcessing.decode(record.configured.get(address, 0))
        if post.bptr_en:
            return BiasSlot(
                quadrant=quadrant, start_byte=post.bptr_sad, length_bytes=_slots(spec, target)
            )
    return None


def _slots(spec: LayerSpec, target: Region) -> int:
    if spec.flatten:
        return int(layouts.output_slots(spec.out_channels, target.processors).max()) + 1
    return target.passes * layouts.output_columns(target.processors)
