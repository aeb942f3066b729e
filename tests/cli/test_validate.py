"""``mxdeploy validate`` from end to end: the board is a process, known only by its port."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.builds import open_build
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s5_lower import lower
from tests.command import Mxdeploy

START_SECONDS = 60


@pytest.fixture(scope="module")
def build(repository: Path, tmp_path_factory: pytest.TempPathFactory, mxdeploy: Mxdeploy) -> Path:
    """The shipped example, compiled."""
    from mxdeploy.stages.s7_compile import find_compiler

    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    folder = tmp_path_factory.mktemp("validate") / "cifar10"
    ran = mxdeploy("build", repository / "examples/cifar10/cifar10.onnx", "-o", folder, "-q")
    assert ran.exit_code == 0, ran.err
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of noise with labels."""
    random = np.random.default_rng(4)
    file = tmp_path_factory.mktemp("data") / "images.npz"
    x = random.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    x[1] = 255  # equal bytes
    np.savez(file, x=x, y=np.arange(6, dtype=np.uint8))
    return file


@contextmanager
def board(image: Path, folder: Path) -> Iterator[str]:
    """A virtual board as a process of its own; its port."""
    port_file = folder / "port"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mxdeploy", "board", "max78000fthr", "--image", str(image),
            "--socket", "0", "--port-file", str(port_file),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port_file.read_text(encoding="utf-8").strip()
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS)


@pytest.fixture(scope="module")
def port(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The board with the build's own firmware."""
    with board(build, tmp_path_factory.mktemp("board")) as url:
        yield url


def test_five_images(
    mxdeploy: Mxdeploy, build: Path, port: str, images: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    ran = mxdeploy(
        "validate", build, "--port", port, "--data", images, "--n", 5, "--layers", "--json",
        "--html", page,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["passed"] is True
    assert (result["inputs"], result["unequal"], result["layers_compared"]) == (5, [], 6)
    assert result["accuracy"]["board"] == result["accuracy"]["integer"]
    assert result["firmware"]["board"] == "max78000fthr"
    assert result["statistics"]["runs"] >= 5
    assert abs(result["deviation"]) < 0.01
    assert 300 < result["load_us"]["median"] < 1000
    assert "PASS: board = integer model on all 5 inputs" in page.read_text(encoding="utf-8")


def test_without_data_the_sample_and_random_numbers(
    mxdeploy: Mxdeploy, build: Path, port: str
) -> None:
    ran = mxdeploy("validate", build, "--port", port, "--n", 3)
    assert ran.exit_code == 0, ran.err
    assert "3 inputs: the build's sample and 2 random inputs" in ran.out
    assert "PASS: board = integer model on all 3 inputs, bit for bit\n" in ran.out


def with_one_other_weight(build: Path, name: str, target: Path) -> None:
    """The flash image with one weight of layer ``name`` changed."""
    plan = open_build(build).plan
    slot = next(layer.kernels for layer in plan.layers if layer.name == name)
    assert slot is not None
    weights = (build / "firmware/src/weights.bin").read_bytes()
    before = 0
    for image in lower(plan).kernels:
        first = (slot.start_word - image.start_word) * mem.KERNEL_WORD_BYTES + 13
        size = image.words.array.nbytes
        if name in image.layers and image.processor == 5 and 0 <= first < size:
            # Bytes go most significant first into little-endian words.
            at = before + first // 4 * 4 + 3 - first % 4
            break
        before += size
    else:
        raise AssertionError(f"{name} has no weights on processor 5")
    flash = bytearray((build / f"{open_build(build).info.name}.bin").read_bytes())
    place = flash.find(weights) + at
    flash[place] ^= 0x5A
    target.write_bytes(flash)


def test_one_changed_weight_is_traced_to_its_layer(
    mxdeploy: Mxdeploy, build: Path, images: Path, tmp_path: Path
) -> None:
    image, page = tmp_path / "other.bin", tmp_path / "page.html"
    name = open_build(build).plan.layers[2].name
    with_one_other_weight(build, name, image)
    with board(image, tmp_path) as url:
        options = ("--port", url, "--data", images, "--json")
        ran = mxdeploy("validate", build, *options, "--html", page)
        if Path("/dev/full").exists():  # a page that cannot be written does not hide the verdict
            lost = mxdeploy("validate", build, *options, "--html", "/dev/full")
            assert (lost.exit_code, lost.codes) == (6, ["MX8264", "MX8049"])
    assert ran.exit_code == 6, ran.out
    assert ran.codes == ["MX8264"]
    result = ran.document["result"]
    assert result["passed"] is False
    first = result["first_layer"]
    assert (first["layer"], first["layer_name"]) == (2, name)
    assert first["input"] == result["unequal"][0] == result["first_difference"]["input"]
    assert 1 <= first["different"] <= 8 * 8  # one weight reaches one channel
    assert result["layers_compared"] == 3
    assert f"First difference: layer 2 ({name})" in page.read_text(encoding="utf-8")


def test_another_network_on_the_board(
    mxdeploy: Mxdeploy, port: str, repository: Path, tmp_path: Path
) -> None:
    """One weight of the model is another one."""
    import onnx

    model = onnx.load(repository / "examples/cifar10/cifar10.onnx")
    weight = next(i for i in model.graph.initializer if len(i.dims) == 4)
    changed = onnx.numpy_helper.to_array(weight).copy()
    changed.flat[0] = -64 if changed.flat[0] > 0 else 64
    weight.CopyFrom(onnx.numpy_helper.from_array(changed, weight.name))
    onnx.save(model, tmp_path / "other.onnx")
    ran = mxdeploy(
        "build", tmp_path / "other.onnx", "-o", tmp_path / "other", "--compiler", "none", "-q"
    )
    assert ran.exit_code == 0, ran.err
    ran = mxdeploy("validate", tmp_path / "other", "--port", port, "--n", 1, "--json")
    assert ran.exit_code == 2
    assert ran.codes == ["MX8260"]


def test_a_port_where_nobody_is(mxdeploy: Mxdeploy, build: Path) -> None:
    ran = mxdeploy("validate", build, "--port", "socket://localhost:1", "--json")
    assert ran.exit_code == 5
    assert ran.codes == ["MX7081"]


def test_what_cannot_work_is_told_before_anything_is_sent(
    mxdeploy: Mxdeploy, build: Path, tmp_path: Path
) -> None:
    nowhere = ("--port", "socket://localhost:1", "--json")
    assert mxdeploy("validate", tmp_path, *nowhere).codes == ["MX8040"]
    ran = mxdeploy("validate", build, *nowhere, "--html", tmp_path)
    assert (ran.exit_code, ran.codes) == (2, ["MX8263"])
    ran = mxdeploy("validate", build, *nowhere, "--html", tmp_path / "no" / "page.html")
    assert (ran.exit_code, ran.codes) == (2, ["MX8263"])
    ran = mxdeploy("validate", build, *nowhere, "--data", tmp_path / "none.npz")
    assert ran.exit_code == 2
