"""Project options: read, and every fault of a file named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.data import Scale
from mxdeploy.errors import UsageError
from mxdeploy.options import load_options, options_path


def test_reads_everything(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text(
        'classes = ["cat", "dog"]\n[input]\nscale = "chip"\n'
        '[sample]\nfile = "s.npz"\nlabel = "cat"\n'
    )
    options = load_options(file)
    assert options.classes == ("cat", "dog")
    assert options.input.scale is Scale.CHIP
    assert options.sample is not None
    assert options.sample.label == "cat"


def test_lies_beside_the_model() -> None:
    assert options_path(Path("a/net.onnx")) == Path("a/net.toml")


def test_all_faults_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text('classes = 3\ncolour = "red"\n[input]\nscale = "huge"\n')
    with pytest.raises(UsageError) as raised:
        load_options(file)
    places = " ".join(d.where for d in raised.value.diagnostics)
    assert len(raised.value.diagnostics) == 3
    assert all(key in places for key in ("classes", "colour", "input.scale"))


def test_broken_toml(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("classes = [")
    with pytest.raises(UsageError, match="MX8021"):
        load_options(file)
