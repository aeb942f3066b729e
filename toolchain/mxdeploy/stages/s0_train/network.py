"""The network to train: from the zoo or a user's file, with the normalization in front."""

from __future__ import annotations

import inspect
from pathlib import Path

import torch
from torch import nn

from mxdeploy.errors import Diagnostic
from mxdeploy.recipe import NetworkSection
from mxdeploy.stages.s0_train.networks import ZOO
from mxdeploy.stages.s0_train.samples import Samples, Task, in_units
from mxdeploy.stages.s0_train.user_file import Builder, build, fault, find_builder, user_call

Normalization = tuple[torch.Tensor, torch.Tensor] | None
"""Mean and standard deviation per channel."""

_STATISTICS_EXAMPLES = 10_000


class Normalize(nn.Module):
    """Takes the mean of each channel away, and divides by its spread."""

    std: torch.Tensor
    mean: torch.Tensor | None

    def __init__(self, mean: torch.Tensor | None, std: torch.Tensor) -> None:
        """Both float32 (C, 1, 1) or (C, 1); without a mean only the division is left."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs (n, C, …) to the same shape."""
        centred = inputs if self.mean is None else inputs - self.mean
        return centred / self.std


class Trainable(nn.Module):
    """Normalization and network: what is trained, exported and deployed as one."""

    def __init__(self, normalize: Normalize | None, network: nn.Module) -> None:
        """``normalize``: None if the network takes inputs as they are."""
        super().__init__()
        self.normalize = normalize
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs (n, C, …) in their own units to the network's outputs."""
        normalized = inputs if self.normalize is None else self.normalize(inputs)
        outputs: torch.Tensor = self.network(normalized)
        return outputs


def make_normalize(kind: str, samples: Samples) -> Normalize | None:
    """The normalization of a recipe, measured on (some of the) training examples.

    Args:
        kind: ``scale``, ``mean`` or ``none``.
        samples: training examples.
    """
    if kind == "none":
        return None
    inputs = in_units(samples.inputs[:: -(-len(samples) // _STATISTICS_EXAMPLES)], samples.scale)
    inputs = inputs.double()
    axes = (0, *range(2, inputs.ndim))
    shape = (-1, *[1] * (inputs.ndim - 2))
    mean = inputs.mean(dim=axes) if kind == "mean" else None
    centre = torch.zeros(inputs.shape[1]) if mean is None else mean
    spread = ((inputs - centre.view(shape)) ** 2).mean(dim=axes).sqrt()
    spread = torch.where(spread > 0, spread, 1.0)  # a channel that is always the same
    return Normalize(None if mean is None else mean.float().view(shape), spread.float().view(shape))


def build_network(
    section: NetworkSection, shape: tuple[int, ...], classes: int, folder: Path
) -> nn.Module:
    """The network of a recipe, with first weights from torch's random numbers.

    Args:
        section: zoo name or file, and options.
        shape: of one input.
        classes: outputs wanted.
        folder: where files of the recipe are looked for.

    Raises:
        UsageError: there is no such network, or building it fails.
    """
    where, builder = _builder(section, folder)
    given = {"input_shape": shape, "classes": classes}
    takes = inspect.signature(builder).parameters
    arguments = {name: value for name, value in given.items() if name in takes} | section.options
    built = build(where, builder, arguments)
    if not isinstance(built, nn.Module):
        raise fault(
            "MX0030",
            where,
            f"gives {type(built).__name__}, not a torch.nn.Module",
            "name a class that is derived from torch.nn.Module, or a function that makes one",
        )
    if not any(p.requires_grad for p in built.parameters()):
        raise fault("MX0031", where, "has nothing to learn: no parameters", "add layers")
    return built


def check_outputs(
    network: nn.Module, section: NetworkSection, shape: tuple[int, ...], task: Task, classes: int
) -> tuple[Diagnostic, ...]:
    """Let the network compute once, and compare the shape of what it gives.

    Returns:
        Warnings: outputs that are probabilities already.

    Raises:
        UsageError: it fails, or gives something else than the task needs.
    """
    where = section.name or section.file or "network"
    network.eval()
    inputs = torch.zeros(2, *shape)
    with torch.no_grad():
        given = f" on an input of {_shown((2, *shape))}"
        outputs = user_call(where, lambda: network(inputs), given)
    wanted = {
        "classes": (2, classes),
        "pixels": (2, classes, *shape[1:]),
        "reconstruction": (2, *shape),
    }[task]
    found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if found != wanted:
        raise fault(
            "MX0032",
            where,
            f"gives {_shown(found)} for an input of {_shown((2, *shape))}",
            f"let it give {_shown(wanted)}"
            + (
                ": without labels, and with the losses mse and l1, it is to give its input back"
                if task == "reconstruction"
                else f": {classes} numbers, one per class"
                if task == "classes"
                else f": {classes} numbers per pixel, one per class, as small_unet does"
            ),
        )
    return _softmax(where, outputs) if task == "classes" else ()


_NEAR = 1e-4
"""So far from one may a sum of probabilities be."""


def _softmax(where: str, outputs: torch.Tensor) -> tuple[Diagnostic, ...]:
    """A softmax at the end of the network is one too many: the losses have their own."""
    sums = outputs.sum(dim=1)
    if bool((outputs < 0).any()) or bool(((sums - 1).abs() > _NEAR).any()):
        return ()
    return (
        Diagnostic(
            code="MX0044",
            where=where,
            what="ends with a softmax",
            why="the losses apply it themselves; of probabilities they learn slowly and never "
            "become small",
            fix="leave the softmax out of forward()",
            severity="warning",
        ),
    )


def _shown(shape: tuple[int, ...] | str) -> str:
    return shape if isinstance(shape, str) else "x".join(map(str, shape))


def _builder(section: NetworkSection, folder: Path) -> tuple[str, Builder]:
    if section.name is not None:
        if section.name not in ZOO:
            raise fault(
                "MX0033",
                section.name,
                "is no network that comes with mxdeploy",
                f"choose one of {', '.join(ZOO)}, or name a file: network.py:Class",
            )
        return section.name, ZOO[section.name]
    if section.file is None:
        raise fault(
            "MX0034",
            "network",
            "none is named",
            f"--network NAME with one of {', '.join(ZOO)}, or --network network.py:Class",
        )
    return section.file, find_builder(section.file, folder)
