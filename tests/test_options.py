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
        '[quantize]\nweight_bits = 4\nfit = true\n[quantize.layers]\n"a*" = 2\n"ab" = 8\n'
    )
    options = load_options(file)
    assert options.classes == ("cat", "dog")
    assert options.input.scale is options.input.stated_scale is Scale.CHIP
    assert options.sample is not None
    assert options.sample.label == "cat"
    assert options.quantize.weight_bits == 4
    assert options.quantize.fit
    assert list(options.quantize.layers.items()) == [("a*", 2), ("ab", 8)]


def test_a_range_rises(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("[input]\nrange = [-2.0, 3.5]\n")
    options = load_options(file)
    assert options.input.range == (-2.0, 3.5)
    assert options.input.stated_scale is None
    file.write_text("[input]\nrange = [1, 1]\n")
    with pytest.raises(UsageError) as raised:
        load_options(file)
    assert raised.value.diagnostics[0].where.endswith("input.range")


def test_lies_beside_the_model() -> None:
    assert options_path(Path("a/net.onnx")) == Path("a/net.toml")


def test_all_faults_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text(
        'classes = 3\ncolour = "red"\n[input]\nscale = "huge"\n[quantize]\nweight_bits = 3\n'
    )
    with pytest.raises(UsageError) as raised:
        load_options(file)
    places = " ".join(d.where for d in raised.value.diagnostics)
    assert len(raised.value.diagnostics) == 4
    keys = ("classes", "colour", "input.scale", "quantize.weight_bits")
    assert all(key in places for key in keys)


def test_broken_toml(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("classes = [")
    with pytest.raises(UsageError, match="MX8021"):
        load_options(file)
