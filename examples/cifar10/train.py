"""Train the CIFAR-10 example and write ``cifar10.onnx``.

    python train.py --data PATH --out runs/cifar10

``PATH`` is the official archive (python or binary, folder or ``.tar.gz``) or a folder with the
npz files that ``data.py`` describes. Training images fit the network, set-aside training images
choose the epoch, test images are looked at once, at the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import export
import network as net
import numpy as np
import onnx
import rounding
import torch
from torch import nn

import data
from mxdeploy.data.batches import SIDE

CROP_MARGIN = 4
RANGE_IMAGES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides the outcome besides the images."""

    epochs: int = 30
    rounding_epochs: int = 3
    batch: int = 128
    peak_rate: float = 0.1
    weight_decay: float = 3e-4
    label_smoothing: float = 0.05
    lossless_repeats: int = 3
    validation_images: int = 1000
    seed: int = 1
    threads: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one pass over the training images gave."""

    stage: str
    loss: float
    train_accuracy: float
    validation_accuracy: float
    seconds: float


class Batches:
    """Shuffled, randomly cropped and mirrored batches; images stay 8-bit until they are used."""

    def __init__(self, images: data.Images, settings: Settings) -> None:
        """Pad the images once; repeat lossless ones where there are JPEG ones beside them."""
        margins = ((0, 0), (CROP_MARGIN, CROP_MARGIN), (CROP_MARGIN, CROP_MARGIN), (0, 0))
        self._padded = torch.from_numpy(np.pad(images.pixels, margins, mode="reflect"))
        self._labels = torch.from_numpy(images.labels)
        repeats = torch.from_numpy(np.where(images.lossless, settings.lossless_repeats, 1))
        if images.lossless.all():
            repeats = torch.ones_like(repeats)
        self._indices = torch.repeat_interleave(torch.arange(len(images)), repeats)
        self._batch = settings.batch
        self._random = torch.Generator().manual_seed(settings.seed)
        self._table = torch.from_numpy(data.chip_scale(np.arange(256, dtype=np.uint8)))

    def __len__(self) -> int:
        """Whole batches in one epoch."""
        return len(self._indices) // self._batch

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch of inputs float32 ``[batch, 3, 32, 32]`` and labels int64 ``[batch]``."""
        order = torch.randperm(len(self._indices), generator=self._random)
        for number in range(len(self)):
            chosen = self._indices[order[number * self._batch : (number + 1) * self._batch]]
            yield self._augmented(chosen), self._labels[chosen]

    def _augmented(self, chosen: torch.Tensor) -> torch.Tensor:
        """The chosen images, each cropped and mirrored in its own way."""
        count = len(chosen)
        corner = torch.randint(2 * CROP_MARGIN + 1, (2, count, 1), generator=self._random)
        mirrored = torch.randint(2, (count, 1), generator=self._random, dtype=torch.bool)
        steps = torch.arange(SIDE)
        rows = corner[0] + steps
        columns = corner[1] + torch.where(mirrored, SIDE - 1 - steps, steps)
        pixels = self._padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        return self._table[pixels.int()].permute(0, 3, 1, 2)


def as_inputs(images: data.Images) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs float32 ``[n, 3, 32, 32]`` and labels of all images, as they are."""
    scaled = torch.from_numpy(data.chip_scale(images.pixels))
    return scaled.permute(0, 3, 1, 2), torch.from_numpy(images.labels)


def fit_epoch(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    label_smoothing: float,
) -> tuple[float, float]:
    """One pass over the training images.

    Returns:
        Mean loss and accuracy on the augmented images while the weights were changing.
    """
    model.train()
    loss_sum, hits = 0.0, 0
    for inputs, labels in batches:
        logits = model(inputs)
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        loss_sum += loss.item()
        hits += int((logits.argmax(1) == labels).sum())
    count = len(batches)
    return loss_sum / count, hits / (count * len(labels))


def fit(
    model: nn.Module,
    stage: str,
    batches: Batches,
    validation: tuple[torch.Tensor, torch.Tensor],
    settings: Settings,
    checkpoint: Path,
) -> list[Epoch]:
    """Train ``model`` and leave it with the weights of its best epoch on validation images.

    The stage ``float`` starts from random weights with a one-cycle schedule; ``rounding``
    continues from trained weights with a small rate that falls to nothing.
    """
    epochs = settings.epochs if stage == "float" else settings.rounding_epochs
    peak = settings.peak_rate if stage == "float" else settings.peak_rate / 20
    optimizer = torch.optim.SGD(
        model.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=peak, total_steps=max(1, epochs * len(batches)), pct_start=0.2
    )
    history: list[Epoch] = []
    for number in range(epochs):
        start = time.monotonic()
        loss, hit_rate = fit_epoch(model, batches, optimizer, schedule, settings.label_smoothing)
        score = net.accuracy(model, *validation)
        if score >= max((epoch.validation_accuracy for epoch in history), default=0.0):
            torch.save(model.state_dict(), checkpoint)
        history.append(
            Epoch(
                stage=stage,
                loss=loss,
                train_accuracy=hit_rate,
                validation_accuracy=score,
                seconds=time.monotonic() - start,
            )
        )
        print(
            f"{stage} epoch {number + 1}/{epochs}: loss {loss:.4f}, train {hit_rate:.2%}, "
            f"validation {score:.2%}, {history[-1].seconds:.0f} s",
            flush=True,
        )
    if epochs:
        model.load_state_dict(torch.load(checkpoint, weights_only=True))
    return history


def best_folded(
    fitted: data.Images,
    validation: data.Images,
    settings: Settings,
    folder: Path,
    start: Path | None,
) -> tuple[rounding.Rounded, list[Epoch]]:
    """Train in both stages; ``start`` names float weights to use instead of the first stage.

    Returns:
        The network with folded normalization, rounding as the chip, and all epochs.
    """
    batches, judged = Batches(fitted, settings), as_inputs(validation)
    model = net.build_network().to(memory_format=torch.channels_last)
    history: list[Epoch] = []
    if start is None:
        history += fit(model, "float", batches, judged, settings, folder / "float.pt")
    else:
        model.load_state_dict(torch.load(start, weights_only=True))
    folded = net.fold(model)
    lossless = fitted.take(np.flatnonzero(fitted.lossless)[:RANGE_IMAGES])
    rounded = rounding.Rounded(folded, rounding.activation_steps(folded, as_inputs(lossless)[0]))
    print(f"validation, folded: float {net.accuracy(folded, *judged):.2%}, ", end="")
    print(f"rounded {net.accuracy(rounded, *judged):.2%}; steps {rounded.steps}")
    history += fit(rounded, "rounding", batches, judged, settings, folder / "rounding.pt")
    rounded.clamp_parameters()
    return rounded, history


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of a share seen in ``count`` trials."""
    z = 1.96
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + (z / count) ** 2 / 4) / (1 + z * z / count)
    return centre - half, centre + half


def measure(
    rounded: rounding.Rounded,
    plain: onnx.ModelProto,
    with_ranges: onnx.ModelProto,
    test: data.Images,
) -> dict[str, float]:
    """Accuracy on test images: both ONNX files in onnxruntime, and the rounding module."""
    inputs, labels = as_inputs(test)
    scores = {"rounded": net.accuracy(rounded, inputs, labels)}
    for name, model in (("float", plain), ("ranges", with_ranges)):
        logits = export.logits_of(model, np.ascontiguousarray(inputs.numpy()))
        scores[name] = float((logits.argmax(1) == test.labels).mean())
    for name, score in scores.items():
        low, high = interval(score, len(test))
        print(f"test, {name}: {score:.2%} of {len(test)} images ({low:.1%} to {high:.1%})")
    return scores


def draw_curves(history: list[Epoch], path: Path) -> None:
    """Loss and accuracy over the epochs as a small PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [epoch.loss for epoch in history])
    left.set(xlabel="epoch", ylabel="training loss")
    right.plot(epochs, [100 * epoch.train_accuracy for epoch in history], label="training")
    right.plot(epochs, [100 * epoch.validation_accuracy for epoch in history], label="validation")
    right.set(xlabel="epoch", ylabel="accuracy in %")
    right.legend()
    for axes in (left, right):
        rounding_start = sum(epoch.stage == "float" for epoch in history) + 0.5
        axes.axvline(rounding_start, color="grey", linestyle=":")
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def arguments() -> argparse.Namespace:
    """The command line; every number of ``Settings`` is an option."""
    parser = argparse.ArgumentParser(description="Train the CIFAR-10 example.")
    parser.add_argument("--data", type=Path, required=True, help="archive, folder or npz file")
    parser.add_argument("--out", type=Path, default=Path("runs/cifar10"), help="checkpoints")
    parser.add_argument("--start", type=Path, help="float weights, instead of the float stage")
    parser.add_argument(
        "--model", type=Path, default=Path(__file__).with_name("cifar10.onnx"), help="result"
    )
    for field in dataclasses.fields(Settings):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(field.default), default=field.default)
    return parser.parse_args()


def main() -> None:
    """Train, export, measure."""
    options = arguments()
    settings = Settings(
        **{field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)}
    )
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    images = data.load(options.data)
    print(f"{images.source}: {len(images.train)} training and {len(images.test)} test images")
    fitted, validation = data.split_validation(
        images.train, count=settings.validation_images, seed=settings.seed
    )
    rounded, history = best_folded(fitted, validation, settings, options.out, options.start)
    plain = export.export_plain(rounded.folded)
    with_ranges = export.insert_ranges(plain, rounded.steps)
    onnx.save(plain, options.out / "plain.onnx")
    onnx.save(with_ranges, options.model)
    record = {
        "source": images.source,
        "fitted_images": len(fitted),
        "fitted_lossless": int(fitted.lossless.sum()),
        "test_images": len(images.test),
        "settings": dataclasses.asdict(settings),
        "weights": net.weight_count(rounded.folded),
        "test_accuracy": measure(rounded, plain, with_ranges, images.test),
        "history": [dataclasses.asdict(epoch) for epoch in history],
    }
    (options.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")
    if history:
        draw_curves(history, options.out / "curves.png")


if __name__ == "__main__":
    main()
