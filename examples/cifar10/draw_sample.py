"""Draw the sample picture of the example: a small cargo ship at sea, 32x32 pixels.

    python draw_sample.py

It is drawn eight times as large, shrunk, and given a little seeded noise, so that the same
command always gives the same pixels. ``sample.npz`` holds it as ``x``, uint8 ``[1, 32, 32, 3]``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIDE = 32
ZOOM = 8
SEED = 7
SKY_TOP, SKY_LOW = (118, 160, 205), (214, 226, 236)
SEA_FAR, SEA_NEAR = (92, 128, 150), (34, 66, 92)
HORIZON = 19.0


def _points(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    """Corners in pixels of the small picture, on the large canvas."""
    return [(x * ZOOM, y * ZOOM) for x, y in corners]


def background() -> Image.Image:
    """Sky above sea, each a vertical blend, on the large canvas."""
    rows = (np.arange(SIDE * ZOOM) + 0.5) / ZOOM
    sky = (rows / HORIZON).clip(0, 1)[:, None]
    sea = ((rows - HORIZON) / (SIDE - HORIZON)).clip(0, 1)[:, None]
    colours = np.where(
        rows[:, None] < HORIZON,
        (1 - sky) * np.array(SKY_TOP) + sky * np.array(SKY_LOW),
        (1 - sea) * np.array(SEA_FAR) + sea * np.array(SEA_NEAR),
    )
    wide = np.repeat(colours[:, None, :], SIDE * ZOOM, axis=1)
    return Image.fromarray(wide.round().astype(np.uint8))


def draw_ship(canvas: Image.Image) -> None:
    """Hull, deckhouse, funnel, masts and the wave along the hull."""
    pen = ImageDraw.Draw(canvas)
    pen.polygon(_points((2, 17), (30, 16), (27, 23.5), (5, 23.5)), fill=(44, 52, 70))
    pen.polygon(_points((4.2, 21.8), (27.8, 21.8), (27, 23.5), (5, 23.5)), fill=(142, 44, 38))
    pen.polygon(_points((2, 17), (30, 16), (29.8, 16.8), (2.2, 17.8)), fill=(206, 208, 210))
    pen.rectangle(_points((6, 11), (14, 17)), fill=(236, 236, 232))
    pen.rectangle(_points((7, 8), (12, 11)), fill=(222, 224, 224))
    for window in range(4):
        left = 6.8 + 1.8 * window
        pen.rectangle(_points((left, 12.4), (left + 0.9, 13.6)), fill=(60, 74, 92))
    pen.rectangle(_points((8.4, 4.6), (10.8, 8)), fill=(188, 62, 44))
    pen.rectangle(_points((8.4, 4.6), (10.8, 5.6)), fill=(40, 40, 44))
    for mast in (18.0, 24.0):
        pen.rectangle(_points((mast, 7), (mast + 0.5, 16.5)), fill=(96, 92, 88))
        pen.line(_points((mast, 8), (mast + 4, 15)), fill=(120, 116, 110), width=ZOOM // 3)
    pen.polygon(_points((3, 23.2), (28.5, 23.2), (30.5, 24.6), (1.5, 24.6)), fill=(188, 204, 212))


def sample() -> npt.NDArray[np.uint8]:
    """The picture, uint8 ``[32, 32, 3]``."""
    canvas = background()
    draw_ship(canvas)
    small = np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    random = np.random.default_rng(SEED)
    ripples = random.normal(0, 7, (SIDE, SIDE, 1)) * (np.arange(SIDE)[:, None, None] > HORIZON)
    grain = random.normal(0, 2.5, (SIDE, SIDE, 3))
    return (small + ripples + grain).round().clip(0, 255).astype(np.uint8)


def main() -> None:
    """Write ``sample.npz`` and ``sample.png`` beside this script."""
    folder = Path(__file__).parent
    picture = sample()
    np.savez_compressed(folder / "sample.npz", x=picture[np.newaxis])
    Image.fromarray(picture).save(folder / "sample.png")


if __name__ == "__main__":
    main()
