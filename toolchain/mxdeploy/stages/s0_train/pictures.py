"""Examples as small pictures: images as they are, sound as a waveform above its spectrogram."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

SIDE = 96
"""Pixels to which a picture is brought."""
_IMAGE_AXES = 3
_WAVE_HEIGHT = 40
_WINDOW = 256
_HOP = 128
_FLOOR_DB = -80.0
_COLOURS = 3

Pixels = NDArray[np.uint8]


def data_uri(example: NDArray[np.generic]) -> str:
    """A PNG inside a page's text; ``example``: raw (C, H, W) or (C, L)."""
    from PIL import Image

    pixels = image_pixels(example) if example.ndim == _IMAGE_AXES else sound_pixels(example)
    picture = Image.fromarray(pixels)
    scale = max(1, SIDE // max(pixels.shape[:2]))
    if scale > 1:
        size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def image_pixels(example: NDArray[np.generic]) -> Pixels:
    """Channels first to uint8 (H, W) or (H, W, 3); of other numbers of channels, their mean."""
    planes = to_bytes(example)
    if len(planes) == _COLOURS:
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    grey: Pixels = planes.mean(axis=0).astype(np.uint8)
    return grey


def to_bytes(values: NDArray[np.generic]) -> Pixels:
    """8-bit values as they are (signed ones shifted), others spread over what they span."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    numbers = values.astype(np.float64)
    if values.dtype == np.int8:
        return (numbers + 128).astype(np.uint8)
    low, high = float(numbers.min()), float(numbers.max())
    return ((numbers - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)


def sound_pixels(example: NDArray[np.generic]) -> Pixels:
    """A line folded into channels, sample i in channel i mod C, as uint8 (H, W)."""
    wave = example.astype(np.float64).T.reshape(-1)
    greatest = float(np.abs(wave).max()) or 1.0
    parts = [_waveform(wave / greatest)]
    if len(wave) >= 2 * _WINDOW:
        parts.append(_spectrogram(wave / greatest, parts[0].shape[1]))
    return np.concatenate(parts)


def _waveform(wave: NDArray[np.float64]) -> Pixels:
    """What the wave spans in each column."""
    columns = np.array_split(wave, min(len(wave), 2 * SIDE))
    middle = (_WAVE_HEIGHT - 1) / 2
    rows = np.arange(_WAVE_HEIGHT)[:, None]
    top = middle * (1 - np.array([part.max() for part in columns]))
    bottom = middle * (1 - np.array([part.min() for part in columns]))
    inside = (rows >= np.floor(top)) & (rows <= np.ceil(bottom))
    return np.where(inside, 60, 235).astype(np.uint8)


def _spectrogram(wave: NDArray[np.float64], width: int) -> Pixels:
    """Loudness by time and frequency, low frequencies below; dark is loud."""
    count = 1 + (len(wave) - _WINDOW) // _HOP
    places = _HOP * np.arange(count)[:, None] + np.arange(_WINDOW)
    spectrum = np.abs(np.fft.rfft(wave[places] * np.hanning(_WINDOW), axis=1)).T[::-2]
    loudness = 20 * np.log10(np.maximum(spectrum / max(spectrum.max(), 1e-9), 1e-9))
    shades = 255 * (1 - np.clip(loudness / -_FLOOR_DB + 1, 0, 1))
    stretched: Pixels = shades.astype(np.uint8)[:, np.arange(width) * count // width]
    return stretched
