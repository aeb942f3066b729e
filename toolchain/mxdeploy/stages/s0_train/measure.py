"""Loss, accuracy and outputs of a network on examples as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ignite.distributed as idist
import numpy as np
import torch
from torch import nn

from mxdeploy.data import FloatArray
from mxdeploy.stages.s0_train.losses import Objective
from mxdeploy.stages.s0_train.processes import shared_sums
from mxdeploy.stages.s0_train.samples import Samples

BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Mean loss, and share of right classes (None for a reconstruction).

    ``answers``: how many examples it is a share of; 0 where it is none of examples. (Pixels of a
    mask are alike, so that their number does not tell how sure a share of them is.)
    """

    loss: float
    accuracy: float | None
    answers: int = 0


def measure(network: nn.Module, samples: Samples, objective: Objective) -> Measured:
    """In evaluation mode; several processes divide the examples and share the result."""
    loss, hits, counted, examples = 0.0, 0.0, 0.0, 0.0
    with evaluating(network):
        for chosen in _parts(len(samples), idist.get_rank(), idist.get_world_size()):
            inputs, targets = samples.batch(chosen)
            outputs = network(inputs)
            loss += float(objective.loss(outputs, targets)) * len(chosen)
            right, of = objective.hits(outputs, targets)
            hits, counted, examples = hits + right, counted + of, examples + len(chosen)
    loss, hits, counted, examples = shared_sums([loss, hits, counted, examples])
    accuracy = hits / counted if counted else None
    return Measured(
        loss=loss / examples, accuracy=accuracy, answers=int(counted) if counted == examples else 0
    )


def outputs_of(network: nn.Module, samples: Samples) -> FloatArray:
    """Outputs for all examples, float32 (n, …)."""
    with evaluating(network):
        return np.concatenate(
            [
                network(samples.batch(chosen)[0]).float().cpu().numpy()
                for chosen in _parts(len(samples), 0, 1)
            ]
        )


def outputs_for(network: nn.Module, inputs: FloatArray) -> FloatArray:
    """Outputs for inputs in the network's own units, float32 (n, …)."""
    with evaluating(network):
        found: FloatArray = network(torch.from_numpy(inputs)).float().numpy()
    return found


def inputs_of(samples: Samples) -> FloatArray:
    """All examples as the network takes them, float32 (n, …)."""
    found: FloatArray = samples.batch(torch.arange(len(samples)))[0].cpu().numpy()
    return found


def _parts(count: int, rank: int, world: int) -> Iterator[torch.Tensor]:
    """Indices of a process's examples, in pieces of about ``BATCH``."""
    mine = np.array_split(np.arange(count), world)[rank]
    if len(mine):
        yield from map(torch.from_numpy, np.array_split(mine, -(-len(mine) // BATCH)))


class evaluating:  # noqa: N801 - used as a context, like torch.no_grad
    """The network in evaluation mode and without gradients; afterwards as it was."""

    def __init__(self, network: nn.Module) -> None:
        """``network``: any module."""
        self._network = network
        self._was_training = network.training
        self._no_gradients = torch.no_grad()

    def __enter__(self) -> None:
        """Begin."""
        self._network.eval()
        self._no_gradients.__enter__()

    def __exit__(self, *error: object) -> None:
        """End."""
        self._no_gradients.__exit__(None, None, None)
        self._network.train(self._was_training)
