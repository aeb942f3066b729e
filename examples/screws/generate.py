"""Draw photographs-like pictures of good and defective screws into folders.

    python generate.py build/screws

writes ``train/good``, ``train/defective``, ``test/good`` and ``test/defective`` with PNG pictures
of 64x64 pixels, and ``drawn.csv`` with what each picture shows. Every picture has its own seed:
the same command gives the same pixels, however many processes draw.

    python generate.py build/screws --sheet sheet.jpg

draws instead one picture of 64, good ones above, defective ones below.
"""

from __future__ import annotations

import argparse
import csv
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from geometry import DEFECTS, HEADS, Screw
from PIL import Image
from rendering import GROUNDS, METALS, Scene, photograph

SIDE = 64
SEED = 2026
PARTS = ("train", "test")
CLASSES = ("good", "defective")
DRIVES = {
    "pan": ("slot", "cross"),
    "countersunk": ("slot", "cross"),
    "hexagon": ("none",),
    "cylinder": ("socket", "slot"),
}
GOOD_BEND = 1.2
"""Degrees that a good shank may be off straight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture to draw.

    Attributes:
        part: ``train`` or ``test``.
        number: within part and class.
        defective: class.
    """

    part: str
    number: int
    defective: bool

    @property
    def name(self) -> str:
        """Path of the file below the output folder."""
        return f"{self.part}/{CLASSES[self.defective]}/{self.number:05}.png"


def draw_screw(random: np.random.Generator, defect: str | None) -> Screw:
    """A screw of any kind; defects only where they can be."""
    heads = [head for head in HEADS if defect != "slot" or head != "hexagon"]
    head = str(random.choice(heads))
    pointed = head == "countersunk" or (head == "pan" and random.binomial(1, 0.4) == 1)
    length = float(random.uniform(7.5, 10.0))
    severity = float(random.beta(1.6, 1.4))
    bend = np.deg2rad(random.uniform(0, GOOD_BEND))
    if defect == "bent":
        bend = np.deg2rad(10 + 13 * severity)
    return Screw(
        head=head,
        length=length,
        pitch=float(random.uniform(0.95, 1.25) if pointed else random.uniform(0.75, 0.95)),
        depth=float(random.uniform(0.26, 0.34) if pointed else random.uniform(0.2, 0.26)),
        smooth=float(random.uniform(0.22, 0.38) * length) if pointed else 0.2,
        pointed=pointed,
        head_radius=float(random.uniform(1.8, 2.2)),
        head_height=float(random.uniform(1.0, 1.35) if head != "cylinder" else 1.7),
        drive=str(random.choice(DRIVES[head])),
        roll=float(random.uniform(0, 2 * np.pi)),
        defect=defect,
        severity=severity,
        place=float(random.random()),
        facing=float(np.pi / 2 + random.uniform(-0.5, 0.5)),
        bend=float(bend * random.choice([-1, 1])),
        seed=int(random.integers(1 << 30)),
    )


def draw_scene(random: np.random.Generator, screw: Screw, side: int) -> Scene:
    """A place on the line, a camera set to the screw's length, and the light of the day."""
    right, down = random.uniform(-0.03, 0.03, 2) * side
    red, green, blue = random.normal(1, 0.03, 3)
    return Scene(
        side=side,
        scale=float(random.uniform(0.74, 0.84) * side / (screw.length + screw.head_height)),
        shift=(float(right), float(down)),
        turn=float(random.uniform(-0.12, 0.12)),
        tilt=float(random.uniform(0.42, 0.7)),
        lamp=float(random.uniform(-2.1, -1.0)),
        strength=float(random.uniform(0.5, 1.1)),
        metal=str(random.choice(list(METALS), p=[0.4, 0.3, 0.2, 0.1])),
        ground=str(random.choice(GROUNDS)),
        exposure=float(random.uniform(0.75, 1.2)),
        tint=(float(red), float(green), float(blue)),
        blur=float(random.uniform(0.25, 0.5)),
        noise=float(random.uniform(0.01, 0.03)),
        seed=int(random.integers(1 << 30)),
    )


def draw(picture: Picture, seed: int, side: int = SIDE) -> tuple[Screw, Scene]:
    """What the picture shows, from its own random numbers."""
    key = [seed, PARTS.index(picture.part), picture.number, int(picture.defective)]
    random = np.random.default_rng(key)
    defect = DEFECTS[picture.number % len(DEFECTS)] if picture.defective else None
    screw = draw_screw(random, defect)
    return screw, draw_scene(random, screw, side)


def write(picture: Picture, folder: Path, seed: int, side: int) -> tuple[str, ...]:
    """Draw and save one picture; its line of ``drawn.csv``."""
    screw, scene = draw(picture, seed, side)
    Image.fromarray(photograph(screw, scene)).save(folder / picture.name)
    defect, severity = ("", "") if screw.defect is None else (screw.defect, f"{screw.severity:.2f}")
    return (picture.name, screw.head, screw.drive, scene.metal, scene.ground, defect, severity)


def generate(folder: Path, counts: dict[str, int], *, seed: int, side: int, jobs: int) -> None:
    """Draw all pictures: ``counts`` says how many of each part, half of them defective."""
    pictures = [
        Picture(part=part, number=number, defective=defective)
        for part, count in counts.items()
        for defective in (False, True)
        for number in range(count // 2)
    ]
    for part in counts:
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
    n = len(pictures)
    with ProcessPoolExecutor(jobs) as pool:
        lines = pool.map(write, pictures, [folder] * n, [seed] * n, [side] * n, chunksize=16)
        with (folder / "drawn.csv").open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream)
            table.writerow(("picture", "head", "drive", "metal", "ground", "defect", "severity"))
            table.writerows(lines)


def sheet(columns: int, *, seed: int, side: int) -> npt.NDArray[np.uint8]:
    """Two rows of good screws, then two of defective ones: uint8 (rows, columns, 3)."""
    rows = []
    for defective in (False, True):
        for row in range(2):
            numbers = range(row * columns, (row + 1) * columns)
            pictures = [Picture(part="test", number=n, defective=defective) for n in numbers]
            drawn = [photograph(*draw(picture, seed, side)) for picture in pictures]
            rows.append(np.concatenate(drawn, axis=1))
    return np.concatenate(rows)


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description="Draw pictures of good and defective screws.")
    parser.add_argument("folder", type=Path, help="where the folders of pictures go")
    parser.add_argument("--train", type=int, default=9000, help="pictures to learn from")
    parser.add_argument("--test", type=int, default=1000, help="pictures to measure with")
    parser.add_argument("--side", type=int, default=SIDE, help="rows and columns of a picture")
    parser.add_argument("--seed", type=int, default=SEED, help="other pictures of the same kind")
    parser.add_argument("--sheet", type=Path, help="draw a few into this file instead")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    chosen = parser.parse_args()
    if chosen.sheet is not None:
        Image.fromarray(sheet(2 * len(DEFECTS), seed=chosen.seed, side=chosen.side)).save(
            chosen.sheet
        )
        return
    counts = {"train": chosen.train, "test": chosen.test}
    generate(chosen.folder, counts, seed=chosen.seed, side=chosen.side, jobs=chosen.jobs)
    print(f"{sum(counts.values())} pictures in {chosen.folder}")


if __name__ == "__main__":
    main()
