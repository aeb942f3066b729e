"""What a caller wants of the examples, whatever they are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How examples are to be delivered; None leaves it to the data.

    Attributes:
        part: training or test examples; None: all, those for training first.
        limit: at most so many; of folders, about equally many of every class.
        image_size: height and width of images.
        channels: 1 (grey) or 3 (colour) for images; for sound, into how many channels the samples
            are folded: sample i is in channel i mod channels, row i // channels.
        rate: samples per second of sound.
        samples: of each recording: longer ones are cut at the end, shorter ones continue as zeros.
    """

    part: Part | None = None
    limit: int | None = None
    image_size: tuple[int, int] | None = None
    channels: int | None = None
    rate: int | None = None
    samples: int | None = None
