"""What learns, what stays, and that what was learned is what the chip computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.ir.network import LayerOp, Network, Node, Value
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.branches import branching_networks
from tests.builders import Draft, build, conv, linear, max_pool

torch = pytest.importorskip("torch")
from mxdeploy.stages.s0_train.qat import IntegerNetwork, trainable_network


def weights_of(network: QuantNetwork) -> list[np.ndarray]:
    return [layer.weight.array for layer in network.layers if layer.weight is not None]


def random_step(module: IntegerNetwork, rate: float, seed: int = 0) -> None:
    """Gradient descent towards random outputs."""
    generator = torch.Generator().manual_seed(seed)
    shape = module.network.input_shape
    x = torch.rand((4, *shape), generator=generator) * 2 - 1
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], rate)
    outputs = module(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = sum(((y - torch.rand(y.shape, generator=generator)) ** 2).mean() for y in outputs)
    if loss.requires_grad:
        loss.backward()
        optimizer.step()


@settings(max_examples=15, deadline=None)
@given(network=branching_networks(), seed=st.integers(0, 99))
def test_what_was_learned_is_what_the_integers_compute(network: QuantNetwork, seed: int) -> None:
    module = trainable_network(network)
    for k in range(2):
        random_step(module, 0.05, seed + k)
    module.eval()
    learned = module.quantized()
    x = np.random.default_rng(seed).integers(-128, 128, (2, *learned.value("x").shape))
    x = x.astype(np.int8)
    machine = IntegerMachine(build_integer_model(learned, all_layers=False), learned, threads=1)
    with torch.no_grad():
        found = module.values(torch.from_numpy(x).float())
    for name, wanted in machine.run(x).outputs:
        np.testing.assert_array_equal(found[name].numpy(), wanted)


def test_sums_beyond_single_precision() -> None:
    """64 channels of 64 pixels reach 2**26; the last bits count in a 32-bit output."""
    network = build((64, 8, 8), [linear(3, flatten=True, output_bits=32, bias=True)], seed=1)
    module = trainable_network(network)
    x = np.random.default_rng(0).choice(np.array([-128, 127], np.int8), (4, 64, 8, 8))
    wanted = np.einsum(
        "nchw,ochw->no", x.astype(np.int64), network.layers[0].weight.array.astype(np.int64)
    )
    wanted += network.layers[0].bias.array.astype(np.int64) * 128
    found = module.values(torch.from_numpy(x).float())["y0"]
    np.testing.assert_array_equal(found.detach().numpy()[:, :, 0, 0], wanted)


def test_a_start_without_rounding_is_the_float_network() -> None:
    """With a share of 0 nothing is rounded; where nothing saturates, that is the float network."""
    source = float_network()
    x = np.random.default_rng(0).uniform(-1, 1, (32, 3, 6, 6)).astype(np.float32)
    network = quantize(source, x, QuantizeOptions(method="max", bias_correction=False, threads=1))
    module = trainable_network(network, source)
    real = Session(build_float_model(source), 1).run({"x": x})["y"]
    errors = []
    for share in (0.0, 0.5, 1.0):
        values = module.values(module.quantized_input(torch.from_numpy(x)), share)
        errors.append(np.abs(module.scores(values).detach().numpy() - real).mean())
    assert errors[0] < errors[1] < errors[2]


def test_unrounded_is_nearer_to_the_float_network() -> None:
    source = float_network()
    x = np.random.default_rng(0).uniform(-1, 1, (32, 3, 6, 6)).astype(np.float32)
    options = QuantizeOptions(method="max", bias_correction=False, equalize=False, threads=1)
    module = trainable_network(quantize(source, x, options), source)
    real = Session(build_float_model(source), 1).run({"x": x})["y"]
    whole, unrounded = (f(torch.from_numpy(x)).detach().numpy() for f in (module, module.unrounded))
    assert np.abs(unrounded - real).mean() < np.abs(whole - real).mean() / 2


def test_rounding_comes_in_step_by_step() -> None:
    """In the end, and in evaluation mode always, it is the chip's arithmetic."""
    network = build((3, 6, 6), [conv(4, 3, 1, bias=True), linear(3, flatten=True)], seed=4)
    module = trainable_network(network)
    module.ramp = 3
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 3, 6, 6))).float()
    exact = module.eval()(x)
    module.train()
    found = [bool((module(x) == exact).all()) for _ in range(5)]
    assert found == [False, False, False, True, True]
    assert (module.eval()(x) == exact).all()


def float_network(weight: np.ndarray | None = None) -> Network:
    """A convolution, and a layer behind it that copies every second channel."""
    numbers = np.random.default_rng(3)
    if weight is None:
        weight = numbers.normal(0, 0.2, (4, 3, 3, 3)).astype(np.float32)
    one = LayerSpec(
        kind=Kind.CONV2D, in_channels=3, in_size=(6, 6), out_channels=4, kernel=(3, 3), pad=(1, 1),
        activation=Activation.RELU,
    )  # fmt: skip
    two = LayerSpec(kind=Kind.CONV2D, in_channels=4, in_size=(6, 6), out_channels=2, kernel=(1, 1))
    chosen = np.zeros((2, 4, 1, 1), np.float32)
    chosen[0, 0] = chosen[1, 2] = 1
    bias = Tensor(np.array([0.1, 0, -0.1, 0.2], np.float32))
    nodes = (
        Node(
            name="conv", op=LayerOp(spec=one, weight=Tensor(weight), bias=bias), inputs=("x",),
            output="h", origin=("conv",),
        ),
        Node(
            name="choose", op=LayerOp(spec=two, weight=Tensor(chosen)), inputs=("h",), output="y",
            origin=("choose",),
        ),
    )  # fmt: skip
    shapes = {"x": (3, 6, 6), "h": (4, 6, 6), "y": (2, 6, 6)}
    values = tuple(Value(name=name, shape=shape, origin=name) for name, shape in shapes.items())
    return Network(name="net", values=values, inputs=("x",), outputs=("y",), nodes=nodes)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_zeros_of_the_network_and_copies_stay(bits: int) -> None:
    weight = np.random.default_rng(0).normal(0, 0.2, (4, 3, 3, 3)).astype(np.float32)
    weight[:, :, 0] = 0
    weight[1, 2] = 0
    source = float_network(weight)
    x = np.random.default_rng(0).uniform(-1, 1, (16, 3, 6, 6)).astype(np.float32)
    network = quantize(source, x, QuantizeOptions(weight_bits=bits, threads=1))
    module = trainable_network(network, source)
    for k in range(5):
        random_step(module, 0.1, k)
    learned = weights_of(module.quantized())
    assert not np.array_equal(learned[0], weights_of(network)[0])
    assert not learned[0][weight == 0].any()
    np.testing.assert_array_equal(learned[1], weights_of(network)[1])


def test_what_saturates_gets_no_gradient() -> None:
    drafts = [Draft(out_channels=1, shift=15), linear(1, output_bits=32, flatten=True)]
    network = build((1, 2, 2), drafts, seed=2)
    module = trainable_network(network)
    module(torch.ones(1, 1, 2, 2)).sum().backward()
    first, second = module.layers
    assert first.weight.grad.abs().sum() == 0
    assert second.weight.grad.abs().sum() > 0


def test_parameters_pushed_out_of_their_range_come_back() -> None:
    network = build((2, 6, 6), [conv(3, weight_bits=4, bias=True, pool=max_pool(2))], seed=5)
    module = trainable_network(network)
    (layer,) = module.layers
    with torch.no_grad():
        layer.weight.fill_(1e6)
        layer.bias.fill_(-1e6)
    learned = module.quantized().layers[0]
    assert (learned.weight.array == 7).all()
    assert (learned.bias.array == -128).all()
    module(torch.zeros(1, 2, 6, 6))
    steps = layer.weight * layer.latent.factor
    assert 7 < float(steps.detach().max()) < 7.5
