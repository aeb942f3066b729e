"""``mxdeploy diff``: what people and scripts are told about two programs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from tests.command import Mxdeploy
from tests.emulator.test_replay import Recorder
from tests.networks import tiny

WIDTH = 100


def small(path: Path, *more: reg.LayerRegister) -> Path:
    """A program of one layer; ``more`` overwrites registers of it."""
    recorder = Recorder()
    recorder.copy_layer()
    for register in more:
        recorder.put(register)
    recorder.start()
    return recorder.save(path, {mem.data_address(0, 100): 42})


def test_the_same_program(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), small(tmp_path / "b.npz"))
    assert ran.exit_code == 0
    assert "identical: the same stores in the same order" in ran.out
    assert "registers" not in ran.out


def test_one_field_in_words(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    """Verdict, layer, register, field and meaning of a shift that differs."""
    other = small(tmp_path / "b.npz", reg.PostProcessing(scale_reg=2, scale_shft=1))
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), other)
    assert ran.exit_code == 6
    assert "MX8220" in ran.err
    assert "same geometry, different operations in 1 of 1 layers" in ran.out
    assert "layer 0: shift +1 in A, -2 in B" in ran.out
    assert (
        "Ly_POST, layer 0, quadrant 0: 0x50100790 has 0x00002000 in A, 0x00024000 in B" in ran.out
    )
    assert re.search(r"scale_shft +0 \(left\) -> 1 \(right\)", ran.out)
    assert "B = 8 bit weights, output shifted right by 2" in ran.out


def test_json_is_one_document(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    other = small(tmp_path / "b.npz", reg.PostProcessing(scale_reg=2))
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), other, "--json")
    assert (ran.exit_code, ran.codes) == (6, ["MX8220"])
    result = ran.document["result"]
    assert (result["verdict"], result["same"]) == ("other operations", False)
    assert result["layers"][0]["operation"] == [{"name": "shift", "a": "+1", "b": "+2"}]
    [register] = result["registers"]
    assert (register["mnemonic"], register["layer"], register["quadrants"]) == ("Ly_POST", 0, [0])
    assert [field["name"] for field in register["fields"]] == ["scale_reg"]
    assert result["answers"]["same_addresses"]


def test_quiet(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), small(tmp_path / "b.npz"), "-q")
    assert (ran.exit_code, ran.out) == (0, "")


def test_not_modelled_is_compared_all_the_same(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    wrong = reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1, mslave=1)
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), small(tmp_path / "b.npz", wrong))
    assert ran.exit_code == 3
    assert "b.npz: cannot be decoded" in ran.err
    assert "a.npz" not in ran.err
    assert "Ly_LCTRL0, layer 0, quadrant 0" in ran.out
    assert re.search(r"mslave +0 -> 1", ran.out)


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_unreadable_files(mxdeploy: Mxdeploy, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), tmp_path / "bad.npz", "--json")
    assert ran.exit_code == 2
    assert "bad.npz" in ran.document["diagnostics"][0]["where"]


def test_a_folder_that_is_no_build(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    ran = mxdeploy("diff", small(tmp_path / "a.npz"), tmp_path, "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8040"])


def test_a_build_folder(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    """A build of ours: the same as itself, another network than a recorded program."""
    model = tiny().save(tmp_path / "tiny.onnx")
    x = np.random.default_rng(5).uniform(-1, 1, (16, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=x)
    build = tmp_path / "build"
    command = ("build", model, "--calib", tmp_path / "calib.npz", "-o", build, "--compiler=none")
    assert mxdeploy(*command).exit_code == 0
    assert mxdeploy("diff", build, build).exit_code == 0
    ran = mxdeploy("diff", build, small(tmp_path / "a.npz"), "--json")
    assert ran.exit_code == 6
    result = ran.document["result"]
    assert result["verdict"] == "other network"
    assert len(result["a"]["layers"]) == 3
    assert result["a"]["refusals"] == []


@pytest.mark.shared
def test_long_lists_are_cut(mxdeploy: Mxdeploy, shared: Path) -> None:
    traces = shared / "traces"
    pair = (traces / "t-layers.npz", traces / "t-layers+wstart.npz")
    short, long = mxdeploy("diff", *pair), mxdeploy("diff", *pair, "--all")
    assert short.exit_code == long.exit_code == 6
    assert "same network, different placement" in short.out
    assert "... and 22 more; --all shows them" in short.out
    assert "more;" not in long.out
    assert "layer 31: kernels start at word 124 in A, word 140 in B" in long.out
    assert mxdeploy("diff", *pair, "-v").out == long.out


@pytest.mark.shared
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("d-cifar-10", "sdk-cifar-10"),
        ("t-layers", "t-layers+fifo"),
        ("d-faceid", "d-camvid_unet"),
        ("t-resnet", "t-resnet+inoffs"),
    ],
)
def test_fits_a_pipe(mxdeploy: Mxdeploy, shared: Path, a: str, b: str) -> None:
    ran = mxdeploy("diff", *(shared / "traces" / f"{name}.npz" for name in (a, b)), "--all")
    assert ran.exit_code == 6
    assert max(map(len, ran.out.splitlines())) <= WIDTH
    assert not re.search(r"(same|diff|,\d*)…", ran.out)


@pytest.mark.shared
def test_effects_are_marked(mxdeploy: Mxdeploy, shared: Path) -> None:
    traces = shared / "traces"
    ran = mxdeploy("diff", traces / "t-conv1x1.npz", traces / "t-conv1x1+rsel.npz")
    assert ran.exit_code == 0
    assert "same effect on the chip, reached in another way" in ran.out
    assert "registers: 3 differ, all of them without effect on results" in ran.out
    assert "CTRL, quadrants 0-1" in ran.out
    assert "APB wait states" in ran.out
    strict = (traces / "t-conv1x1.npz", traces / "t-conv1x1+rsel.npz", "--strict-order")
    assert mxdeploy("diff", *strict).exit_code == 6
