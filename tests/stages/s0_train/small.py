"""Small examples and networks that train in a fraction of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from mxdeploy.data import Scale
from mxdeploy.recipe import Recipe
from mxdeploy.stages.s0_train.loop import FitData, FitSettings
from mxdeploy.stages.s0_train.losses import make_objective
from mxdeploy.stages.s0_train.samples import Samples

SIDE = 8


def bars(count: int, *, seed: int, classes: int = 2) -> Samples:
    """uint8 (n, 1, 8, 8): a bright bar that lies (class 0), stands (1) or both (2), in noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = random.integers(0, 120, (count, 1, SIDE, SIDE))
    for image, label in zip(images, labels, strict=True):
        place = random.integers(1, SIDE - 1)
        if label != 1:
            image[0, place] += 120
        if label != 0:
            image[0, :, place] += 120
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    return Samples(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)), Scale.CHIP)


def network(classes: int = 2, *, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(4),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(24, classes),
    )


def data(train: int = 48, validation: int = 16, classes: int = 2) -> FitData:
    return FitData(
        train=bars(train, seed=1, classes=classes),
        validation=bars(validation, seed=2, classes=classes) if validation else None,
    )


def settings(given: FitData, classes: int = 2, **sections: dict[str, Any]) -> FitSettings:
    """``training={…}, optimizer={…}, schedule={…}, data={…}`` as in a recipe."""
    training = {"epochs": 3, "batch": 16, **sections.pop("training", {})}
    recipe = Recipe.model_validate({"training": training, **sections})
    return FitSettings(
        objective=make_objective(recipe.training, given.train, classes),
        training=recipe.training,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        strengths=recipe.data.strengths,
        classes=classes,
    )
