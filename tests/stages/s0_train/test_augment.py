"""Augmentations: what moves, what stays, and that targets move along."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mxdeploy.data import Scale
from mxdeploy.recipe import AUGMENTATIONS
from mxdeploy.stages.s0_train.augment import alter, draw_geometry
from mxdeploy.stages.s0_train.samples import Batches, Samples


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_mirrored_images_are_mirrored() -> None:
    images = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    geometry = draw_geometry({"mirror": 1.0}, 2, (3, 4, 5), random())
    assert geometry is not None
    assert torch.equal(geometry.fetch(images, torch.tensor([1, 0])), images.flip(0).flip(3))


def test_shifts_mirror_what_lies_beyond_the_edge() -> None:
    """As numpy's reflecting pad and a crop."""
    image = torch.arange(30).view(1, 1, 5, 6)
    chosen = torch.zeros(200, dtype=torch.long)
    geometry = draw_geometry({"shift": 2}, 200, (1, 5, 6), random())
    assert geometry is not None
    padded = np.pad(image[0, 0].numpy(), 2, mode="reflect")
    crops = {padded[r : r + 5, c : c + 6].tobytes() for r in range(5) for c in range(5)}
    found = {image[0].numpy().tobytes() for image in geometry.fetch(image, chosen)}
    assert found == crops


def test_maps_of_classes_move_with_their_image() -> None:
    labels = torch.randint(0, 9, (6, 8, 8), generator=random())
    samples = Samples(labels[:, None].float(), labels, Scale.NONE)
    strengths = {"mirror": 0.5, "shift": 3.0}
    batches = Batches(samples, size=6, seed=1, strengths=strengths)
    batch = next(batches.epoch(1))
    assert torch.equal(batch.inputs[:, 0].long(), batch.targets)
    assert not {m.numpy().tobytes() for m in batch.targets} <= {m.numpy().tobytes() for m in labels}


def test_rotation_turns_images_and_maps_together() -> None:
    disc = torch.zeros(1, 1, 33, 33)
    disc[:, :, 10:15, 14:19] = 1.0
    turned, maps = alter(disc, disc[:, 0].long(), {"rotate": 80.0}, (0.0, 1.0), random(1))
    assert not torch.allclose(turned, disc, atol=0.1)
    assert float(turned.sum()) == pytest.approx(float(disc.sum()), rel=0.1)
    agree = (turned[:, 0] > 0.5) == (maps > 0)
    assert float(agree.float().mean()) > 0.98


def test_brightness_contrast_and_noise_stay_inside() -> None:
    inputs = torch.rand((50, 3, 6, 6), generator=random()) * 2 - 1
    strengths = {"brightness": 0.5, "contrast": 0.5, "noise": 0.3}
    altered, _ = alter(inputs, torch.zeros(50), strengths, (-1.0, 1.0), random())
    assert float(altered.min()) >= -1.0
    assert float(altered.max()) <= 1.0
    assert float((altered - inputs).abs().mean()) > 0.1


def test_time_shift_moves_sound_and_leaves_silence() -> None:
    sound = torch.arange(1.0, 21.0).view(1, 1, 20).repeat(200, 2, 1)
    moved, _ = alter(sound, torch.zeros(200), {"time_shift": 0.2}, (0.0, 20.0), random())
    shifts = set()
    for row in moved[:, 0]:
        shift = next(
            s
            for s in range(-4, 5)
            if torch.equal(row, torch.nn.functional.pad(sound[0, 0], (s, -s)))
        )
        shifts.add(shift)
    assert shifts == set(range(-4, 5))
    assert torch.equal(moved[:, 0], moved[:, 1])


def test_replayed_sound_is_faster_later_or_of_the_other_sign() -> None:
    """A straight line over time: its slope tells the speed, its middle the shift and the sign."""
    line = torch.linspace(1.0, 2.0, 400)
    folded = line.view(1, 100, 4).transpose(1, 2).repeat(300, 1, 1)
    played, _ = alter(folded, torch.zeros(300), {"replay": 0.1}, (-4.0, 4.0), random())
    signs, speeds, shifts = [], [], []
    for sound in played.transpose(1, 2).reshape(300, 400):
        middle = sound[100:300]
        signs.append(float(middle.sign().mean()))
        slopes = middle.abs().diff() * 399
        assert float(slopes.max() - slopes.min()) < 0.01  # straight, across rows as within them
        speeds.append(float(slopes.mean()))
        shifts.append(float(1.5 - middle.abs().mean()))
        silent = sound == 0
        assert not silent[62:338].any()  # 10 % later and 10 % faster: 40 + 22 samples of silence
    assert {round(sign, 3) for sign in signs} == {-1.0, 1.0}
    for found in ([speed - 1 for speed in speeds], shifts):
        assert -0.101 < min(found) < -0.08
        assert 0.08 < max(found) < 0.101


def test_a_reconstruction_is_to_be_free_of_the_noise() -> None:
    inputs = torch.zeros(4, 1, 8, 8)
    noisy, wanted = alter(inputs, inputs, {"noise": 0.5}, (-1.0, 1.0), random())
    assert float(noisy.std()) > 0.2
    assert torch.equal(wanted, inputs)


def test_all_of_them_together_keep_shapes_and_types() -> None:
    raw = torch.randint(0, 256, (5, 3, 9, 7), generator=random(), dtype=torch.uint8)
    samples = Samples(raw, torch.zeros(5, dtype=torch.long), Scale.CHIP)
    strengths = {name: strength for name, (strength, _) in AUGMENTATIONS.items()}
    batch = next(Batches(samples, size=5, seed=1, strengths=strengths).epoch(1))
    assert batch.inputs.shape == raw.shape
    assert batch.inputs.dtype == torch.float32
