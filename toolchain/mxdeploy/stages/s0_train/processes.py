"""Several processes that train together, started by ``torchrun``; one process without it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ignite.distributed as idist
import torch
import torch.distributed
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
    """Join the processes that ``torchrun`` started, if it did; leave them at the end.

    GPUs talk through NCCL, which needs to know each process's own; all others through Gloo. (ignite
    would take a GPU for every process as soon as there is one, also where CPUs are to train.)
    """
    if _world() == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl", device_id=device)
    else:
        torch.distributed.init_process_group("gloo")
    idist.sync()
    try:
        yield
    finally:
        idist.finalize()


def _world() -> int:
    """How many processes there are, also before they have joined."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Is this the process that writes files and talks?"""
    return int(os.environ.get("RANK", "0")) == 0


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is a GPU where there is one, to each process its own.

    Raises:
        RuntimeError: torch does not know it, it is not there, or several processes would share it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    elif name.startswith("cuda:") and _world() > 1:
        raise RuntimeError(f"{_world()} processes cannot share a GPU; cuda gives each its own")
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


def shared_sums(values: list[float]) -> list[float]:
    """The sums over all processes of numbers that each has."""
    if idist.get_world_size() == 1:
        return values
    found: list[float] = _sum(torch.tensor(values, dtype=torch.float64)).tolist()
    return found


def _sum(tensor: torch.Tensor) -> torch.Tensor:
    """Over all processes. What comes back counts: NCCL cannot change a tensor on the CPU."""
    return torch.as_tensor(idist.all_reduce(tensor))


def average_buffers(module: nn.Module) -> None:
    """Give all processes the mean of their buffers (running means of batch normalization)."""
    world = idist.get_world_size()
    if world == 1:
        return
    for buffer in module.buffers():
        if buffer.is_floating_point():
            buffer.copy_(_sum(buffer.clone()) / world)
