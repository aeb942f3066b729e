"""A quantized network as a torch module: what the chip computes, with gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from mxdeploy.arith.head import apply_head, quantized_input
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.graph import ArgMax, LogSoftmax, Softmax, TopK
from mxdeploy.ops.tail import steps_for
from mxdeploy.stages.s0_train.qat.latent import latent_of
from mxdeploy.stages.s0_train.qat.layer import IntegerLayer
from mxdeploy.stages.s0_train.qat.tail import apply_step


def trainable_network(network: QuantNetwork, source: Network | None = None) -> IntegerNetwork:
    """The module of a quantized network, ready to be trained.

    Args:
        network: what to start from; the module computes exactly what it does.
        source: the legalized network that was quantized: its real weights lie behind the integers,
            its zeros stay, and layers that only copy do not learn. None: the integers themselves
            are behind the integers, and everything learns.
    """
    return IntegerNetwork(network, source)


class IntegerNetwork(nn.Module):
    """Computes exactly what the chip does; its parameters are real numbers behind the integers.

    In, and out, are real numbers: the model's input and its outputs as the CPU's last steps leave
    them, but without the softmax or choice at the very end, which losses have built in (they want
    logits).

    Attributes:
        network: the quantized network it was made of.
        ramp: steps of training in which rounding comes in, from almost none to all of it. In
            evaluation mode all numbers are always rounded.
        channels_last: inputs come channels first, and the model takes them channels last.
    """

    def __init__(self, network: QuantNetwork, source: Network | None) -> None:
        """Start with the integers of ``network``."""
        super().__init__()
        self.network = network
        self.ramp = 0
        self.channels_last = False
        self._steps = 0
        self.layers = nn.ModuleList(
            IntegerLayer(layer, None if layer.weight is None else latent_of(network, layer, source))
            for layer in network.layers
        )
        self._joins = {join.output: join.inputs for join in network.joins}
        self._results = tuple(_scores(network, result.value) for result in network.model_results)

    @property
    def score_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of what :meth:`forward` gives, without the batch dimension."""
        network = self.network
        shapes = {name: network.value(name).model_shape for name in network.outputs}
        shapes |= {step.output: step.shape for step in network.tail}
        return tuple(shapes[name] for name in self._results)

    def get_extra_state(self) -> Tensor:
        """For checkpoints: how many steps were taken, on which the share of rounding depends."""
        return torch.tensor(self._steps)

    def set_extra_state(self, state: Tensor) -> None:
        """Go on behind so many steps."""
        self._steps = int(state)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Outputs of the model for a batch of its inputs, (n, *shape), real numbers.

        A single output comes by itself, several in the model's order.
        """
        share = 1.0
        if self.training:
            self._steps += 1
            share = min(1.0, self._steps / (self.ramp + 1))
        return self.scores(self.values(self.quantized_input(x), share))

    @torch.no_grad()
    def unrounded(self, x: Tensor) -> Tensor:
        """The only output, of the real numbers behind the integers: nothing is rounded.

        Inputs are still the integers that the chip gets, and what saturates there does here.
        """
        outputs = self.scores(self.values(self.quantized_input(x), 0.0))
        if isinstance(outputs, tuple):
            raise TypeError("several outputs")
        return outputs

    def quantized_input(self, x: Tensor) -> Tensor:
        """The integers that the chip gets for a batch of the model's inputs; float32."""
        network = self.network
        source = network.value(network.input)
        inputs = x.movedim(1, -1) if self.channels_last else x
        real = apply_head(network.head, inputs.detach().cpu().numpy().astype(np.float32))
        integers = quantized_input(np.ascontiguousarray(real), source.scale)
        return torch.from_numpy(integers.reshape(-1, *source.shape)).float().to(x.device)

    def values(self, integers: Tensor, share: float = 1.0) -> dict[str, Tensor]:
        """Every layer's output (n, C, H, W) for input integers, by the name of its value.

        ``share``: how much of all rounding happens, 0..1; 1 is the chip's arithmetic.
        """
        found = {self.network.input: integers}
        # NNPACK's convolutions trade exactness for fewer products.
        with torch.backends.nnpack.flags(enabled=False):
            for layer in self._integer_layers():
                if self.training:
                    layer.confine()
                operands = [self._operand(name, found) for name in layer.layer.inputs]
                found[layer.layer.output] = layer(operands, share)
        return found

    def scores(self, values: Mapping[str, Tensor]) -> Tensor | tuple[Tensor, ...]:
        """The model's outputs of what :meth:`values` gives."""
        network = self.network
        real: dict[str, Tensor] = {}
        for name in network.outputs:
            value, shape = network.value(name), network.value(name).model_shape
            real[name] = (values[name] * value.scale).float().reshape(-1, *shape)
        wanted = {step.output for name in self._results for step in steps_for(network.tail, name)}
        for step in network.tail:
            if step.output in wanted:
                real[step.output] = apply_step(step, [real[name] for name in step.inputs])
        outputs = tuple(real[name] for name in self._results)
        return outputs[0] if len(outputs) == 1 else outputs

    def quantized(self) -> QuantNetwork:
        """The quantized network of now."""
        layers = tuple(layer.quantized() for layer in self._integer_layers())
        network = replace(self.network, layers=layers)
        network.verify()
        return network

    def _integer_layers(self) -> Iterator[IntegerLayer]:
        for layer in self.layers:
            if isinstance(layer, IntegerLayer):
                yield layer

    def _operand(self, name: str, found: dict[str, Tensor]) -> Tensor:
        if name not in found:
            found[name] = torch.cat([found[part] for part in self._joins[name]], dim=1)
        return found[name]


def _scores(network: QuantNetwork, value: str) -> str:
    """The value of which a result is made by a softmax or a choice, or by several."""
    producers = {step.output: step for step in network.tail}
    while value in producers and isinstance(
        producers[value].op, Softmax | LogSoftmax | ArgMax | TopK
    ):
        value = producers[value].inputs[0]
    return value
