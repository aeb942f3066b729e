"""Where a training of integers stands, from which it goes on after an interruption.

As in other checkpoints there are tensors, numbers and text only, so that reading one executes
nothing. The network itself is not in it: it is quantized again, which gives the same integers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mxdeploy.recipe import Recipe, check_recipe
from mxdeploy.stages.s0_train.checkpoint import stored
from mxdeploy.stages.s0_train.measure import Measured


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntegerCheckpoint:
    """What a file holds.

    Attributes:
        recipe: how the integers are trained.
        model: digest of the trained model.
        integers: digest of what rounding made of it, with which the training began; parameters
            behind other integers have other units.
        before: loss and accuracy of those integers.
        epoch: the last complete one.
        state: what ``fit`` goes on from.
    """

    recipe: Recipe
    model: str
    integers: str
    before: Measured
    epoch: int
    state: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The content of the file."""
        stream = io.BytesIO()
        document = {
            "recipe": self.recipe.model_dump_json(),
            "model": self.model,
            "start": self.integers,
            "before": asdict(self.before),
            "epoch": self.epoch,
            "state": dict(self.state),
        }
        torch.save(document, stream)
        return stream.getvalue()


def read_integer_checkpoint(path: Path) -> IntegerCheckpoint:
    """Read a file that ``to_bytes`` wrote.

    Raises:
        UsageError: it is damaged or something else.
    """
    with stored(path) as document:
        return IntegerCheckpoint(
            recipe=check_recipe(json.loads(document["recipe"]), str(path)),
            model=document["model"],
            integers=document["start"],
            before=Measured(**document["before"]),
            epoch=document["epoch"],
            state=document["state"],
        )
