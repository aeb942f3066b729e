"""``mxdeploy build``: what comes out, and what every kind of bad input is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.builds import open_build
from tests.command import Mxdeploy
from tests.networks import ModelBuilder, tiny


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny().save(tmp_path / "tiny.onnx")


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    x = np.random.default_rng(5).uniform(-1, 1, (16, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=x, y=np.arange(16) % 5)
    return tmp_path / "calib.npz"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_build_without_compiler_delivers_sources_and_proof(
    mxdeploy: Mxdeploy, model: Path, calibration: Path, tmp_path: Path
) -> None:
    ran = mxdeploy("build", model, "--calib", calibration, "-o", tmp_path / "b", "--compiler=none")
    assert ran.exit_code == 0, ran.err
    files = files_of(tmp_path / "b")
    for name in ("build.json", "report.json", "integer.onnx", "plan.npz", "firmware/src/cnn.c",
                 "firmware/src/main.c", "firmware/Makefile"):  # fmt: skip
        assert files[name], name
    report = json.loads(files["report.json"])
    assert report["proof"]["layers"] == 3
    assert report["proof"]["machines"] == ["integer.onnx", "accelerator model"]
    assert "proved" in ran.out


def test_report_adds_up(mxdeploy: Mxdeploy, model: Path, calibration: Path, tmp_path: Path) -> None:
    ran = mxdeploy(
        "build", model, "--calib", calibration, "-o", tmp_path / "b", "--compiler=none", "--json"
    )
    report = ran.document["result"]["report"]
    weights = [3 * 8 * 9, 8 * 12 * 9, 12 * 16 * 5]
    assert [layer["weights"] for layer in report["layers"]] == weights
    assert report["totals"]["weight_bytes"] == sum(weights)
    assert report["totals"]["cycles"] == 1 + sum(layer["cycles"] for layer in report["layers"])
    assert report["layers"][1]["operation"] == "max 2x2/2, conv2d 3x3 pad 1, relu"
    assert report["layers"][0]["macs"] == 64 * weights[0]
    assert all(layer["sqnr_db"] > 20 for layer in report["layers"])


def test_equal_bytes_in_two_folders(
    mxdeploy: Mxdeploy, model: Path, calibration: Path, tmp_path: Path
) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    first, second = tmp_path / "one", tmp_path / "deep" / "er" / "two"
    moved = [shutil.copy(file, tmp_path / "deep") for file in (model, calibration)]
    for target, (net, data) in ((first, (model, calibration)), (second, moved)):
        ran = mxdeploy("build", net, "--calib", data, "-o", target, "--compiler=none")
        assert ran.exit_code == 0
    a, b = files_of(first), files_of(second)
    assert a.keys() == b.keys()
    assert [name for name in a if a[name] != b[name]] in ([], ["timing.json"])


def test_existing_folder_is_refused_without_force(
    mxdeploy: Mxdeploy, model: Path, calibration: Path, tmp_path: Path
) -> None:
    command = ("build", model, "--calib", calibration, "-o", tmp_path / "b", "--compiler=none")
    assert mxdeploy(*command).exit_code == 0
    before = files_of(tmp_path / "b")
    refused = mxdeploy(*command, "--json")
    assert (refused.exit_code, refused.codes) == (2, ["MX8044"])
    assert files_of(tmp_path / "b") == before
    assert mxdeploy(*command, "--force").exit_code == 0


def test_a_folder_that_cannot_be_written(
    mxdeploy: Mxdeploy, model: Path, calibration: Path
) -> None:
    """/proc refuses new folders even to the administrator."""
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    ran = mxdeploy(
        "build", model, "--calib", calibration, "-o", "/proc/b", "--compiler=none", "--json"
    )
    assert ran.exit_code == 2
    assert ran.codes[0] in {"MX8046", "MX8047"}


@pytest.mark.parametrize("content", [b"", b"hello, I am not a model", b"\x08\x08\x12\x04ab"])
def test_not_an_onnx_file(mxdeploy: Mxdeploy, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.onnx").write_bytes(content)
    ran = mxdeploy("build", tmp_path / "bad.onnx", "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 2
    assert "bad.onnx" in ran.document["diagnostics"][0]["where"]
    assert not (tmp_path / "b").exists()


def test_truncated_model(mxdeploy: Mxdeploy, model: Path, tmp_path: Path) -> None:
    model.write_bytes(model.read_bytes()[:-400])
    assert mxdeploy("build", model, "-o", tmp_path / "b").exit_code == 2


def test_missing_model(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    ran = mxdeploy("build", tmp_path / "no.onnx", "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 2
    assert "no.onnx" in ran.document["diagnostics"][0]["where"]


def refused(mxdeploy: Mxdeploy, builder: ModelBuilder, tmp_path: Path) -> str:
    """Text of the findings of a model that must be refused with status 3."""
    model = builder.save(tmp_path / "refused.onnx")
    ran = mxdeploy("build", model, "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 3, ran.out
    assert not (tmp_path / "b").exists()
    findings = ran.document["diagnostics"]
    assert all(d["where"] and d["what"] and d["fix"] for d in findings)
    return " | ".join(f"{d['where']}: {d['what']} {d['why']} {d['fix']}" for d in findings)


def test_dynamic_shapes(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    text = refused(mxdeploy, ModelBuilder((1, 3, "height", 8)).conv(3, 4), tmp_path)
    assert "height" in text


def test_unsupported_operator_in_the_middle(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    builder = ModelBuilder((1, 3, 8, 8)).conv(3, 4).node("HardSwish").conv(4, 4)
    text = refused(mxdeploy, builder, tmp_path)
    assert "HardSwish" in text
    assert "/hardswish1" in text


def test_kernel_12x12(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    builder = ModelBuilder((1, 3, 20, 20)).conv(3, 90).relu().conv(90, 4, kernel=12, pad=0)
    text = refused(mxdeploy, builder, tmp_path)
    assert "12x12" in text
    assert "/conv2" in text


def test_too_many_weights(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    builder = ModelBuilder((1, 3, 8, 8)).conv(3, 256).relu().conv(256, 256).relu().conv(256, 8)
    model = builder.save(tmp_path / "large.onnx")
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 8)))
    ran = mxdeploy("build", model, "--calib", tmp_path / "c.npz", "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 3
    text = json.dumps(ran.document["diagnostics"])
    assert "442,368" in text or "442368" in text


def test_all_findings_in_one_run(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    builder = ModelBuilder((1, 3, 20, 20)).conv(3, 90).relu().conv(90, 4, kernel=12, pad=0)
    builder = builder.node("HardSwish")
    text = refused(mxdeploy, builder.conv(4, 4).node("Elu"), tmp_path)
    assert all(part in text for part in ("12x12", "HardSwish", "Elu"))


def test_nan_weights(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    builder = ModelBuilder((1, 3, 8, 8)).conv(3, 4)
    broken = np.full((4, 3, 3, 3), np.nan, np.float32)
    builder.constants[0].CopyFrom(type(builder.constants[0])())
    builder.constants.pop(0)
    builder.constant("w0", broken)
    assert "NaN" in refused(mxdeploy, builder, tmp_path)


def test_no_ranges_and_no_calibration(mxdeploy: Mxdeploy, model: Path, tmp_path: Path) -> None:
    ran = mxdeploy("build", model, "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 2
    said = json.dumps(ran.document["diagnostics"])
    assert "--calib" in said
    assert "--data-free" in said


def test_without_data(mxdeploy: Mxdeploy, model: Path, tmp_path: Path) -> None:
    """The options file beside the model says how large the inputs are."""
    target = tmp_path / model.name
    target.write_bytes(model.read_bytes())
    target.with_suffix(".toml").write_text("[input]\nrange = [-2, 2]\n", encoding="utf-8")
    ran = mxdeploy(
        "build", target, "--data-free", "-o", tmp_path / "b", "--compiler=none", "--json"
    )
    assert ran.exit_code == 0, ran.out
    report = ran.document["result"]["report"]
    assert report["calibration"] == "synthetic inputs"
    assert report["input_scale"] == pytest.approx(2 / 127, rel=0.1)
    assert all(layer["sqnr_db"] > 15 for layer in report["layers"])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--data-free",), "--input-range LOW:HIGH"),
        (("--data-free", "--calib", "x.npz"), "cannot be used with --data-free"),
        (("--input-range=0:1",), "without --data-free"),
        (("--data-free", "--input-range=1:0"), "is no range"),
        (("--data-free", "--input-range=0:inf"), "is no range"),
        (("--data-free", "--input-range=low"), "is no range"),
    ],
)
def test_options_for_no_data_that_do_not_hold(
    mxdeploy: Mxdeploy, model: Path, tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    ran = mxdeploy("build", model, *options, "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 2
    assert named in json.dumps(ran.document["diagnostics"])


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((4, 3, 9, 9), np.float32),
        np.zeros((4, 8, 8), np.float32),
        np.full((4, 3, 8, 8), np.nan, np.float32),
        np.zeros((0, 3, 8, 8), np.float32),
        np.zeros((4, 3, 8, 8), np.float32),
        np.full((4, 3, 8, 8), 1e30, np.float32),
    ],
    ids=["shape", "axes", "nan", "empty", "constant", "huge"],
)
def test_bad_calibration_data(
    mxdeploy: Mxdeploy, model: Path, tmp_path: Path, x: np.ndarray
) -> None:
    np.savez(tmp_path / "c.npz", x=x)
    ran = mxdeploy("build", model, "--calib", tmp_path / "c.npz", "-o", tmp_path / "b", "--json")
    assert ran.exit_code == 2, ran.out
    finding = ran.document["diagnostics"][0]
    assert finding["what"]
    assert finding["fix"]
    assert not (tmp_path / "b").exists()


def test_missing_compiler(
    mxdeploy: Mxdeploy,
    model: Path,
    calibration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The build ends well and says what is missing; --run cannot."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "ziglang", None)
    target = tmp_path / "b"
    ran = mxdeploy("build", model, "--calib", calibration, "-o", target, "--json")
    assert ran.exit_code == 0, ran.out
    warning = ran.document["diagnostics"][0]
    assert warning["severity"] == "warning"
    assert "mxdeploy[firmware]" in warning["fix"]
    assert (target / "firmware" / "src" / "cnn.c").is_file()
    ran = mxdeploy("build", model, "--calib", calibration, "-o", tmp_path / "r", "--run", "--json")
    assert ran.exit_code == 4
    assert (tmp_path / "r" / "report.json").is_file()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("delay", [0.4, 0.9, 1.6])
def test_ctrl_c_leaves_no_half_written_build(
    model: Path, calibration: Path, tmp_path: Path, delay: float
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "mxdeploy", "build", model, "--calib", calibration,
         "-o", out / "b", "--compiler=none"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # -2: the signal came before Python could handle it; a shell calls this 130 as well.
    assert process.returncode in {0, 130, -signal.SIGINT}, err
    assert process.returncode == -signal.SIGINT or "Traceback" not in err
    left = [p.name for p in out.iterdir()]
    assert left in ([], ["b"])
    if left:  # the signal came after the build was complete
        assert open_build(out / "b").info.name == "tiny"
        assert (out / "b" / "timing.json").is_file()
    else:
        assert process.returncode != 0


def test_usage_errors_obey_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mxdeploy", "build", "--nonsense", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert document["status"] == "error"
    assert document["exit_code"] == 2
    assert "--nonsense" in document["diagnostics"][0]["what"]


def test_an_application_of_the_users_own(
    mxdeploy: Mxdeploy, model: Path, calibration: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.c").write_text("int main(void)\n{\n    return oops;\n}\n")
    command = ("build", model, "--calib", calibration, "-o", tmp_path / "b")
    ran = mxdeploy(*command, "--compiler=none", "--app", tmp_path / "mine.c")
    assert ran.exit_code == 0, ran.err
    files = files_of(tmp_path / "b")
    assert files["firmware/app/mine.c"] == (tmp_path / "mine.c").read_bytes()
    assert "firmware/src/main.c" not in files

    wrong = mxdeploy(*command, "--force", "--app", tmp_path / "mine.c", "--json")
    assert wrong.exit_code == 4
    assert wrong.codes == ["MX6015"]
    assert "app/mine.c:3" in wrong.document["diagnostics"][0]["what"]

    both = mxdeploy(*command, "--force", "--app", tmp_path / "mine.c", "--run", "--json")
    assert (both.exit_code, both.codes) == (2, ["MX8214"])
    missing = mxdeploy(*command, "--force", "--app", tmp_path / "gone.c", "--json")
    assert (missing.exit_code, missing.codes) == (2, ["MX8212"])
