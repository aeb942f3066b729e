"""A contact sheet: some examples of every class in one picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data.examples import Examples
from mxdeploy.data.images import COLOUR, GREY, pillow

COLUMNS = 10
"""Examples of every class."""
CELL = 64
"""Side of the place of one example, in pixels."""
GAP = 4
LABEL_WIDTH = 120
LABEL_LENGTH = 20
"""Characters of a class's name that have room."""
IMAGE_AXES = 3
PAPER, INK, DIM = (255, 255, 255), (0, 0, 0), (90, 90, 90)
MAX_ROWS = 100


def contact_sheet(examples: Examples) -> bytes:
    """A PNG with the first examples of every class, a class per row.

    Images are shown as they are, real numbers stretched to black and white; the only channel of a
    line becomes its curve, several channels become grey values.

    Raises:
        UsageError: Pillow is not installed.
    """
    image_module = pillow()
    from PIL import ImageDraw

    rows = _rows(examples)
    step = CELL + GAP
    sheet = image_module.new(
        "RGB", (LABEL_WIDTH + COLUMNS * step + GAP, len(rows) * step + GAP), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for row, (name, chosen) in enumerate(rows):
        top = GAP + row * step
        draw.text((GAP, top), _plain(name), fill=INK)
        for column, index in enumerate(chosen):
            picture = image_module.fromarray(_pixels(examples.inputs[index]))
            picture.thumbnail((CELL, CELL))
            if max(picture.size) < CELL:
                factor = CELL // max(picture.size)
                size = (picture.width * factor, picture.height * factor)
                picture = picture.resize(size, image_module.Resampling.NEAREST)
            sheet.paste(picture.convert("RGB"), (LABEL_WIDTH + column * step, top))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _rows(examples: Examples) -> list[tuple[str, list[int]]]:
    """Name of a row and the examples in it; without a class per example, rows of any."""
    targets = examples.targets
    if targets is None or targets.ndim != 1:
        count = min(len(examples), COLUMNS * COLUMNS)
        return [
            (f"{start} ...", list(range(start, min(start + COLUMNS, count))))
            for start in range(0, count, COLUMNS)
        ]
    found = [
        (name, np.flatnonzero(targets == label)) for label, name in enumerate(examples.classes)
    ]
    return [
        (f"{name} ({len(members)})", members[:COLUMNS].tolist())
        for name, members in found[:MAX_ROWS]
    ]


def _plain(name: str) -> str:
    """What the built-in font can draw."""
    text = name.encode("latin-1", "replace").decode("latin-1")
    return text if len(text) <= LABEL_LENGTH else f"{text[: LABEL_LENGTH - 3]}..."


def _pixels(x: NDArray[Any]) -> NDArray[np.uint8]:
    """One input as grey (H, W) or colour (H, W, 3) pixels."""
    if len(x.shape) == IMAGE_AXES:
        chosen = x if len(x) in (GREY, COLOUR) else x[:1]
        pixels = _stretched(chosen)
        return (
            pixels[0] if len(pixels) == GREY else np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
        )
    return _curve(x[0]) if len(x) == 1 else _stretched(x)


def _stretched(x: NDArray[Any]) -> NDArray[np.uint8]:
    """Bytes as they are; signed ones and real numbers from black to white."""
    if x.dtype == np.uint8:
        return x.astype(np.uint8)
    low, high = float(x.min()), float(x.max())
    share = (x.astype(np.float64) - low) / (high - low or 1)
    return np.round(share * 255).astype(np.uint8)


def _curve(line: NDArray[Any]) -> NDArray[np.uint8]:
    """From the smallest to the largest value of as many pieces as there are columns."""
    pixels = np.full((CELL, CELL), 255, dtype=np.uint8)
    values = line.astype(np.float64)
    half = float(np.abs(values).max()) or 1.0
    for column, piece in enumerate(np.array_split(values, min(CELL, len(values)))):
        low, high = (round((1 - v / half) / 2 * (CELL - 1)) for v in (piece.max(), piece.min()))
        pixels[low : high + 1, column] = DIM[0]
    return pixels
