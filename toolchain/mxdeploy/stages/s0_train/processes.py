"""Several processes that train together, started by ``torchrun``; one process without it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ignite.distributed as idist
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

Device = torch.device


def use_threads(count: int) -> None:
    """Let torch compute with so many CPU threads."""
    torch.set_num_threads(count)


def seed_all(seed: int) -> None:
    """Begin torch's random numbers at ``seed``."""
    torch.manual_seed(seed)


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """Join the processes that ``torchrun`` started, if it did; leave them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    idist.initialize("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        idist.finalize()


def is_first() -> bool:
    """Is this the process that writes files and talks?"""
    return int(os.environ.get("RANK", "0")) == 0


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is a GPU where there is one.

    Raises:
        RuntimeError: torch does not know it, or it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    device = torch.device(name)
    torch.zeros(1, device=device)
    return device


def spread_over(module: nn.Module) -> nn.Module:
    """The module to call while training: gradients are averaged over all processes."""
    if idist.get_world_size() == 1:
        return module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch renames it
        return DistributedDataParallel(module, broadcast_buffers=False)


def shared_mean(value: float) -> float:
    """The mean over all processes of a number that each has."""
    if idist.get_world_size() == 1:
        return value
    return float(idist.all_reduce(value)) / idist.get_world_size()


def average_buffers(module: nn.Module) -> None:
    """Give all processes the mean of their buffers (running means of batch normalization)."""
    world = idist.get_world_size()
    if world == 1:
        return
    for buffer in module.buffers():
        if buffer.is_floating_point():
            total = buffer.clone()
            idist.all_reduce(total)
            buffer.copy_(total / world)
