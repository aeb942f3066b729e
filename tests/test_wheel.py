"""A wheel, installed without the checkout, builds the example: templates and boards are inside."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout (built from a copy, so that nothing is left in it)."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    kept = ("toolchain", "firmware_templates", "boards")
    for name in kept:
        shutil.copytree(repository / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "-w", str(folder), str(source)],
        check=True,
    )  # fmt: skip
    shutil.rmtree(source)
    return next(folder.glob("mxdeploy-*.whl"))


def test_templates_and_boards_are_inside(wheel: Path, repository: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("firmware_templates", "boards"):
        for file in (repository / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                relative = file.relative_to(repository).as_posix()
                assert f"mxdeploy/_data/{relative}" in names
    assert not [n for n in names if n.startswith(("tests/", "examples/"))]


@pytest.mark.slow
def test_builds_the_example_away_from_the_checkout(
    wheel: Path, repository: Path, tmp_path: Path
) -> None:
    """The empty environment gets the wheel alone; the dependencies are lent by this one."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True
    )
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    (Path(purelib) / "lent.pth").write_text("\n".join(site.getsitepackages()))
    shutil.copytree(repository / "examples" / "cifar10", tmp_path / "example")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    where = subprocess.run(
        [python, "-c", "import mxdeploy; print(mxdeploy.__file__)"],
        check=True, capture_output=True, text=True, cwd=tmp_path, env=environment,
    ).stdout  # fmt: skip
    assert str(tmp_path) in where

    done = subprocess.run(
        [scripts / "mxdeploy", "build", tmp_path / "example" / "cifar10.onnx",
         "-o", tmp_path / "out", "--run", "--json"],
        check=False, capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)["result"]["report"]
    assert report["board_run"]["passed"] is True
    assert report["classes"][0]["name"] == report["sample_label"]
