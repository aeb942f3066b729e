"""A photograph of a screw: camera, light, ground, lens and sensor.

Light is computed in linear units per colour channel and turned into 8-bit sRGB-like pixels at the
end. Pictures are made three times as large and shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from geometry import Floats, Screw, surfaces
from PIL import Image

ZOOM = 3
CAMERA = 34.0  # distance of the camera in radii of the shank
GAMMA = 2.2
METALS = {  # reflected share of red, green, blue
    "zinc": (0.74, 0.77, 0.80),
    "steel": (0.62, 0.62, 0.63),
    "brass": (0.82, 0.66, 0.36),
    "black": (0.16, 0.16, 0.18),
}
RUST = np.array((0.27, 0.10, 0.04), np.float32)
GROUNDS = ("belt", "wood", "paper", "steel", "cardboard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How the photograph was taken.

    Attributes:
        side: of the picture in pixels.
        scale: pixels per radius of the shank.
        shift: position of the screw's middle beside the picture's, pixels.
        turn: rotation in the picture, radians.
        tilt: how far the head's top is turned to the camera, radians.
        lamp: direction to the main light, radians in the picture.
        strength: of the main light.
        metal: one of ``METALS``.
        ground: one of ``GROUNDS``.
        exposure: factor of all light.
        tint: factors of red, green and blue (white balance).
        blur: of the lens, pixels.
        noise: of the sensor, share of full scale.
        seed: of ground and noise.
    """

    side: int
    scale: float
    shift: tuple[float, float]
    turn: float
    tilt: float
    lamp: float
    strength: float
    metal: str
    ground: str
    exposure: float
    tint: tuple[float, float, float]
    blur: float
    noise: float
    seed: int


def photograph(screw: Screw, scene: Scene) -> npt.NDArray[np.uint8]:
    """The picture: uint8 (side, side, 3)."""
    random = np.random.default_rng(scene.seed)
    size = scene.side * ZOOM
    light = ground(scene, random)
    colour, there = _drawn(screw, scene, size)
    light *= _shadow(scene, there)[..., None]
    light = np.where(there[..., None], colour, light)
    light *= scene.exposure * np.array(scene.tint, np.float32)
    # The lens blurs light, the sensor counts it: noise grows with the root of the light.
    small = _blurred(light, scene.blur * ZOOM)
    small = small.reshape(scene.side, ZOOM, scene.side, ZOOM, 3).mean(axis=(1, 3))
    small = small + random.normal(0, 1, small.shape) * scene.noise * np.sqrt(small + 0.02)
    pixels = 255 * np.clip(small, 0, 1) ** (1 / GAMMA)
    return pixels.round().astype(np.uint8)


def _turned(scene: Scene, vectors: Floats) -> Floats:
    """From the screw's axes to the camera's: x right, y down, z to the camera."""
    ct, st = np.cos(scene.tilt), np.sin(scene.tilt)
    c, s = np.cos(scene.turn), np.sin(scene.turn)
    tilt = np.array([[ct, 0, st], [0, 1, 0], [-st, 0, ct]], np.float32)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)
    return np.asarray(vectors @ (turn @ tilt).T, dtype=np.float32)


def _drawn(screw: Screw, scene: Scene, size: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Light of the screw and where it is: points drawn from far to near, then gaps closed."""
    parts = surfaces(screw)
    points = np.concatenate([part.points for part in parts])
    normals = _turned(scene, np.concatenate([part.normals for part in parts]))
    rust = np.concatenate([part.rust for part in parts])
    bright = np.concatenate([part.bright for part in parts])
    points[:, 0] -= (screw.length - screw.head_height) / 2
    points = _turned(scene, points)
    seen = np.flatnonzero(normals[:, 2] > 0)
    points, normals, rust, bright = points[seen], normals[seen], rust[seen], bright[seen]
    colour = _reflected(normals, rust, bright, scene)
    scale = scene.scale * ZOOM * CAMERA / (CAMERA - points[:, 2])
    x = points[:, 0] * scale + size / 2 + scene.shift[0] * ZOOM
    y = points[:, 1] * scale + size / 2 + scene.shift[1] * ZOOM
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    order = np.argsort(points[inside, 2], kind="stable")
    where = y[inside][order].astype(int), x[inside][order].astype(int)
    light = np.zeros((size, size, 3), np.float32)
    there = np.zeros((size, size), bool)
    light[where] = colour[inside][order]
    there[where] = True
    return _closed(light, there)


def _closed(light: Floats, there: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Single pixels that no point hit take the mean of their neighbours."""
    total = np.zeros_like(light)
    count = np.zeros(there.shape, np.float32)
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        total += np.roll(light, (down, right), axis=(0, 1))
        count += np.roll(there, (down, right), axis=(0, 1))
    gap = ~there & (count >= 3)  # noqa: PLR2004 - three of four neighbours
    light[gap] = total[gap] / count[gap][:, None]
    return light, there | gap


def _reflected(normals: Floats, rust: Floats, bright: Floats, scene: Scene) -> Floats:
    """Light from points of metal: a mirror image of lamp, sky and ground, and dull rust."""
    lamp = np.array([np.cos(scene.lamp) * 0.62, np.sin(scene.lamp) * 0.62, 0.78], np.float32)
    lamp /= np.linalg.norm(lamp)
    mirrored = 2 * normals[:, 2:] * normals
    mirrored[:, 2] -= 1  # the camera looks along -z
    toward = np.clip(mirrored @ lamp, 0, 1)
    sky = np.clip(0.5 + 0.5 * mirrored[:, 2] - 0.25 * mirrored[:, 1], 0, 1)
    strip = np.exp(-(((mirrored[:, 1] + 0.45) / 0.16) ** 2))  # a long lamp along the line
    shine = 0.10 + 0.42 * sky**2 + 0.35 * strip
    wide = toward * toward * toward  # squared again and again: quicker than powers
    wide = wide * wide
    narrow = np.square(np.square(np.square(wide)))
    shine = shine + scene.strength * (0.5 * wide + 1.1 * narrow)
    dull = 0.18 + 0.75 * np.clip(normals @ lamp, 0, 1)
    metal = np.array(METALS[scene.metal], np.float32)
    bare = (0.75 * shine + 0.25 * dull)[:, None] * metal * bright[:, None]
    rusty = dull[:, None] * RUST * (0.8 + 0.4 * bright[:, None])
    return np.asarray(bare * (1 - rust[:, None]) + rusty * rust[:, None], dtype=np.float32)


def _blurred(light: Floats, radius: float) -> Floats:
    """Gaussian blur of rows and columns with this deviation; edges are repeated."""
    reach = max(1, round(3 * radius))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        pads = [(reach, reach) if a == axis else (0, 0) for a in range(light.ndim)]
        wide = np.pad(light, pads, mode="edge")
        size = light.shape[axis]
        moved = (wide.take(range(k, k + size), axis=axis) for k in range(2 * reach + 1))
        light = sum(w * part for w, part in zip(weights, moved, strict=True))
    return np.asarray(light, dtype=np.float32)


def _shadow(scene: Scene, there: npt.NDArray[np.bool_]) -> Floats:
    """Share of the light that reaches the ground: a soft shadow, and a close one at the contact.

    Made at a third of the size, which its softness does not show.
    """
    small = there[1::ZOOM, 1::ZOOM].astype(np.float32)
    result = np.ones(small.shape, np.float32)
    for reach, radius, dark in ((0.9, 0.7, 0.45), (0.35, 0.22, 0.45)):
        moved = (-np.sin(scene.lamp) * reach, -np.cos(scene.lamp) * reach)
        shift = [round(m * scene.scale) for m in moved]
        result *= 1 - dark * _blurred(np.roll(small, shift, axis=(0, 1)), radius * scene.scale)
    return result.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def _texture(size: int, cells: tuple[int, int], random: np.random.Generator) -> Floats:
    """Random values of mean 0 and deviation 1, smooth between ``cells`` (rows, columns)."""
    coarse = random.normal(0, 1, cells).astype(np.float32)
    plane = Image.fromarray(coarse, mode="F").resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(plane)


def ground(scene: Scene, random: np.random.Generator) -> Floats:
    """What the screw lies on, lit from the lamp's side: linear light (size, size, 3)."""
    size = scene.side * ZOOM
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size
    fine = _texture(size, (size // 2, size // 2), random)
    clouds = _texture(size, (5, 5), random)
    if scene.ground == "belt":  # dark rubber with a woven pattern
        weave = np.sin(2 * np.pi * 22 * (rows + columns)) * np.sin(
            2 * np.pi * 22 * (rows - columns)
        )
        value, colour = 0.085 + 0.018 * weave + 0.012 * fine + 0.01 * clouds, (0.95, 1.0, 1.05)
    elif scene.ground == "wood":
        grain = _texture(size, (34, 4), random) + 0.6 * _texture(size, (90, 6), random)
        value, colour = 0.32 + 0.06 * grain + 0.01 * fine + 0.02 * clouds, (1.15, 0.82, 0.5)
    elif scene.ground == "paper":
        value, colour = 0.62 + 0.012 * fine + 0.03 * clouds, (1.0, 0.99, 0.95)
    elif scene.ground == "steel":  # brushed
        brushed = _texture(size, (size, 5), random)
        value, colour = 0.36 + 0.035 * brushed + 0.04 * clouds, (0.98, 1.0, 1.02)
    else:  # cardboard
        specks = np.clip(_texture(size, (size // 3, size // 3), random) - 1.6, 0, 1)
        value, colour = 0.36 + 0.02 * fine - 0.1 * specks + 0.02 * clouds, (1.1, 0.88, 0.62)
    slope = (columns - 0.5) * np.cos(scene.lamp) + (rows - 0.5) * np.sin(scene.lamp)
    corner = (rows - 0.5) ** 2 + (columns - 0.5) ** 2
    lit = (0.75 + 0.25 * scene.strength) * (1 + 0.45 * slope - 0.35 * corner)
    light = np.clip(value * lit, 0.003, None)[..., None] * np.array(colour, np.float32)
    return np.asarray(light, dtype=np.float32)
