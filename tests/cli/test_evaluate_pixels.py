"""``evaluate`` and ``quantize --data`` of a network that tells a class for every pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from tests.command import Mxdeploy
from tests.networks import ModelBuilder

COUNT, SIDE, CLASSES = 12, 8, 3


def model(end: str) -> ModelBuilder:
    """Three classes for every pixel, told in one of several ways."""
    network = ModelBuilder((1, 2, SIDE, SIDE), seed=3).conv(2, 6).relu()
    network.conv(6, 1 if end == "Sigmoid" else CLASSES)
    if end == "Softmax":
        network.node("Softmax", axis=1)
    elif end.startswith("ArgMax"):
        network.node("ArgMax", axis=1, keepdims=int(end[-1]))
    elif end == "Sigmoid":
        network.node("Sigmoid")
    return network


def chosen(outputs: np.ndarray, end: str) -> np.ndarray:
    if end.startswith("ArgMax"):
        return outputs.reshape(-1, SIDE, SIDE)
    return outputs[:, 0] > 0.5 if end == "Sigmoid" else outputs.argmax(axis=1)


@pytest.mark.parametrize("end", ["", "Softmax", "ArgMax0", "ArgMax1", "Sigmoid"])
def test_pixels_are_counted_over_images(mxdeploy: Mxdeploy, tmp_path: Path, end: str) -> None:
    """Labels are the float model's own, but for one quarter of the first image."""
    path = model(end).save(tmp_path / "map.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (COUNT, 2, SIDE, SIDE)).astype(np.float32)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])
    labels = chosen(outputs, end).astype(np.int64)
    classes = 2 if end == "Sigmoid" else CLASSES
    quarter = (0, slice(0, SIDE // 2), slice(0, SIDE // 2))
    labels[quarter] = (labels[quarter] + 1) % classes
    np.savez(tmp_path / "data.npz", x=x, y=labels[:, None] if end == "Softmax" else labels)
    built = mxdeploy("build", path, "--calib", tmp_path / "data.npz", "-o", tmp_path / "b",
                     "--compiler=none")  # fmt: skip
    assert built.exit_code == 0, built.out
    ran = mxdeploy("evaluate", tmp_path / "b", "--data", tmp_path / "data.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["accuracy"] is None
    pixels = result["pixels"]
    real, integer = pixels["accuracy"]["float"], pixels["accuracy"]["integer"]
    assert real["total"] == COUNT * SIDE * SIDE
    assert real["correct"] == real["total"] - SIDE * SIDE // 4
    assert integer == pixels["accuracy"]["emulator"]
    assert sum(map(sum, integer["confusion"])) == integer["total"]
    assert (
        np.sum(integer["confusion"], axis=1).tolist()
        == np.bincount(labels.ravel(), minlength=classes).tolist()
    )
    paired = pixels["paired"]
    assert paired["changed"] == round((1 - pixels["agreement"]) * real["total"])
    assert paired["gained"] - paired["lost"] == integer["correct"] - real["correct"]
    assert 0 < paired["changed"] < 0.1 * real["total"]
    low, high = paired["interval"]
    assert low <= paired["difference"] <= high
    ran = mxdeploy("quantize", path, "--calib", tmp_path / "data.npz",
                   "--data", tmp_path / "data.npz", "--json")  # fmt: skip
    assert ran.exit_code == 0, ran.out
    del pixels["accuracy"]["emulator"]
    assert ran.document["result"]["pixels"] == pixels
    if end != "ArgMax1":
        return

    text = mxdeploy("evaluate", tmp_path / "b", "--data", tmp_path / "data.npz").out
    assert all(words in text for words in ("mean IoU", "mostly taken for"))
    np.savez(tmp_path / "unlabelled.npz", x=x)
    ran = mxdeploy("evaluate", tmp_path / "b", "--data", tmp_path / "unlabelled.npz", "--json")
    assert ran.document["result"]["pixels"]["agreement"] == pixels["agreement"]
    assert ran.document["result"]["pixels"]["accuracy"] is None


def test_quantize_refuses_masks_of_another_size(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    path = model("").save(tmp_path / "map.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (2, 2, SIDE, SIDE)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=np.zeros((2, SIDE, SIDE - 1), np.int64))
    data = ("--calib", tmp_path / "data.npz", "--data", tmp_path / "data.npz")
    assert mxdeploy("quantize", path, *data, "--json").codes == ["MX8066"]
    np.savez(tmp_path / "data.npz", x=x, y=np.zeros((2, SIDE, SIDE), np.int64))
    text = mxdeploy("quantize", path, *data).out
    assert "of 128 pixels right" in text
    assert "mean IoU" in text


@pytest.fixture(scope="module")
def built(mxdeploy: Mxdeploy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures with masks, and a build that was calibrated on them."""
    folder = tmp_path_factory.mktemp("masks")
    random = np.random.default_rng(1)
    for part in ("images", "masks"):
        (folder / "data" / part).mkdir(parents=True)
    for name in "abcd":
        picture = random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        Image.fromarray(picture).save(folder / "data" / "images" / f"{name}.png")
        mask = (picture > 99) + (picture > 180).astype(np.uint8)
        Image.fromarray(mask.astype(np.uint8)).save(folder / "data" / "masks" / f"{name}.png")
    (folder / "data" / "classes.txt").write_text("dark\ngrey\nbright\n")
    (folder / "map.toml").write_text(
        'classes = ["bright", "grey", "dark"]\n[input]\nscale = "chip"\n'
    )
    network = ModelBuilder((1, 1, SIDE, SIDE), seed=3).conv(1, 4).relu().conv(4, CLASSES)
    network.save(folder / "map.onnx")
    ran = mxdeploy("build", folder / "map.onnx", "--calib", folder / "data", "-o", folder / "b",
                   "--compiler=none", "--json")  # fmt: skip
    assert ran.exit_code == 0, ran.out
    return folder


def test_a_folder_of_pictures_with_masks(mxdeploy: Mxdeploy, built: Path) -> None:
    """Classes follow their names: the model has them the other way round."""
    ran = mxdeploy("evaluate", built / "b", "--data", built / "data", "--json")
    assert ran.exit_code == 0, ran.out
    pixels = ran.document["result"]["pixels"]
    assert pixels["classes"] == ["bright", "grey", "dark"]
    masks = np.array([np.asarray(Image.open(p)) for p in (built / "data" / "masks").iterdir()])
    wanted = np.bincount(masks.ravel(), minlength=CLASSES)[::-1]
    counted = np.sum(pixels["accuracy"]["float"]["confusion"], axis=1)
    assert counted.tolist() == wanted.tolist()

    data = ("--calib", built / "data", "--data", built / "data")
    ran = mxdeploy("quantize", built / "map.onnx", *data, "--json")
    assert ran.exit_code == 0, ran.out
    del pixels["accuracy"]["emulator"]
    assert ran.document["result"]["pixels"] == pixels


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (np.full((4, SIDE, SIDE), CLASSES), "MX8067"),
        (np.zeros((4, SIDE, SIDE - 1), int), "MX8066"),
        (np.zeros((4, SIDE), int), "MX8009"),
        (np.zeros((4, SIDE, SIDE)), "MX8009"),
    ],
)
def test_masks_that_do_not_suit(
    mxdeploy: Mxdeploy, built: Path, labels: np.ndarray, code: str
) -> None:
    x = np.zeros((4, 1, SIDE, SIDE), np.uint8)
    np.savez(built / "bad.npz", x=x, y=labels)
    ran = mxdeploy("evaluate", built / "b", "--data", built / "bad.npz", "--json")
    assert (ran.exit_code, ran.codes) == (2, [code])


def test_a_picture_is_no_map_of_classes(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    """An output like the input tells no classes, unless labels say so."""
    network = ModelBuilder((1, 2, SIDE, SIDE), seed=3).conv(2, 4).relu().conv(4, 2)
    network.save(tmp_path / "same.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (3, 2, SIDE, SIDE)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    np.savez(tmp_path / "masks.npz", x=x, y=np.ones((3, SIDE, SIDE), int))
    ran = mxdeploy("build", tmp_path / "same.onnx", "--calib", tmp_path / "data.npz",
                   "-o", tmp_path / "b", "--compiler=none")  # fmt: skip
    assert ran.exit_code == 0, ran.out
    for name, told in (("data", False), ("masks", True)):
        ran = mxdeploy("evaluate", tmp_path / "b", "--data", tmp_path / f"{name}.npz", "--json")
        assert (ran.document["result"]["pixels"] is not None) == told


def test_masks_for_a_network_that_tells_one_class(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    network = ModelBuilder((1, 1, SIDE, SIDE), seed=3).conv(1, 4).relu().node("Flatten")
    network.linear(4 * SIDE * SIDE, 2).save(tmp_path / "one.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (3, 1, SIDE, SIDE)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=np.zeros((3, SIDE, SIDE), int))
    ran = mxdeploy("build", tmp_path / "one.onnx", "--calib", tmp_path / "data.npz",
                   "-o", tmp_path / "b", "--compiler=none")  # fmt: skip
    assert ran.exit_code == 0, ran.out
    ran = mxdeploy("evaluate", tmp_path / "b", "--data", tmp_path / "data.npz", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8065"])
