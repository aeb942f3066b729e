"""The network to train: from the zoo or a user's file, with the normalization in front."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.recipe import NetworkSection
from mxdeploy.stages.s0_train.networks import ZOO
from mxdeploy.stages.s0_train.samples import Samples, Task, in_units

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
    built = _user_call(where, lambda: builder(**arguments))
    if not isinstance(built, nn.Module):
        raise _fault(
            "MX0030",
            where,
            f"gives {type(built).__name__}, not a torch.nn.Module",
            "name a class that is derived from torch.nn.Module, or a function that makes one",
        )
    if not any(p.requires_grad for p in built.parameters()):
        raise _fault("MX0031", where, "has nothing to learn: no parameters", "add layers")
    return built


def check_outputs(
    network: nn.Module, section: NetworkSection, shape: tuple[int, ...], task: Task, classes: int
) -> None:
    """Let the network compute once, and compare the shape of what it gives.

    Raises:
        UsageError: it fails, or gives something else than the task needs.
    """
    where = section.name or section.file or "network"
    network.eval()
    inputs = torch.zeros(2, *shape)
    with torch.no_grad():
        outputs = _user_call(where, lambda: network(inputs))
    wanted = {
        "classes": (2, classes),
        "pixels": (2, classes, *shape[1:]),
        "reconstruction": (2, *shape),
    }[task]
    found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if found != wanted:
        raise _fault(
            "MX0032",
            where,
            f"gives {_shown(found)} for an input of {_shown((2, *shape))}",
            f"let it give {_shown(wanted)}"
            + (
                ": the examples have no labels, so it is to give its input back; or give labels"
                if task == "reconstruction"
                else f": {classes} numbers, one per class"
            ),
        )


def _shown(shape: tuple[int, ...] | str) -> str:
    return shape if isinstance(shape, str) else "x".join(map(str, shape))


def _builder(section: NetworkSection, folder: Path) -> tuple[str, Callable[..., object]]:
    if section.name is not None:
        if section.name not in ZOO:
            raise _fault(
                "MX0033",
                section.name,
                "is no network that comes with mxdeploy",
                f"choose one of {', '.join(ZOO)}, or name a file: network.py:Class",
            )
        return section.name, ZOO[section.name]
    if section.file is None:
        raise _fault(
            "MX0034",
            "network",
            "none is named",
            f"--network NAME with one of {', '.join(ZOO)}, or --network network.py:Class",
        )
    path_text, colon, name = section.file.rpartition(":")
    path = folder / path_text
    if not colon or not name.isidentifier() or not path.is_file():
        raise _fault(
            "MX0035",
            section.file,
            "there is no such file" if colon else "does not say which class",
            "write it as network.py:Class",
        )
    module = _user_call(section.file, lambda: _loaded(path))
    found = getattr(module, name, None)
    if not callable(found):
        classes = [k for k, v in vars(module).items() if inspect.isclass(v) and _is_network(v)]
        raise _fault(
            "MX0036",
            section.file,
            f"has no class {name}",
            f"networks in it: {', '.join(classes) or 'none'}",
        )
    return section.file, found


def _is_network(found: type) -> bool:
    return issubclass(found, nn.Module)


def _loaded(path: Path) -> ModuleType:
    """Run a Python file that may import its neighbours."""
    spec = importlib.util.spec_from_file_location(f"mxdeploy_network_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def _user_call(where: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - a user's own code
    """Call code of the user; what it raises is the user's to mend, so it is told where."""
    try:
        return call()
    except UsageError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise _fault(
            "MX0037",
            where,
            f"stops with {type(error).__name__}: {error}",
            f"look at {frame.filename}, line {frame.lineno}",
        ) from error


def _fault(code: str, where: str, what: str, fix: str) -> UsageError:
    return UsageError(Diagnostic(code=code, where=where, what=what, fix=fix))
