"""Draw the sample picture of the example: a cat that looks at you, 32x32 pixels.

    python draw_sample.py

It is drawn eight times as large, shrunk, lit from the left, and given a little seeded noise, so
that the same command always gives the same pixels. ``sample.npz`` holds it as ``x``, uint8
``[1, 32, 32, 3]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIDE = 32
ZOOM = 8
SEED = 3
MIDDLE = 16.0
WHITE, PINK, BROWN = (232, 224, 212), (196, 142, 130), (70, 46, 42)

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of the fur and of the wall behind, above and below."""

    fur: Colour
    above: Colour
    below: Colour


LOOKS = {
    "dark": Look((90, 80, 74), (200, 196, 190), (160, 140, 120)),
    "ginger": Look((196, 130, 70), (110, 120, 140), (180, 180, 190)),
    "brown": Look((150, 112, 78), (96, 104, 84), (150, 140, 120)),
    "grey": Look((120, 116, 112), (96, 104, 84), (150, 140, 120)),
}


def _points(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    """Corners in pixels of the small picture, on the large canvas."""
    return [(x * ZOOM, y * ZOOM) for x, y in corners]


def _box(x: float, y: float, half: float, tall: float) -> list[tuple[float, float]]:
    """The box around an ellipse with this middle and these half axes."""
    return _points((x - half, y - tall), (x + half, y + tall))


def _wall(look: Look) -> Image.Image:
    """A vertical blend on the large canvas."""
    rows = ((np.arange(SIDE * ZOOM) + 0.5) / (SIDE * ZOOM))[:, None]
    colours = (1 - rows) * np.array(look.above) + rows * np.array(look.below)
    wide = np.repeat(colours[:, None, :], SIDE * ZOOM, axis=1)
    return Image.fromarray(wide.round().astype(np.uint8))


def _draw_body(pen: ImageDraw.ImageDraw, fur: Colour, dark: Colour, light: Colour) -> None:
    pen.ellipse(_points((5, 17), (27, 44)), fill=fur)
    pen.ellipse(_points((11, 19), (21, 36)), fill=light)
    for stripe in range(3):
        low, high = 24 + 3 * stripe, 23 + 3 * stripe
        pen.line(_points((6.2, low), (10, high)), fill=dark, width=ZOOM)
        pen.line(_points((25.8, low), (22, high)), fill=dark, width=ZOOM)


def _draw_head(pen: ImageDraw.ImageDraw, fur: Colour, dark: Colour) -> None:
    for side in (-1, 1):
        ear = [(8.8, 10), (8.4, 1.2), (2, 6)], [(7.4, 8.4), (7.3, 3.6), (3.6, 6.4)]
        for corners, colour in zip(ear, (fur, PINK), strict=True):
            pen.polygon(_points(*((MIDDLE + side * x, y) for x, y in corners)), fill=colour)
    pen.ellipse(_points((6, 4.6), (26, 21.4)), fill=fur)
    for x in (-2.8, 0, 2.8):
        pen.line(_points((MIDDLE + x, 5.2), (MIDDLE + 0.8 * x, 9)), fill=dark, width=ZOOM - 1)
    for side in (-1, 1):
        for stripe in range(2):
            outer = (MIDDLE + side * 9.2, 13 + 2.2 * stripe)
            inner = (MIDDLE + side * 6.4, 13.6 + 1.6 * stripe)
            pen.line(_points(outer, inner), fill=dark, width=ZOOM - 2)


def _draw_face(pen: ImageDraw.ImageDraw) -> None:
    for x, y, half, tall in ((13.95, 17, 2.65, 3), (18.05, 17, 2.65, 3), (16, 19, 2.5, 2)):
        pen.ellipse(_box(x, y, half, tall), fill=WHITE)
    pen.polygon(_points((14.6, 14.4), (17.4, 14.4), (16, 16.2)), fill=(190, 106, 104))
    pen.line(_points((16, 16), (16, 17.6)), fill=BROWN, width=ZOOM // 3)
    for left in (13.4, 16):
        corners = _points((left, 15.8), (left + 2.6, 18.4))
        pen.arc((*corners[0], *corners[1]), 20, 160, fill=BROWN, width=ZOOM // 3)
    for side in (-1, 1):
        x = MIDDLE + side * 4.3
        pen.ellipse(_box(x, 11.5, 2.1, 1.9), fill=(40, 30, 26))
        pen.ellipse(_box(x, 11.5, 1.7, 1.6), fill=(178, 190, 92))
        pen.ellipse(_box(x, 11.5, 0.75, 1.6), fill=(14, 12, 12))
        pen.ellipse(_box(x + 0.2, 10.6, 0.4, 0.4), fill=(250, 250, 245))
        for whisker in range(3):
            inner = (MIDDLE + side * 3.6, 16.6 + 0.6 * whisker)
            outer = (MIDDLE + side * 11, 15 + 1.6 * whisker)
            pen.line(_points(inner, outer), fill=(225, 220, 212), width=2)


def cat(look: Look = LOOKS["dark"]) -> npt.NDArray[np.uint8]:
    """The picture, uint8 ``[32, 32, 3]``."""
    canvas = _wall(look)
    pen = ImageDraw.Draw(canvas)
    red, green, blue = look.fur
    dark = (int(0.55 * red), int(0.55 * green), int(0.55 * blue))
    light = (int(1.35 * red) + 10, int(1.35 * green) + 10, int(1.35 * blue) + 10)
    _draw_body(pen, look.fur, dark, light)
    _draw_head(pen, look.fur, dark)
    _draw_face(pen)
    small = np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    random = np.random.default_rng(SEED)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    lit = small * (1.12 - 0.25 * columns - 0.1 * rows)[:, :, None]
    texture = random.normal(0, 6, (SIDE, SIDE, 1)) + random.normal(0, 2.5, (SIDE, SIDE, 3))
    return (lit + texture).round().clip(0, 255).astype(np.uint8)


def main() -> None:
    """Write ``sample.npz`` and ``sample.png``, and all looks side by side into ``cats.png``."""
    folder = Path(__file__).parent
    picture = cat()
    np.savez_compressed(folder / "sample.npz", x=picture[np.newaxis])
    Image.fromarray(picture).save(folder / "sample.png")
    every = np.concatenate([cat(look) for look in LOOKS.values()], axis=1)
    Image.fromarray(every).save(folder / "cats.png")


if __name__ == "__main__":
    main()
