"""Augmentations: what may happen to training examples, as operations on whole batches.

Mirroring and shifts only say where each pixel is fetched from (``Geometry``), so that they work on
raw 8-bit data and cost one gather. The others compute with the network's inputs. Where the target
is a picture (a class per pixel, or the input itself) it is moved, but never brightened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import affine_grid, grid_sample

Strengths = Mapping[str, float]
"""Strength by name; see ``mxdeploy.recipe.AUGMENTATIONS``."""

_IMAGE_AXES = 3
_BATCH_AXES = 4
_LINE_BATCH_AXES = 3
HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Rows int64 (n, H) and columns (n, W) from which the pixels of n images are fetched."""

    rows: torch.Tensor
    columns: torch.Tensor

    def to(self, device: torch.device) -> Geometry:
        """The same on another device."""
        return Geometry(self.rows.to(device), self.columns.to(device))

    def fetch(self, images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Images (N, C, H, W) or maps (N, H, W) at ``chosen``, each fetched in its own way."""
        if images.ndim == _BATCH_AXES:
            channels = torch.arange(images.shape[1], device=images.device)
            return images[
                chosen[:, None, None, None],
                channels[None, :, None, None],
                self.rows[:, None, :, None],
                self.columns[:, None, None, :],
            ]
        return images[chosen[:, None, None], self.rows[:, :, None], self.columns[:, None, :]]


def draw_geometry(
    strengths: Strengths, count: int, shape: tuple[int, ...], random: torch.Generator
) -> Geometry | None:
    """Mirroring and shifts of ``count`` examples of one shape; None if there are none."""
    if len(shape) != _IMAGE_AXES or not {"mirror", "shift"} & strengths.keys():
        return None
    height, width = shape[1:]
    rows = torch.arange(height).expand(count, -1)
    columns = torch.arange(width).expand(count, -1)
    if "mirror" in strengths:
        mirrored = torch.rand((count, 1), generator=random) < strengths["mirror"]
        columns = torch.where(mirrored, width - 1 - columns, columns)
    if "shift" in strengths:
        most = int(strengths["shift"])
        moves = torch.randint(-most, most + 1, (2, count, 1), generator=random)
        rows, columns = _inside(rows + moves[0], height), _inside(columns + moves[1], width)
    return Geometry(rows, columns)


def _inside(places: torch.Tensor, size: int) -> torch.Tensor:
    """Places beyond an edge are those as far on its other side: ``-1`` is 1."""
    period = max(1, 2 * (size - 1))
    folded = places.remainder(period)
    return torch.minimum(folded, period - folded).clamp(max=size - 1)


def alter(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    strengths: Strengths,
    limits: tuple[float, float],
    random: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """All but mirroring and shifts.

    Args:
        inputs: float32 (n, C, H, W) or (n, C, L).
        targets: int64 (n,) or (n, H, W), or the inputs themselves.
        strengths: which and how much.
        limits: least and greatest value of an input.
        random: where numbers are drawn from.

    Returns:
        Inputs within ``limits``, and targets.
    """
    reconstructed = targets is inputs
    if "rotate" in strengths and inputs.ndim == _BATCH_AXES:
        inputs, targets = _rotated(inputs, targets, strengths["rotate"], random)
    if "time_shift" in strengths:
        inputs = _shifted_in_time(inputs, strengths["time_shift"], random)
    if "replay" in strengths and inputs.ndim == _LINE_BATCH_AXES:
        inputs = _replayed(inputs, strengths["replay"], random)
    if reconstructed:
        targets = inputs
    changed = _recoloured(inputs, strengths, random)
    return (inputs if changed is inputs else changed.clamp(*limits)), targets


def _recoloured(
    inputs: torch.Tensor, strengths: Strengths, random: torch.Generator
) -> torch.Tensor:
    """Contrast, brightness and noise."""
    each = (len(inputs), *[1] * (inputs.ndim - 1))
    if "contrast" in strengths:
        mean = inputs.mean(dim=tuple(range(1, inputs.ndim)), keepdim=True)
        inputs = mean + (inputs - mean) * (1 + _spread(each, strengths["contrast"], inputs, random))
    if "brightness" in strengths:
        inputs = inputs + _spread(each, strengths["brightness"], inputs, random)
    if "noise" in strengths:
        noise = torch.randn(inputs.shape, generator=random).to(inputs.device)
        inputs = inputs + strengths["noise"] * noise
    return inputs


def _spread(
    shape: tuple[int, ...], most: float, like: torch.Tensor, random: torch.Generator
) -> torch.Tensor:
    """Numbers spread evenly over -most .. most."""
    return (most * (2 * torch.rand(shape, generator=random) - 1)).to(like.device)


def _rotated(
    inputs: torch.Tensor, targets: torch.Tensor, degrees: float, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turned about the centre; corners mirror what is inside."""
    angle = torch.deg2rad(_spread((len(inputs),), degrees, inputs, random))
    cosine, sine = angle.cos(), angle.sin()
    aspect = inputs.shape[2] / inputs.shape[3]
    zero = torch.zeros_like(angle)
    rows = (
        torch.stack((cosine, -sine * aspect, zero), 1),
        torch.stack((sine / aspect, cosine, zero), 1),
    )
    grid = affine_grid(torch.stack(rows, 1), list(inputs.shape), align_corners=False)
    turned = grid_sample(inputs, grid, padding_mode="reflection", align_corners=False)
    if targets is inputs or targets.ndim == 1:
        return turned, targets
    maps = grid_sample(
        targets[:, None].float(),
        grid,
        mode="nearest",
        padding_mode="reflection",
        align_corners=False,
    )
    return turned, maps[:, 0].long()


def _shifted_in_time(inputs: torch.Tensor, most: float, random: torch.Generator) -> torch.Tensor:
    """Moved along the last axis; zeros come in."""
    length = inputs.shape[-1]
    steps = int(most * length)
    moves = torch.randint(-steps, steps + 1, (len(inputs), 1), generator=random)
    places = (torch.arange(length) - moves).to(inputs.device)
    there = (places >= 0) & (places < length)
    between = (len(inputs), *[1] * (inputs.ndim - 2), length)
    fetched = inputs.gather(-1, places.clamp(0, length - 1).view(between).expand_as(inputs))
    return fetched * there.view(between)


def _replayed(inputs: torch.Tensor, most: float, random: torch.Generator) -> torch.Tensor:
    """Folded sound at another speed, from another moment, and with either sign.

    A shift by whole rows leaves the phase of a wave within its row as it is; the network would
    learn it by heart. Between samples the sound is a straight line; silence comes in.
    """
    count, channels, length = inputs.shape
    total = channels * length
    sound = inputs.transpose(1, 2).reshape(count, total)
    each = (count, 1)
    speed = 1 + _spread(each, most, inputs, random)
    moved = total * _spread(each, most, inputs, random)
    middle = (total - 1) / 2
    places = (torch.arange(total, device=inputs.device) - middle) * speed + middle - moved
    before = places.floor()
    there = (before >= 0) & (before < total - 1)
    first = before.clamp(0, total - 2).long()
    share = places - before
    heard = sound.gather(1, first) * (1 - share) + sound.gather(1, first + 1) * share
    sign = 1 - 2 * (torch.rand(each, generator=random) < HALF).float()
    played = heard * there * sign.to(inputs.device)
    return played.reshape(count, length, channels).transpose(1, 2)
