"""The network as the accelerator rounds it: 8-bit weights, biases and activations.

Scales are powers of two, one per tensor. A layer computes ``acc = sum(w * x) + (bias << 7)`` in
integers and, but for the last layer, stores ``clip((acc + half) >> shift, 0, 127)``. The same
module serves to measure the network that way and to fine-tune it that way: gradients pass
the rounding as if it were not there.
"""

from __future__ import annotations

import torch
from torch import nn

INPUT_STEP = 2.0**-7
BIAS_STEPS = 128
"""One step of an 8-bit bias, in steps of the accumulator."""


def round_through(values: torch.Tensor) -> torch.Tensor:
    """Nearest integers, halves up; the gradient is that of the identity."""
    return values + (torch.floor(values + 0.5) - values).detach()


def to_grid(values: torch.Tensor, step: float, low: int, high: int) -> torch.Tensor:
    """The nearest of ``low * step .. high * step``; no gradient where the value was beyond."""
    return torch.clamp(round_through(values / step), low, high) * step


def best_step(values: torch.Tensor) -> float:
    """The power of two whose signed 8-bit grid is closest to ``values`` in mean square."""
    largest = float(values.abs().max())
    if largest == 0.0:
        return INPUT_STEP
    exponent = int(torch.ceil(torch.log2(torch.tensor(largest / 128))))
    steps = [2.0**e for e in range(exponent - 3, exponent + 1)]
    errors = [float((to_grid(values, step, -128, 127) - values).square().mean()) for step in steps]
    return steps[errors.index(min(errors))]


def activation_steps(folded: nn.Sequential, inputs: torch.Tensor) -> dict[str, float]:
    """Best step of each ReLU's output over ``inputs``, by the name of the ReLU."""
    steps: dict[str, float] = {}
    values = inputs
    with torch.inference_mode():
        for name, module in folded.named_children():
            values = module(values)
            if isinstance(module, nn.ReLU):
                steps[name] = best_step(values)
    return steps


class Rounded(nn.Module):
    """A folded network that rounds as the accelerator does, on the fly.

    Args:
        folded: the network; it is kept, not copied, and training trains its weights.
        steps: size of one step of each ReLU's 8-bit output.
    """

    def __init__(self, folded: nn.Sequential, steps: dict[str, float]) -> None:
        """Choose the weight steps from the weights as they are now."""
        super().__init__()
        self.folded = folded
        self.steps = dict(steps)
        self.weight_steps = {
            name: best_step(module.weight.detach())
            for name, module in folded.named_children()
            if isinstance(module, (nn.Conv2d, nn.Linear))
        }

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits float32 ``[n, 10]`` of inputs float32 ``[n, 3, 32, 32]`` in chip scale."""
        values, step = inputs, INPUT_STEP
        for name, module in self.folded.named_children():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                weight, bias = self.rounded_parameters(name, module, step)
                if isinstance(module, nn.Conv2d):
                    values = nn.functional.conv2d(values, weight, bias, padding=module.padding)
                else:
                    values = nn.functional.linear(values, weight, bias)
            elif isinstance(module, nn.ReLU):
                step = self.steps[name]
                values = to_grid(values, step, 0, 127)
            else:
                values = module(values)
        return values

    def rounded_parameters(
        self, name: str, module: nn.Conv2d | nn.Linear, input_step: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and biases of a layer on their 8-bit grids."""
        if module.bias is None:
            raise TypeError(f"{name} has no bias")
        weight_step = self.weight_steps[name]
        bias_step = BIAS_STEPS * weight_step * input_step
        return (
            to_grid(module.weight, weight_step, -128, 127),
            to_grid(module.bias, bias_step, -128, 127),
        )

    def clamp_parameters(self) -> None:
        """Move weights and biases that lie outside their 8-bit range to its edge."""
        step = INPUT_STEP
        with torch.no_grad():
            for name, module in self.folded.named_children():
                if isinstance(module, nn.ReLU):
                    step = self.steps[name]
                elif isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
                    weight_step = self.weight_steps[name]
                    bias_step = BIAS_STEPS * weight_step * step
                    module.weight.clamp_(-128 * weight_step, 127 * weight_step)
                    module.bias.clamp_(-128 * bias_step, 127 * bias_step)
