"""Networks from a user's file, the normalization in front, checkpoints and the export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch")

from mxdeploy.data import Scale
from mxdeploy.errors import UsageError
from mxdeploy.recipe import NetworkSection, Recipe
from mxdeploy.stages.s0_train.checkpoint import (
    Checkpoint,
    network_of,
    read_checkpoint,
)
from mxdeploy.stages.s0_train.export import export_onnx, module_of
from mxdeploy.stages.s0_train.network import (
    Trainable,
    build_network,
    check_outputs,
    make_normalize,
)
from mxdeploy.stages.s0_train.samples import Samples

NETWORK = """
import torch
from torch import nn
import neighbour

class Small(nn.Module):
    def __init__(self, classes, width=neighbour.WIDTH):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
        self.classes = nn.Linear(width * 16, classes)
    def forward(self, x):
        return self.classes(torch.flatten(self.features(x), 1))

class Broken(Small):
    def forward(self, x):
        return x.reshape(3, 5)

class Needy(nn.Module):
    def __init__(self, size):
        super().__init__()

class Empty(nn.Module):
    def forward(self, x):
        return x

def number(**options):
    return 3

ready = nn.Sequential(nn.Conv2d(1, 2, 4), nn.Flatten(), nn.Linear(2, 5))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "neighbour.py").write_text("WIDTH = 2\n")
    return tmp_path


def test_a_class_in_a_file(folder: Path) -> None:
    section = NetworkSection(file="net.py:Small", options={"width": 3})
    network = build_network(section, (1, 4, 4), 5, folder)
    assert network(torch.zeros(2, 1, 4, 4)).shape == (2, 5)
    check_outputs(network, section, (1, 4, 4), "classes", 5)


@pytest.mark.parametrize(
    ("file", "options", "code", "said"),
    [
        ("net.py:Large", {}, "MX0036", "Small"),
        ("net.py", {}, "MX0036", "networks in it: Small"),
        ("other.py:Small", {}, "MX0035", "no such file"),
        ("net.py:number", {}, "MX0030", "int"),
        ("net.py:Empty", {}, "MX0031", "nothing to learn"),
        ("net.py:Small", {"depth": 3}, "MX0038", "it takes classes, width"),
        ("net.py:Needy", {}, "MX0038", "'size'"),
    ],
)
def test_faults_in_a_users_file(
    folder: Path, file: str, options: dict[str, int], code: str, said: str
) -> None:
    with pytest.raises(UsageError, match=code) as raised:
        build_network(NetworkSection(file=file, options=options), (1, 4, 4), 5, folder)
    assert said in str(raised.value)


def test_a_module_made_in_the_file_begins_with_weights_of_the_seed(folder: Path) -> None:
    def first_weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        network = build_network(NetworkSection(file="net.py:ready"), (1, 4, 4), 5, folder)
        assert network(torch.zeros(2, 1, 4, 4)).shape == (2, 5)
        return next(network.parameters())

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import torch\nclass A(:\n", "MX0037", "bad.py, line 2"),
        ("import sys\nsys.exit(0)\n", "MX0039", "__main__"),
        ("import nothing_of_this_name\n", "MX0037", "bad.py, line 1"),
    ],
)
def test_a_file_that_cannot_be_run(folder: Path, text: str, code: str, said: str) -> None:
    (folder / "bad.py").write_text(text)
    with pytest.raises(UsageError, match=code) as raised:
        build_network(NetworkSection(file="bad.py:A"), (1, 4, 4), 5, folder)
    assert said in str(raised.value)


def test_layers_that_do_not_suit_the_input_are_told_by_the_users_line(folder: Path) -> None:
    section = NetworkSection(file="net.py:Small")
    network = build_network(section, (1, 4, 4), 5, folder)
    with pytest.raises(UsageError, match=r"on an input of 2x3x4x4[^$]*net\.py, line 12"):
        check_outputs(network, section, (3, 4, 4), "classes", 5)
    section = NetworkSection(file="net.py:ready")
    network = build_network(section, (1, 4, 4), 5, folder)
    with pytest.raises(UsageError, match="whether its layers suit each other"):
        check_outputs(network, section, (3, 4, 4), "classes", 5)


def test_a_file_with_an_error_in_it(folder: Path) -> None:
    (folder / "bad.py").write_text("import torch\n\nx = 1 / 0\n")
    with pytest.raises(UsageError, match=r"ZeroDivisionError[^$]*bad\.py, line 3"):
        build_network(NetworkSection(file="bad.py:Small"), (1, 4, 4), 5, folder)


def test_no_network_and_no_such_network() -> None:
    with pytest.raises(UsageError, match=r"MX0034[^$]*cifar_cnn"):
        build_network(NetworkSection(), (1, 4, 4), 5, Path())
    with pytest.raises(UsageError, match=r"MX0033[^$]*cifar_cnn"):
        build_network(NetworkSection(name="vgg"), (1, 4, 4), 5, Path())


def test_outputs_must_suit_the_task(folder: Path) -> None:
    section = NetworkSection(file="net.py:Small")
    network = build_network(section, (1, 4, 4), 5, folder)
    with pytest.raises(UsageError, match=r"MX0032[^$]*2x5 [^$]*2x3"):
        check_outputs(network, section, (1, 4, 4), "classes", 3)
    with pytest.raises(UsageError, match=r"MX0032[^$]*2x1x4x4"):
        check_outputs(network, section, (1, 4, 4), "reconstruction", 1)
    section = NetworkSection(file="net.py:Broken")
    broken = build_network(section, (1, 4, 4), 5, folder)
    with pytest.raises(UsageError, match=r"MX0037[^$]*net\.py, line 16"):
        check_outputs(broken, section, (1, 4, 4), "classes", 5)


def test_a_softmax_at_the_end_is_told(folder: Path) -> None:
    section = NetworkSection(file="net.py:Small")
    network = build_network(section, (1, 4, 4), 5, folder)
    assert check_outputs(network, section, (1, 4, 4), "classes", 5) == ()
    with_softmax = torch.nn.Sequential(network, torch.nn.Softmax(dim=1))
    told = check_outputs(with_softmax, section, (1, 4, 4), "classes", 5)
    assert [(d.code, d.severity) for d in told] == [("MX0044", "warning")]


def test_normalization_is_measured_on_the_inputs() -> None:
    raw = torch.randint(0, 256, (40, 3, 5, 5), dtype=torch.uint8)
    raw[:, 2] = 7
    samples = Samples(raw, None, Scale.CHIP)
    inputs = np.clip(np.round((raw.numpy() / 255 - 0.5) * 256), -128, 127) / 128
    by_mean = make_normalize("mean", samples)
    assert by_mean is not None
    assert by_mean.mean is not None
    normal = by_mean(torch.from_numpy(inputs).float()).numpy()
    assert normal[:, :2].mean(axis=(0, 2, 3)) == pytest.approx([0, 0], abs=1e-5)
    assert normal[:, :2].std(axis=(0, 2, 3)) == pytest.approx([1, 1], rel=1e-4)
    assert float(by_mean.std[2]) == 1.0
    by_scale = make_normalize("scale", samples)
    assert by_scale is not None
    assert by_scale.mean is None
    rms = np.sqrt((inputs**2).mean(axis=(0, 2, 3)))
    assert by_scale.std.flatten().numpy() == pytest.approx(rms, rel=1e-5)
    assert make_normalize("none", samples) is None


def checkpoint(folder: Path, kind: str = "mean") -> tuple[Checkpoint, Trainable]:
    recipe = Recipe(network=NetworkSection(file="net.py:Small"))
    samples = Samples(torch.randint(0, 256, (9, 1, 4, 4), dtype=torch.uint8), None, Scale.UNIT)
    network = Trainable(
        make_normalize(kind, samples), build_network(recipe.network, (1, 4, 4), 3, folder)
    )
    found = Checkpoint(
        recipe=recipe,
        folder="..",
        task="classes",
        shape=(1, 4, 4),
        outputs=3,
        classes=("a", 'quote " and \\', "ü"),
        scale=Scale.UNIT,
        weights=network.state_dict(),
        epoch=4,
    )
    return found, network.eval()


@pytest.mark.parametrize("kind", ["mean", "scale", "none"])
def test_checkpoints_come_back(folder: Path, kind: str) -> None:
    found, network = checkpoint(folder, kind)
    path = folder / "runs" / "best.ckpt"
    path.parent.mkdir()
    path.write_bytes(found.to_bytes())
    again = read_checkpoint(path)
    x = torch.rand(2, 1, 4, 4)
    for name in ("recipe", "folder", "task", "shape", "outputs", "classes", "scale", "epoch"):
        assert getattr(again, name) == getattr(found, name)
    assert torch.equal(network_of(again, path)(x), network(x))


def test_damaged_and_foreign_files_are_refused(folder: Path) -> None:
    found, _ = checkpoint(folder)
    path = folder / "x.ckpt"
    for content in (b"", b"text", found.to_bytes()[:-700]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="MX0040"):
            read_checkpoint(path)
    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(UsageError, match="MX0040"):
        read_checkpoint(path)
    torch.save(Path, path)
    with pytest.raises(UsageError, match=r"MX0040[^$]*more than tensors"):
        read_checkpoint(path)
    with pytest.raises(UsageError, match="MX0040"):
        read_checkpoint(folder / "absent.ckpt")


def test_a_network_that_changed_is_refused(folder: Path) -> None:
    found, _ = checkpoint(folder)
    (folder / "neighbour.py").write_text("WIDTH = 7\n")
    import sys

    sys.modules.pop("neighbour", None)
    with pytest.raises(UsageError, match="MX0041"):
        network_of(replace(found, folder="."), folder / "best.ckpt")


def test_the_export_computes_the_same_and_names_nodes_after_modules(folder: Path) -> None:
    _, network = checkpoint(folder)
    content = export_onnx(network, (1, 4, 4))
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).random((3, 1, 4, 4), dtype=np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    assert session.run(None, {"input": x})[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("node", "module"),
    [
        ("/network/features/features.0/Conv", "features.0"),
        ("/network/a/b/b.1/b.1.2/Conv", "a.b.1.2"),
        ("/network/Add", "Add"),
        ("/normalize/Div", "normalize"),
        ("/network/3/Conv", "3"),
    ],
)
def test_modules_of_nodes(node: str, module: str) -> None:
    assert module_of(node) == module
