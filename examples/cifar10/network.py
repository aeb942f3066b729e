"""The network: plain torch layers, in an order that the accelerator executes one by one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One convolution (3x3, pad 1, stride 1), after a 2x2 max pooling of its input or not."""

    channels: int
    pooled: bool


STAGES = (
    Stage(channels=32, pooled=False),  # 32x32
    Stage(channels=64, pooled=True),  # 16x16
    Stage(channels=64, pooled=True),  # 8x8
    Stage(channels=64, pooled=False),  # 8x8
    Stage(channels=64, pooled=True),  # 4x4
)
CLASS_COUNT = 10
LAST_SIDE = 4
EVALUATION_BATCH = 500


def build_network() -> nn.Sequential:
    """The network as it is trained, with batch normalization after each convolution.

    Input float32 ``[n, 3, 32, 32]`` in chip scale, output float32 ``[n, 10]`` logits.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for number, stage in enumerate(STAGES, start=1):
        if stage.pooled:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        layers[f"conv{number}"] = nn.Conv2d(channels, stage.channels, 3, padding=1, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm2d(stage.channels)
        layers[f"relu{number}"] = nn.ReLU()
        channels = stage.channels
    layers["flatten"] = nn.Flatten()
    layers["classes"] = nn.Linear(channels * LAST_SIDE * LAST_SIDE, CLASS_COUNT)
    return nn.Sequential(layers)


def fold(network: nn.Sequential) -> nn.Sequential:
    """The same function without batch normalization: it becomes part of weights and biases."""
    modules = dict(network.named_children())
    folded: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in modules.items():
        if isinstance(module, nn.Conv2d):
            norm = modules[name.replace("conv", "norm")]
            if not isinstance(norm, nn.BatchNorm2d):
                raise TypeError(f"{name} has no batch normalization after it")
            folded[name] = nn.utils.fuse_conv_bn_eval(module.eval(), norm.eval())
        elif not isinstance(module, nn.BatchNorm2d):
            folded[name] = module
    return nn.Sequential(folded).eval()


def weight_count(network: nn.Module) -> int:
    """Weights that go into the kernel memory: everything but biases and normalization."""
    layers = (nn.Conv2d, nn.Linear)
    return sum(m.weight.numel() for m in network.modules() if isinstance(m, layers))


def accuracy(network: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of correctly classified inputs, 0..1."""
    network.eval()
    hits = 0
    with torch.inference_mode():
        for start in range(0, len(labels), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            hits += int((network(inputs[part]).argmax(1) == labels[part]).sum())
    return hits / len(labels)
