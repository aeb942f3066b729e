"""Small legalized networks, made layer by layer, and what they compute in both forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mxdeploy.errors import ModelError, UsageError
from mxdeploy.ir.network import LayerOp, Network, Node, Value
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s8_run.integer import IntegerMachine

Floats = NDArray[np.float32]
RELU = Activation.RELU


def conv(
    channels: int, out: int, size: int, *, kernel: int = 3, activation: Activation = RELU, **rest
) -> LayerSpec:
    pad = kernel // 2
    return LayerSpec(
        kind=Kind.CONV2D, in_channels=channels, in_size=(size, size), out_channels=out,
        kernel=(kernel, kernel), pad=(pad, pad), activation=activation, **rest,
    )  # fmt: skip


def dense(channels: int, size: int, out: int, *, bits: int = 32) -> LayerSpec:
    return LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=(size, size), out_channels=out,
        flatten=size > 1, output_bits=bits,
    )  # fmt: skip


def op(spec: LayerSpec, seed: int = 0, *, gain: float = 1.0, bias: bool = True) -> LayerOp:
    """Random weights that keep the size of the signal, times ``gain``."""
    shape = spec.weight_shape
    if shape is None:
        return LayerOp(spec=spec)
    rng = np.random.default_rng(seed)
    spread = gain * np.sqrt(2 / np.prod(shape[1:]))
    weight = rng.normal(0, spread, shape).astype(np.float32)
    offset = rng.normal(0, 0.1 * gain, shape[0]).astype(np.float32)
    return LayerOp(spec=spec, weight=Tensor(weight), bias=Tensor(offset) if bias else None)


def chain(ops: Sequence[LayerOp], shape: tuple[int, ...] | None = None) -> Network:
    """Layers in a row; values are called x, v0, v1 and so on."""
    names = ["x", *(f"v{k}" for k in range(len(ops)))]
    shapes = [shape or ops[0].spec.in_shape, *(o.spec.out_shape for o in ops)]
    values = [Value(name=n, shape=s, origin=n) for n, s in zip(names, shapes, strict=True)]
    nodes = [
        Node(name=f"layer{k}", op=o, inputs=(names[k],), output=names[k + 1], origin=(f"o{k}",))
        for k, o in enumerate(ops)
    ]
    return Network(
        name="net", values=tuple(values), inputs=("x",), outputs=(names[-1],), nodes=tuple(nodes)
    )


def with_value(network: Network, name: str, **changes: object) -> Network:
    values = [replace(v, **changes) if v.name == name else v for v in network.values]
    return replace(network, values=tuple(values))


def pixels(shape: tuple[int, ...], count: int = 32, seed: int = 1) -> Floats:
    """Inputs as 8-bit pixels give them: multiples of 1/128 in [-1, 127/128]."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-128, 128, (count, *shape)) / 128).astype(np.float32)


def floats_of(network: Network, x: Floats) -> dict[str, Floats]:
    return Session(build_float_model(network), 1).run({network.inputs[0]: x})


def integers_of(network: QuantNetwork, x: Floats) -> dict[str, NDArray[np.generic]]:
    source = network.value(network.input)
    steps = np.clip(np.rint(x.astype(np.float64) / source.scale), -128, 127).astype(np.int8)
    machine = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
    return dict(machine.run(steps.reshape(-1, *source.shape), layers=True).layers)


def sqnr_db(network: Network, result: QuantNetwork, x: Floats, name: str) -> float:
    real = floats_of(network, x)[name].astype(np.float64)
    found = integers_of(result, x)[name] * result.value(name).scale
    return 10 * float(np.log10(np.square(real).mean() / np.square(found - real).mean()))


def codes(error: pytest.ExceptionInfo[UsageError] | pytest.ExceptionInfo[ModelError]) -> list[str]:
    return [diagnostic.code for diagnostic in error.value.diagnostics]


def small() -> Network:
    return chain([op(conv(3, 8, 8)), op(conv(8, 8, 8), 1), op(dense(8, 8, 5), 2)])


def residual() -> Network:
    """x -> a -> b; (a + b) convolved to c; max pooling to d; (d + d') to e, dense."""
    add = Eltwise(function=EltwiseFunction.ADD)
    a, b = op(conv(3, 8, 8)), op(conv(8, 8, 8, activation=Activation.NONE), 1)
    c = op(conv(8, 8, 8, eltwise=add, operands=2), 2)
    pool = Pool(kind=PoolKind.MAX, size=(2, 2), stride=2)
    d = LayerOp(
        spec=LayerSpec(
            kind=Kind.PASSTHROUGH, in_channels=8, in_size=(8, 8), out_channels=8, pool=pool
        )
    )
    e = LayerOp(
        spec=LayerSpec(
            kind=Kind.PASSTHROUGH, in_channels=8, in_size=(8, 8), out_channels=8, pool=pool,
            eltwise=Eltwise(function=EltwiseFunction.SUB), operands=2,
        )
    )  # fmt: skip
    f = op(dense(8, 4, 3), 3)
    wiring = {
        "a": (a, ("x",)), "b": (b, ("a",)), "c": (c, ("a", "b")), "d": (d, ("c",)),
        "e": (e, ("c", "b")), "f": (f, ("e",)),
    }  # fmt: skip
    shapes = {"x": (3, 8, 8)} | {name: o.spec.out_shape for name, (o, _) in wiring.items()}
    return Network(
        name="residual",
        values=tuple(Value(name=n, shape=s, origin=n) for n, s in shapes.items()),
        inputs=("x",),
        outputs=("d", "f"),
        nodes=tuple(
            Node(name=n, op=o, inputs=i, output=n, origin=(n,)) for n, (o, i) in wiring.items()
        ),
    )
