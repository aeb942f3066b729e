"""``mxdeploy train`` and ``export``: from labelled data to a model that builds."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from tests.command import Mxdeploy, Ran
from tests.stages.s0_train.small import bars

NETWORK = """
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(4))
        self.classes = nn.Linear(24, classes)
    def forward(self, x):
        return self.classes(self.features(x).flatten(1))

class Odd(Small):
    def forward(self, x):
        return self.classes(nn.functional.silu(self.features(x)).flatten(1))

class Fickle(Small):
    def forward(self, x):
        return super().forward(x if x.abs().max() < 0.1 else -x)

class Infinite(Small):
    def forward(self, x):
        return super().forward(x) / self.classes.bias.abs().sum().sub(9).relu()

class Interrupted(Small):
    calls = 0
    def forward(self, x):
        if self.training:
            Interrupted.calls += 1
            if Interrupted.calls == 10:
                raise KeyboardInterrupt
        return super().forward(x)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe, its network and its data."""
    examples = bars(80, seed=1)
    assert examples.targets is not None
    np.savez(tmp_path / "bars.npz", x=examples.inputs.numpy(), y=examples.targets.numpy())
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "train.toml").write_text(
        '[network]\nfile = "net.py:Small"\n[data]\npath = "bars.npz"\nvalidation = 0.2\n'
        "[training]\nepochs = 4\nbatch = 16\n[optimizer]\nrate = 0.02\n"
    )
    return tmp_path


def train(mxdeploy: Mxdeploy, folder: Path, *options: object) -> Ran:
    return mxdeploy("train", folder, "--out", folder / "run", *options, "--json")


def weights(path: Path) -> dict[str, torch.Tensor]:
    found = torch.load(path, weights_only=True)["weights"]
    assert isinstance(found, dict)
    return found


def test_the_whole_way_to_a_model_that_fits(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = train(mxdeploy, folder)
    assert ran.exit_code == 0, ran.err
    out = folder / "run"
    result = ran.document["result"]
    assert result["test"]["examples"] == 8
    assert len(result["runs"][0]["epochs"]) == 4
    assert result["runs"] == json.loads((out / "history.json").read_text())["runs"]
    assert mxdeploy("check", out / "model.onnx", "--json").exit_code == 0
    assert (out / "model.toml").read_text().splitlines()[-1] == 'scale = "chip"'
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    verdict = result["runs"][0]["verdict"]
    page = (out / "report.html").read_text()
    assert verdict["sentence"] in page
    assert "test examples. Rows" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)

    again = mxdeploy("export", out / "best.ckpt", "-o", folder / "again.onnx", "--json")
    assert again.document["result"]["epoch"] == result["best_epoch"]
    x = np.random.default_rng(0).random((2, 1, 8, 8), dtype=np.float32)
    both = [ort.InferenceSession(f) for f in (out / "model.onnx", folder / "again.onnx")]
    one, other = (session.run(None, {"input": x})[0] for session in both)
    assert np.array_equal(one, other)


def test_interrupted_and_resumed(mxdeploy: Mxdeploy, folder: Path) -> None:
    """16 batches; the tenth is the second of the third epoch."""
    text = (folder / "train.toml").read_text()
    assert train(mxdeploy, folder).exit_code == 0
    expected = weights(folder / "run" / "best.ckpt")

    (folder / "train.toml").write_text(text.replace("Small", "Interrupted"))
    ran = mxdeploy("train", folder, "--out", folder / "cut", "--json")
    assert ran.exit_code == 130
    assert ran.codes == ["MX0071", "MX8101"]
    assert torch.load(folder / "cut" / "last.ckpt", weights_only=True)["epoch"] == 2

    (folder / "net.py").write_text(NETWORK.replace("== 10", "== 0"))
    ran = mxdeploy("train", "--resume", "--out", folder / "cut", "--json")
    assert ran.exit_code == 0
    found = weights(folder / "cut" / "best.ckpt")
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_force_leaves_nothing_of_the_training_before(mxdeploy: Mxdeploy, folder: Path) -> None:
    more = ("--compare", "adam:0.02,sgd:0.01", "--seeds", 2, "--epochs", 1)
    assert train(mxdeploy, folder, *more).exit_code == 0
    out = folder / "run"
    (out / "notes.txt").write_text("mine")
    (out / "sgd-0.01" / "seed-1" / "notes.txt").write_text("mine")
    assert train(mxdeploy, folder, "--epochs", 0).exit_code == 2
    assert (out / "comparison.png").exists()
    ran = train(mxdeploy, folder, "--force", "--epochs", 1, "--start", out / "best.ckpt")
    assert ran.exit_code == 0, ran.out
    left = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert left == {
        *("notes.txt", "sgd-0.01/seed-1/notes.txt"),
        *("recipe.json", "history.json", "best.ckpt", "last.ckpt", "model.onnx", "model.toml"),
        *("start.ckpt", "curves.png", "report.html"),
    }
    assert not (out / "adam-0.02").exists()


def test_an_existing_training_is_kept(mxdeploy: Mxdeploy, folder: Path) -> None:
    assert train(mxdeploy, folder, "--epochs", 1).exit_code == 0
    assert train(mxdeploy, folder).codes == ["MX0061"]
    assert train(mxdeploy, folder, "--resume").codes == ["MX0064"]
    other = mxdeploy("train", folder, "--out", folder / "other", "--resume", "--json")
    assert (other.exit_code, other.codes) == (2, ["MX0062"])
    last = json.loads((folder / "run" / "history.json").read_text())["runs"][0]["epochs"][-1]
    more = ("--epochs", 1, "--force", "--start", folder / "run" / "best.ckpt")
    further = train(mxdeploy, folder, *more).document["result"]["runs"][0]
    assert further["start_loss"] == pytest.approx(last["train_loss"], rel=1e-5)


def test_other_classes_with_what_a_network_knows(mxdeploy: Mxdeploy, folder: Path) -> None:
    """All but the last layer begin as they were; a network of other widths is another network."""
    assert train(mxdeploy, folder, "--epochs", 1).exit_code == 0
    examples = bars(60, seed=4, classes=3)
    assert examples.targets is not None
    np.savez(folder / "three.npz", x=examples.inputs.numpy(), y=examples.targets.numpy())
    three = ("--data", folder / "three.npz", "--start", folder / "run" / "best.ckpt")
    frozen = ("--epochs", 1, "--set", "optimizer.rate=1e-12")
    ran = mxdeploy("train", folder, *three, *frozen, "--out", folder / "three", "--json")
    assert (ran.exit_code, ran.codes) == (0, ["MX0042"])
    before, after = (weights(folder / run / "best.ckpt") for run in ("run", "three"))
    moved = {name for name in before if before[name].shape != after[name].shape}
    assert {name.rpartition(".")[2] for name in moved} == {"weight", "bias"}
    for name in before.keys() - moved:
        if "running" not in name and "tracked" not in name:
            assert torch.allclose(before[name], after[name], atol=1e-6), name

    (folder / "net.py").write_text(NETWORK.replace("6", "5"))
    ran = mxdeploy("train", folder, *three, "--out", folder / "other", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX0041"])


def test_what_the_chip_will_not_take_is_told_before(mxdeploy: Mxdeploy, folder: Path) -> None:
    text = (folder / "train.toml").read_text()
    (folder / "train.toml").write_text(text.replace("Small", "Odd"))
    ran = train(mxdeploy, folder, "--epochs", 1)
    assert ran.exit_code == 0
    warnings = ran.document["diagnostics"]
    assert [(w["where"], w["severity"]) for w in warnings] == [
        ("Sigmoid", "warning"),
        ("Mul", "warning"),
    ]


def test_only_checked(mxdeploy: Mxdeploy, folder: Path) -> None:
    result = train(mxdeploy, folder, "--check").document["result"]
    assert result["fits"]
    assert result["cycles"] > 0
    assert sum(result["examples"].values()) == 80
    assert sum(result["classes"].values()) == result["examples"]["training"]
    assert not (folder / "run").exists()
    text = (folder / "train.toml").read_text()
    (folder / "train.toml").write_text(text.replace("Small", "Odd"))
    ran = train(mxdeploy, folder, "--check")
    assert ran.exit_code == 3
    assert ran.codes == ["MX2005", "MX2001"]


def test_a_file_that_computes_something_else_is_refused(mxdeploy: Mxdeploy, folder: Path) -> None:
    """The exporter follows zeros, other inputs take another way."""
    text = (folder / "train.toml").read_text()
    (folder / "train.toml").write_text(text.replace("Small", "Fickle"))
    for more in ((), ("--check",)):
        ran = train(mxdeploy, folder, *more)
        assert (ran.exit_code, ran.codes) == (6, ["MX0067"])
        assert not (folder / "run").exists()  # told before anything is trained


def test_a_training_that_diverges(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = train(mxdeploy, folder, "--optimizer", "SGD:1e30")
    assert (ran.exit_code, ran.codes) == (2, ["MX0063"])
    text = (folder / "train.toml").read_text()
    (folder / "train.toml").write_text(text.replace("Small", "Infinite"))
    ran = train(mxdeploy, folder, "--force")
    assert (ran.exit_code, ran.codes) == (2, ["MX1030", "MX0043"])


def test_what_is_said_of_several_trainings(mxdeploy: Mxdeploy, folder: Path) -> None:
    more = ("--compare", "adam:0.02,sgd:0.01", "--seeds", 2, "--set", "training.stop_below=9")
    ran = mxdeploy("train", folder, "--out", folder / "run", *more)
    assert ran.exit_code == 0, ran.err
    names = [f"{name}/seed-{seed}" for name in ("adam-0.02", "sgd-0.01") for seed in (1, 2)]
    assert [line.partition(":")[0] for line in ran.out.splitlines() if "best of" in line] == names
    assert ran.out.count("best of 1 epoch is 1:") == 4
    assert ran.out.count("ended by a loss that is small enough") == 4
    kept = next(line for line in ran.out.splitlines() if line.startswith("kept: "))
    assert kept.removeprefix("kept: ") in names
    chosen = json.loads((folder / "run" / "history.json").read_text())["chosen"]
    assert kept.endswith(chosen)


def test_several_optimizers_and_seeds(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = train(mxdeploy, folder, "--compare", "adam:0.02,sgd:1e30", "--epochs", 2)
    assert ran.exit_code == 0, ran.err
    result = ran.document["result"]
    assert [run["name"] for run in result["runs"]] == ["adam-0.02", "sgd-1e+30"]
    assert result["chosen"] == "adam-0.02"
    assert (folder / "run" / "comparison.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "run" / "report.html").read_text()
    assert "adam-0.02 (kept)" in page
    assert "Diverged" in page
    one, other = (run["start_loss"] for run in result["runs"])
    assert one == other
    assert ran.codes == ["MX0063"]

    ran = mxdeploy("train", folder, "--out", folder / "s", "--seeds", 2, "--epochs", 1, "--json")
    result = ran.document["result"]
    assert [run["seed"] for run in result["runs"]] == [1, 2]
    chosen = next(r for r in result["runs"] if r["name"] == result["chosen"])
    accuracies = [run["epochs"][0]["validation_accuracy"] for run in result["runs"]]
    assert (
        f"accuracy {statistics.mean(accuracies):.2%} on average"
        in (folder / "s" / "report.html").read_text()
    )
    assert chosen["epochs"][0]["validation_accuracy"] == max(accuracies)


def test_names_in_the_page_are_escaped(mxdeploy: Mxdeploy, folder: Path) -> None:
    """Folders of images called like tags; grey images become one channel."""
    evil = ("<script>alert(1)</script>", "b&b")
    images = bars(24, seed=3)
    assert images.targets is not None
    for k, (image, label) in enumerate(zip(images.inputs, images.targets.tolist(), strict=True)):
        place = folder / "pictures" / evil[label].replace("/", "_")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(place / f"{k}<b>.png")
    for k in range(12):
        (place / f"broken-{k}.png").write_text("x")
    more = ("--set", "data.path=pictures", "--set", "data.channels=1", "--epochs", 1)
    assert train(mxdeploy, folder, *more, "--set", "data.validation=0.3").exit_code == 0
    page = (folder / "run" / "report.html").read_text()
    assert "<script" not in page
    assert "<b>." not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "warning[MX8344] and 7 more like this" in page


def test_an_autoencoder_and_a_map_of_classes(mxdeploy: Mxdeploy, folder: Path) -> None:
    more = ("--epochs", 1, "--set", "data.limit=40", "--set", "data.image_size=8")
    data = ("--data", folder / "bars.npz", "--network", "autoencoder", "--set=training.loss=mse")
    ran = mxdeploy("train", *data, *more, "--out", folder / "auto", "--json")
    assert ran.exit_code == 0, ran.out
    assert ran.document["result"]["test"]["accuracy"] is None
    assert "mean squared error" in (folder / "auto" / "report.html").read_text()

    pixels = np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), dtype=np.uint8)
    np.savez(folder / "maps.npz", x=pixels, y=(pixels[:, 0] > 127).astype(np.int64))
    data = ("--data", folder / "maps.npz", "--network", "small_unet")
    ran = mxdeploy("train", *data, "--epochs", 1, "--out", folder / "unet", "--json")
    assert ran.exit_code == 0, ran.out
    assert 0 <= ran.document["result"]["test"]["accuracy"] <= 1
    assert "of its pixels are wrong" in (folder / "unet" / "report.html").read_text()


@pytest.mark.parametrize("text", ["lion", "sgd:0", "sgd:inf", "sgd:x", "sgd,,adam"])
def test_no_optimizers(mxdeploy: Mxdeploy, folder: Path, text: str) -> None:
    ran = train(mxdeploy, folder, "--compare", text)
    assert (ran.exit_code, ran.codes) == (2, ["MX0070"])
    ran = train(mxdeploy, folder, "--compare", "adam:0.1,sgd,adam:1e-1")
    assert (ran.exit_code, ran.codes) == (2, ["MX0073"])


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        (np.zeros((6, 1, 8, 8), np.uint8), np.zeros(6, np.int64), "MX0011"),
        (np.zeros((6, 1, 8, 8), np.uint8), np.array([0, 0, 0, 2, 2, 2]), "MX0012"),
    ],
    ids=["one class", "empty class"],
)
def test_bad_data(
    mxdeploy: Mxdeploy, folder: Path, x: np.ndarray, y: np.ndarray, code: str
) -> None:
    np.savez(folder / "bars.npz", x=x, y=y)
    ran = train(mxdeploy, folder)
    assert (ran.exit_code, ran.codes[-1]) == (2, code)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.full((8, 1, 8, 8), np.nan, np.float32), np.arange(8) % 2, "NaN"),
        (np.zeros((8, 1, 8, 8), np.uint8), np.arange(8) % 2 - 1, "label"),
        (np.zeros((8, 1, 8, 8), np.uint8), np.arange(7) % 2, "label"),
        (np.zeros((0, 1, 8, 8), np.uint8), np.zeros(0, np.int64), "example"),
        (np.zeros(8, np.uint8), np.arange(8) % 2, "shape"),
    ],
    ids=["NaN", "negative label", "labels missing", "nothing", "no images"],
)
def test_unusable_data(
    mxdeploy: Mxdeploy, folder: Path, x: np.ndarray, y: np.ndarray, said: str
) -> None:
    np.savez(folder / "bars.npz", x=x, y=y)
    ran = train(mxdeploy, folder, "--strict")
    assert ran.exit_code == 2
    assert said in ran.out
    assert not (folder / "run").exists()


def test_a_folder_that_cannot_be_made(mxdeploy: Mxdeploy, folder: Path) -> None:
    (folder / "run").write_text("a file")
    ran = train(mxdeploy, folder, "--epochs", 1)
    assert (ran.exit_code, ran.codes) == (2, ["MX0066"])


def test_missing_libraries_are_named(
    mxdeploy: Mxdeploy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mxdeploy.training.request.find_spec", lambda name: name != "ignite" or None
    )
    for command in (("train", folder), ("export", folder / "best.ckpt")):
        ran = mxdeploy(*command, "--json")
        assert (ran.exit_code, ran.codes) == (4, ["MX0068"])
        assert "mxdeploy[train]" in ran.out


def test_nothing_named(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("train", "--out", folder / "x", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX0014"])
    ran = mxdeploy("train", "--data", folder / "bars.npz", "--out", folder / "x", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX0034"])


def test_a_full_disk_leaves_the_last_checkpoint(
    mxdeploy: Mxdeploy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(mxdeploy, folder, "--epochs", 1).exit_code == 0
    before = (folder / "run" / "last.ckpt").read_bytes()

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    ran = train(mxdeploy, folder, "--epochs", 1, "--force")
    assert ran.exit_code == 2
    assert "No space left" in ran.document["diagnostics"][-1]["what"]
    assert (folder / "run" / "last.ckpt").read_bytes() == before
