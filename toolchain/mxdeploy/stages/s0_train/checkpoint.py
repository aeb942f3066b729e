"""Checkpoints: a network with everything that is needed to use it, export it or go on training.

A checkpoint holds tensors, numbers and text only, so that reading one executes nothing
(``torch.load(path, weights_only=True)``).
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mxdeploy.data import Scale
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.recipe import Recipe, check_recipe
from mxdeploy.stages.s0_train.network import Normalize, Trainable, build_network
from mxdeploy.stages.s0_train.samples import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """What a file holds.

    Attributes:
        recipe: how the network is made and was trained.
        folder: where the recipe's files are, as seen from the checkpoint's folder.
        task: what the network gives.
        shape: of one input.
        outputs: classes that the network was built for.
        classes: their names.
        scale: what 8-bit data become before they enter.
        weights: of ``Trainable``, with the normalization.
        epoch: after which the weights are these.
        state: what ``fit`` goes on from; None if the file is only for use.
    """

    recipe: Recipe
    folder: str
    task: Task
    shape: tuple[int, ...]
    outputs: int
    classes: tuple[str, ...]
    scale: Scale
    weights: Mapping[str, torch.Tensor]
    epoch: int
    state: Mapping[str, Any] | None = None

    def to_bytes(self) -> bytes:
        """The content of the file."""
        document = {
            "recipe": self.recipe.model_dump_json(),
            "folder": self.folder,
            "task": self.task,
            "shape": list(self.shape),
            "outputs": self.outputs,
            "classes": list(self.classes),
            "scale": str(self.scale),
            "weights": dict(self.weights),
            "epoch": self.epoch,
            "state": self.state,
        }
        stream = io.BytesIO()
        torch.save(document, stream)
        return stream.getvalue()

    def with_state(self, state: Mapping[str, Any], epoch: int) -> Checkpoint:
        """The same training after an epoch."""
        return replace(self, weights=state["weights"], state=state, epoch=epoch)

    def best(self, state: Mapping[str, Any], epoch: int) -> Checkpoint:
        """The best weights so far, to be used."""
        return replace(self, weights=state["best_weights"], state=None, epoch=epoch)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file that ``to_bytes`` wrote.

    Raises:
        UsageError: there is none, or it is damaged or something else.
    """
    with stored(path) as document:
        return Checkpoint(
            recipe=check_recipe(_json(document["recipe"]), str(path)),
            folder=document["folder"],
            task=document["task"],
            shape=tuple(document["shape"]),
            outputs=document["outputs"],
            classes=tuple(document["classes"]),
            scale=Scale(document["scale"]),
            weights=document["weights"],
            epoch=document["epoch"],
            state=document["state"],
        )


@contextmanager
def stored(path: Path) -> Iterator[Mapping[str, Any]]:
    """What a checkpoint holds; whatever is not as it should be makes the file unreadable.

    Raises:
        UsageError: there is no file, or it is damaged or something else.
    """
    if not zipfile.is_zipfile(path):
        raise _unreadable(path, "it is no file of torch" if path.exists() else "there is no file")
    try:
        yield torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError) as error:
        raise _unreadable(path, str(error)) from error
    except pickle.UnpicklingError as error:
        raise _unreadable(path, "it holds more than tensors, numbers and text") from error


def _json(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def _unreadable(path: Path, reason: str) -> UsageError:
    """A file is no checkpoint, for this reason."""
    return UsageError(
        Diagnostic(
            code="MX0040",
            where=str(path),
            what=f"is no checkpoint that can be read: {reason.splitlines()[0] if reason else ''}",
            fix="name a checkpoint that mxdeploy train wrote: best.ckpt or last.ckpt",
        )
    )


def network_of(checkpoint: Checkpoint, path: Path) -> Trainable:
    """The network with its weights; ``path``: of the checkpoint.

    Raises:
        UsageError: the network's file is gone, or has become another network.
    """
    folder = Path(os.path.normpath(path.parent / checkpoint.folder))
    inner = build_network(checkpoint.recipe.network, checkpoint.shape, checkpoint.outputs, folder)
    std = checkpoint.weights.get("normalize.std")
    normalize = None
    if std is not None:
        mean = checkpoint.weights.get("normalize.mean")
        normalize = Normalize(None if mean is None else mean.clone(), std.clone())
    network = Trainable(normalize, inner)
    load_weights(network, checkpoint.weights, path)
    return network.eval()


def begin_with(
    network: Trainable, weights: Mapping[str, torch.Tensor], path: Path
) -> tuple[Diagnostic, ...]:
    """Give a network the weights of a checkpoint; one layer may have other shapes.

    So a network that was trained for some classes begins to learn others: its last layer begins
    with first weights of its own.

    Returns:
        Which layer that is.

    Raises:
        UsageError: the weights belong to another network.
    """
    own = network.state_dict()
    others = [name for name in own if name in weights and weights[name].shape != own[name].shape]
    layers = {name.rpartition(".")[0] for name in others}
    if len(layers) != 1:
        load_weights(network, weights, path)
        return ()
    load_weights(network, {**weights, **{name: own[name] for name in others}}, path)
    there, here = (list(found[others[0]].shape) for found in (weights, own))
    return (
        Diagnostic(
            code="MX0042",
            where=f"{path}: {layers.pop().removeprefix('network.')}",
            what=f"is {there} there and {here} here",
            why="that network was trained for other classes",
            fix="nothing: this layer begins with weights of its own, the others as they are there",
            severity="note",
        ),
    )


def load_weights(network: Trainable, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Give a network the weights of a checkpoint.

    Raises:
        UsageError: they belong to another network.
    """
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise UsageError(
            Diagnostic(
                code="MX0041",
                where=str(path),
                what="holds the weights of another network",
                why=" ".join(str(error).split())[:300],
                fix="use the network's file as it was when it was trained; one that comes with "
                "mxdeploy, train again if it was trained by another version",
            )
        ) from error
