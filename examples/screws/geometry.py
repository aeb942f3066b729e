"""Screws as surfaces in space: head, shank, thread, and what can be wrong with them.

Lengths are in radii of the shank. The axis is x: the head's top looks to -x, the shank begins at
x = 0. A surface is a grid of points; its normals follow from its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

HEADS = ("pan", "countersunk", "hexagon", "cylinder")
DEFECTS = ("thread", "crushed", "bent", "broken", "offset", "rust", "scratch", "slot")
FRONT = (np.pi / 2 - 1.85, np.pi / 2 + 1.85)
"""Angles around the axis that a camera can see."""
AROUND = 92  # points around the shank, within FRONT
ALONG = 300  # points along it


@dataclass(frozen=True, slots=True, kw_only=True)
class Screw:
    """One screw and its state.

    Attributes:
        head: one of ``HEADS``.
        length: of the shank.
        pitch: distance of two turns of the thread.
        depth: of the thread.
        smooth: length of the shank without thread below the head.
        pointed: ends in a point (wood) or in a short chamfer (machine).
        head_radius: outer radius of the head.
        head_height: its height.
        drive: what the tool grips: ``slot``, ``cross``, ``socket`` or ``none``.
        roll: turn around the axis, radians.
        defect: one of ``DEFECTS``, or None for a good one.
        severity: 0 (just a defect) .. 1.
        place: where along the shank (or around the head) the defect is, 0..1.
        facing: angle around the axis that looks at the camera, radians.
        bend: angle of the shank's kink, radians; good screws have a little of it as well.
        seed: of the irregular patterns (rust, crushed metal).
    """

    head: str
    length: float
    pitch: float
    depth: float
    smooth: float
    pointed: bool
    head_radius: float
    head_height: float
    drive: str
    roll: float
    defect: str | None
    severity: float
    place: float
    facing: float
    bend: float
    seed: int

    @property
    def sign(self) -> int:
        """To which of two sides a defect is, 1 or -1."""
        return 1 if self.seed % 2 else -1


@dataclass(frozen=True, slots=True)
class Surface:
    """Points, outward normals and material of a part.

    Attributes:
        points: (n, 3).
        normals: (n, 3), unit length.
        rust: (n,), 0 (bare metal) .. 1.
        bright: (n,), factor of the reflected light (scratches are brighter, recesses darker).
    """

    points: Floats
    normals: Floats
    rust: Floats
    bright: Floats


def surfaces(screw: Screw) -> list[Surface]:
    """All parts of the screw, bent and with their defects."""
    return [_shank(screw), _head_side(screw), _head_top(screw)]


def _noise(shape: tuple[int, int], cells: tuple[int, int], seed: int) -> Floats:
    """Smooth random numbers of mean 0, about -1..1: bilinear between random values."""
    random = np.random.default_rng(seed)
    coarse = random.normal(0, 0.7, (cells[0] + 1, cells[1] + 1)).astype(np.float32)
    rows = np.linspace(0, cells[0] - 1e-3, shape[0], dtype=np.float32)
    columns = np.linspace(0, cells[1] - 1e-3, shape[1], dtype=np.float32)
    r, c = rows.astype(int), columns.astype(int)
    fr, fc = (rows - r)[:, None], (columns - c)[None, :]
    top = coarse[r][:, c] * (1 - fc) + coarse[r][:, c + 1] * fc
    low = coarse[r + 1][:, c] * (1 - fc) + coarse[r + 1][:, c + 1] * fc
    return np.asarray(top * (1 - fr) + low * fr, dtype=np.float32)


def _smoothstep(x: Floats, low: float, high: float) -> Floats:
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _angle_from(theta: Floats, centre: float) -> Floats:
    """Signed distance of angles, -pi..pi."""
    return np.asarray((theta - centre + np.pi) % (2 * np.pi) - np.pi, dtype=np.float32)


def _threaded(screw: Screw, u: Floats, theta: Floats) -> Floats:
    """How much of the thread is there, 0..1, at every point of the shank."""
    end = screw.length
    there = _smoothstep(u, screw.smooth, screw.smooth + 0.6)
    usable = end - screw.smooth
    if screw.defect == "thread":
        half = usable * (0.14 + 0.2 * screw.severity)
        centre = screw.smooth + half + screw.place * (usable - 2 * half)
        lost = _smoothstep(half - np.abs(u - centre), 0, 0.5)
        there = there * (1 - lost)
    if screw.defect == "crushed":
        size = 1.5 + 0.9 * screw.severity
        centre = screw.smooth + 0.8 + screw.place * (usable - 1.6)
        away = np.hypot((u - centre) / size, _angle_from(theta, screw.facing) / 1.3)
        away = away + 0.25 * _noise((u.shape[0], theta.shape[1]), (24, 12), screw.seed)
        there = there * (1 - _smoothstep(1.0 - away, 0, 0.35) * 1.35)
    if screw.defect == "scratch":
        there = there * (1 - _scratch(screw, u, theta, end)[0])
    return np.asarray(there, dtype=np.float32)


def _shank(screw: Screw) -> Surface:
    u = np.linspace(0, screw.length, ALONG, dtype=np.float32)[:, None]
    theta = np.linspace(*FRONT, AROUND, dtype=np.float32)[None, :]
    turn = (u / screw.pitch - (theta + screw.roll) / (2 * np.pi)) % 1.0
    ridge = np.clip(1.25 - np.abs(turn - 0.5) * 3.2, 0, 1)
    core = 1.0 - screw.depth
    radius = core + screw.depth * ridge * _threaded(screw, u, theta)
    smooth = 1 - _smoothstep(u, screw.smooth - 0.2, screw.smooth + 0.4)
    if screw.smooth > 0:
        radius = radius + (0.95 - core) * smooth
    taper = 2.2 if screw.pointed else 0.35
    last = 0.05 if screw.pointed else 0.72
    left = np.clip((screw.length - u) / taper, 0, 1)
    radius = radius * (last + (1 - last) * left)
    x = np.broadcast_to(u, radius.shape)
    points = np.stack([x, radius * np.cos(theta), radius * np.sin(theta)], axis=-1)
    rust, bright = _marks(screw, x, theta, screw.length)
    return _finish(screw, points.astype(np.float32), rust, bright)


def _marks(screw: Screw, x: Floats, theta: Floats, length: float) -> tuple[Floats, Floats]:
    """Rust and scratches on a part that goes around the axis."""
    shape = (x.shape[0], theta.shape[1])
    rust = np.zeros(shape, np.float32)
    bright = np.ones(shape, np.float32)
    # A finger mark or a stain that every screw may have.
    rust += 0.10 * np.clip(_noise(shape, (7, 5), screw.seed + 1) - 0.5, 0, 1)
    bright *= 1 + 0.10 * _noise(shape, (30, 8), screw.seed + 2)
    if screw.defect == "rust":
        centre = (0.15 + 0.7 * screw.place) * length
        size = 0.95 + 0.9 * screw.severity
        away = np.hypot((x - centre) / size, _angle_from(theta, screw.facing) / (0.75 * size))
        away = away + 0.35 * _noise(shape, (26, 14), screw.seed + 3)
        rust = np.maximum(rust, 0.95 * _smoothstep(1.0 - away, -0.15, 0.2))
    if screw.defect == "scratch":
        cut, edge = _scratch(screw, x, theta, length)
        bright = bright * (1 - 0.75 * edge) * (1 + 2.2 * cut)
    return rust, bright


def _scratch(screw: Screw, x: Floats, theta: Floats, length: float) -> tuple[Floats, Floats]:
    """A groove along the screw, somewhat oblique: its bright middle and its dark edges, 0..1."""
    oblique = 0.6 * (x / length - 0.5) * screw.sign
    away = np.abs(_angle_from(theta, screw.facing + 0.5 * (screw.place - 0.5)) - oblique)
    middle = (0.3 + 0.4 * screw.place) * length
    extent = _smoothstep(length * (0.24 + 0.2 * screw.severity) - np.abs(x - middle), 0, 0.3)
    width = 0.2 + 0.12 * screw.severity
    cut = _smoothstep(width - away, 0, 0.1) * extent
    edge = _smoothstep(width + 0.2 - away, 0, 0.1) * extent * (1 - cut)
    return cut, edge


def _bent(screw: Screw, points: Floats) -> Floats:
    """The shank kinked sideways (as the camera sees it) behind a third of its length."""
    start = (0.25 + 0.3 * screw.place) * screw.length
    beyond = np.logaddexp(0, (points[..., 0] - start) * 2.5) / 2.5
    aside = np.tan(screw.bend) * beyond
    # Sideways is a right angle away from the direction that faces the camera.
    points = points.copy()
    points[..., 1] += aside * -np.sin(screw.facing)
    points[..., 2] += aside * np.cos(screw.facing)
    return points


def _finish(screw: Screw, points: Floats, rust: Floats, bright: Floats) -> Surface:
    """Bend, and find the normals from neighbouring points of the grid."""
    points = _bent(screw, points)
    along = np.gradient(points, axis=0)
    around = np.gradient(points, axis=1)
    normals = np.cross(around, along)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9
    size = points.shape[0] * points.shape[1]
    return Surface(
        points.reshape(size, 3),
        normals.reshape(size, 3).astype(np.float32),
        np.broadcast_to(rust, points.shape[:2]).reshape(size),
        np.broadcast_to(bright, points.shape[:2]).reshape(size),
    )


def _outline(screw: Screw, theta: Floats) -> Floats:
    """Outer radius of the head at every angle: round, or a hexagon."""
    if screw.head != "hexagon":
        return np.full_like(theta, screw.head_radius)
    sixth = np.pi / 3
    turned = (theta + screw.roll) % sixth - sixth / 2
    return np.asarray(0.88 * screw.head_radius / np.cos(turned), dtype=np.float32)


def _head_side(screw: Screw) -> Surface:
    steps = np.linspace(0, 1, 64, dtype=np.float32)[:, None]  # from the top to the shank
    theta = np.linspace(*FRONT, 2 * AROUND, dtype=np.float32)[None, :]
    outline = _outline(screw, theta)
    if screw.head == "countersunk":
        shape = np.minimum(1.0, (1 - steps) / 0.88)
        radius = 0.9 + (outline - 0.9) * shape
        x = -screw.head_height * (1 - steps)
    else:
        # The side, then the flat underside to the shank.
        side = np.clip(steps / 0.7, 0, 1)
        under = np.clip((steps - 0.7) / 0.3, 0, 1)
        bevel = 1 - 0.1 * np.clip(1 - side / 0.18, 0, 1) ** 2
        radius = (outline * bevel) * (1 - under) + 0.8 * under
        x = -screw.head_height * (1 - side)
    x = np.broadcast_to(x, radius.shape)
    points = np.stack([x, radius * np.cos(theta), radius * np.sin(theta)], axis=-1)
    rust, bright = _marks(screw, x + 0.3 * screw.length, theta, screw.length)
    if screw.drive == "slot" and screw.defect != "slot":
        # The slot goes through to the side: a dark notch there.
        across = np.abs(points[..., 1] * np.sin(screw.roll) - points[..., 2] * np.cos(screw.roll))
        notch = (across < 0.16 * screw.head_radius) & (x < -0.45 * screw.head_height)
        bright = bright * np.where(notch, 0.12, 1.0)
    return _finish(screw, _damaged_head(screw, points), rust, bright)


def _head_top(screw: Screw) -> Surface:
    part = np.linspace(1, 0, 56, dtype=np.float32)[:, None]  # from the middle to the rim
    theta = np.linspace(0, 2 * np.pi, 3 * AROUND, dtype=np.float32)[None, :]
    rim = 0.9 if screw.head != "countersunk" else 1.0
    radius = (1 - part) * _outline(screw, theta) * rim
    y, z = radius * np.cos(theta), radius * np.sin(theta)
    dome = {"pan": 0.55, "hexagon": 0.06, "cylinder": 0.03, "countersunk": 0.04}[screw.head]
    share = radius / screw.head_radius
    x = -screw.head_height - dome * (0.85 - share**2)
    bright = np.ones_like(x)
    if screw.defect != "slot":
        depth = _recess(screw, y, z)
        x = x + 0.6 * screw.head_height * depth
        bright = 1 - 0.88 * depth
    points = np.stack([x, y, z], axis=-1)
    rust, marks = _marks(screw, radius + 0.4 * screw.length, theta, screw.length)
    return _finish(screw, _damaged_head(screw, points), rust, bright * marks)


def _recess(screw: Screw, y: Floats, z: Floats) -> Floats:
    """Depth of what the tool grips, 0..1."""
    scale = screw.head_radius
    p = (y * np.cos(screw.roll) + z * np.sin(screw.roll)) / scale
    q = (y * np.sin(screw.roll) - z * np.cos(screw.roll)) / scale
    if screw.drive == "slot":
        return _smoothstep(0.19 - np.abs(q), 0, 0.06)
    if screw.drive == "cross":
        bars = np.minimum(
            np.maximum(np.abs(q) / 0.17, np.abs(p) / 0.66),
            np.maximum(np.abs(p) / 0.17, np.abs(q) / 0.66),
        )
        return _smoothstep(1.08 - bars, 0, 0.25)
    if screw.drive == "socket":
        angle = np.arctan2(q, p) % (np.pi / 3) - np.pi / 6
        return _smoothstep(0.5 - np.hypot(p, q) * np.cos(angle), 0, 0.06)
    return np.zeros_like(y)


def _damaged_head(screw: Screw, points: Floats) -> Floats:
    """A piece broken off, or the whole head beside the axis."""
    points = points.astype(np.float32).copy()
    if screw.defect == "broken":
        # Broken off at a plane on the side that the camera sees, uneven as breaks are.
        direction = screw.facing + screw.sign * (0.75 + 0.5 * screw.place)
        normal = np.array([-0.25, np.cos(direction), np.sin(direction)], np.float32)
        limit = screw.head_radius * (0.36 - 0.28 * screw.severity)
        uneven = 0.14 * _noise(points.shape[:2], (9, 17), screw.seed + 4)
        over = np.clip(points @ normal - limit - uneven, 0, None)
        points -= over[..., None] * normal / (normal @ normal)
    if screw.defect == "offset":
        aside = screw.sign * screw.head_radius * (0.34 + 0.22 * screw.severity)
        points[..., 1] += aside * -np.sin(screw.facing)
        points[..., 2] += aside * np.cos(screw.facing)
    return points
