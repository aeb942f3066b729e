"""``build`` calibrates on a folder of pictures, ``evaluate`` measures on one with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from tests.command import Mxdeploy
from tests.networks import tiny


@pytest.fixture(scope="module")
def folder(mxdeploy: Mxdeploy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, pictures in folders by what onnxruntime says they show, and a build from these."""
    path = tmp_path_factory.mktemp("folders")
    model = tiny().save(path / "tiny.onnx")
    pixels = np.random.default_rng(3).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    for i, image in enumerate(pixels):
        x = np.clip(np.round((image / 255 - 0.5) * 256), -128, 127).astype(np.float32) / 128
        label = int(session.run(None, {"x": x.transpose(2, 0, 1)[None]})[0].argmax())
        (path / "pictures" / f"class {label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / "pictures" / f"class {label}" / f"{i}.png")
    some = next((path / "pictures").iterdir())
    (some / "broken.png").write_text("not a picture")
    names = ", ".join(f'"class {i}"' for i in range(5))
    (path / "tiny.toml").write_text(f'classes = [{names}]\n[input]\nscale = "chip"\n')
    built = mxdeploy(
        *("build", model, "--calib", path / "pictures", "-o", path / "b", "--compiler=none"),
        "--json",
    )
    assert built.exit_code == 0, built.out
    assert built.codes == ["MX8344"]
    return path


def test_the_float_model_is_always_right(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "pictures", "--json")
    assert ran.exit_code == 0, ran.out
    assert ran.document["result"]["inputs"] == 24
    assert ran.document["result"]["scale"] == "chip"
    assert ran.document["result"]["accuracy"]["float"] == 1.0
    assert ran.document["result"]["accuracy"]["emulator"] >= 0.8
    assert ran.codes == ["MX8344"]


def test_a_picture_on_the_accelerator_model(mxdeploy: Mxdeploy, folder: Path) -> None:
    picture = next((folder / "pictures").glob("*/0.png"))
    ran = mxdeploy("emulate", folder / "b", "--input", picture, "--json")
    assert ran.exit_code == 0, ran.out
    assert ran.document["result"]["equal_to_integer_model"] is True


def test_the_folder_does_not_show_in_the_build(folder: Path) -> None:
    for file in ("build.json", "report.json", "report.html"):
        assert str(folder) not in (folder / "b" / file).read_text()
