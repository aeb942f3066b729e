"""The pictures of screws: what they show, and that the same command draws the same ones."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image


def drawn(screws: SimpleNamespace, number: int, *, defective: bool) -> tuple:
    picture = screws.generate.Picture(part="train", number=number, defective=defective)
    return screws.generate.draw(picture, seed=1)


def test_folders_hold_what_the_list_says(screws: SimpleNamespace, tmp_path: Path) -> None:
    counts = {"train": 16, "test": 4}
    screws.generate.generate(tmp_path, counts, seed=1, side=24, jobs=1)
    with (tmp_path / "drawn.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png"))
    assert sorted(line["picture"] for line in lines) == files
    assert len(files) == 20
    for line in lines:
        part, name, _ = line["picture"].split("/")
        assert (part in counts, name == "defective") == (True, line["defect"] != "")
        assert np.asarray(Image.open(tmp_path / line["picture"])).shape == (24, 24, 3)
    shown = {line["defect"] for line in lines if line["picture"].startswith("train/defective")}
    assert shown == set(screws.geometry.DEFECTS)


def test_the_same_command_draws_the_same_pictures(screws: SimpleNamespace, tmp_path: Path) -> None:
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        screws.generate.generate(folder, {"test": 4}, seed=7, side=16, jobs=jobs)
    first = sorted((tmp_path / "1").rglob("*.png"))
    assert [p.read_bytes() for p in first] == [
        p.read_bytes() for p in sorted((tmp_path / "2").rglob("*.png"))
    ]
    assert len({p.read_bytes() for p in first}) == 4


@pytest.mark.parametrize("number", range(16))
def test_a_defect_is_to_be_seen(screws: SimpleNamespace, number: int) -> None:
    """The same screw in the same light without the defect: pixels differ, and only on the screw."""
    screw, scene = drawn(screws, number, defective=True)
    assert screw.defect == screws.geometry.DEFECTS[number % 8]
    if screw.drive == "none" and screw.defect == "slot":
        pytest.skip("a hexagon has no slot to miss")
    good = replace(screw, defect=None, bend=0.01 if screw.defect == "bent" else screw.bend)
    whole = screws.rendering.photograph(good, scene).astype(int)
    found = screws.rendering.photograph(screw, scene).astype(int)
    differs = (np.abs(found - whole).max(axis=2) > 12).mean()
    assert 0.002 < differs < 0.25


def test_a_screw_stands_out_and_does_not_leave_the_picture(screws: SimpleNamespace) -> None:
    """Its light against the bare ground's: many pixels differ, hardly any at the picture's edge."""
    edges = []
    for number in range(8):
        screw, scene = drawn(screws, number, defective=False)
        scene = replace(scene, noise=0.0)
        _, there = screws.rendering._drawn(screw, scene, scene.side * screws.rendering.ZOOM)
        assert 0.04 < there.mean() < 0.3
        edges.append(there[[0, -1]].any() or there[:, [0, -1]].any())
    assert sum(edges) <= 2


def test_normals_look_outward(screws: SimpleNamespace) -> None:
    """From the axis: light falls on the outside of the shank and on the top of the head."""
    screw, _ = drawn(screws, 3, defective=False)
    shank, side, top = screws.geometry.surfaces(replace(screw, bend=0.0))
    for part in (shank, side):
        outward = part.points * (0, 1, 1)
        length = np.linalg.norm(outward, axis=1) * np.linalg.norm(part.normals, axis=1)
        assert ((outward * part.normals).sum(axis=1) / (length + 1e-9)).mean() > 0.5
    assert top.normals[:, 0].mean() < -0.5
