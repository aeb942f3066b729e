"""Published data sets, in tiny files of their formats: CIFAR-10 and MNIST."""

from __future__ import annotations

import gzip
import hashlib
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.data import balance, batches, idx, read_examples, split
from mxdeploy.errors import UsageError
from tests.cifar10_files import (
    BATCHES,
    PER_BATCH,
    binary_batch,
    jpeg_npz,
    labels_of,
    pictures,
    planes,
    python_batch,
    small_npz,
)

ALL = (*BATCHES, "test_batch")
TRAIN_LABELS = [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]


@pytest.fixture
def python_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number, name in enumerate(ALL):
        (folder / name).write_bytes(python_batch(number, labels_of(number)))
    return folder


def codes(found: object) -> list[str]:
    return [p.code for p in found.problems]  # type: ignore[attr-defined]


def publish(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the sums of these files the published ones."""
    for name in ALL:
        found = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setitem(batches.MD5, name, found)


def test_python_batches(python_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(python_folder, monkeypatch)
    for path in (python_folder, python_folder.parent):
        train = read_examples(path, part="train", strict=False)
        assert train.targets is not None
        assert train.targets.tolist() == TRAIN_LABELS
        assert train.shape == (3, 32, 32)
        assert train.classes[:2] == ("airplane", "automobile")
        assert train.names[4] == "data_batch_2[1]"
        assert np.array_equal(train.inputs[4].reshape(-1), planes(PER_BATCH, 1)[1])
    test = read_examples(python_folder, part="test")
    assert test.targets is not None
    assert test.targets.tolist() == [5, 6, 7]
    assert len(read_examples(python_folder)) == 18
    assert set(codes(train)) == {"MX8322"}  # such tiny ones lack three classes


def test_a_packed_archive_and_a_folder_that_holds_it(python_folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    published = place / "cifar-10-python.tar.gz"
    with tarfile.open(published, "w:gz") as archive:
        archive.add(python_folder, arcname="cifar-10-batches-py")
    for path in (published, place):
        found = read_examples(path, part="train")
        assert found.targets is not None
        assert found.targets.tolist() == TRAIN_LABELS
        assert codes(found).count("MX8305") == 6  # not the published files: told


def test_binary_batches_and_what_is_missing_or_damaged(tmp_path: Path) -> None:
    for number, name in enumerate(BATCHES):
        (tmp_path / f"{name}.bin").write_bytes(binary_batch(number, labels_of(number)))
    found = read_examples(tmp_path, part="train")
    assert found.targets is not None
    assert found.targets.tolist() == TRAIN_LABELS
    assert found.kind == "CIFAR-10 binary batches"
    (tmp_path / "data_batch_2.bin").write_bytes(b"cut")
    (tmp_path / "data_batch_4.bin").unlink()
    found = read_examples(tmp_path)
    assert codes(found)[:3] == ["MX8306", "MX8307", "MX8307"]
    assert [p.where.rpartition("/")[-1] + p.what for p in found.problems[1:3]] == [
        f"{tmp_path.name}lacks data_batch_4.bin",
        f"{tmp_path.name}lacks test_batch.bin",
    ]
    assert len(found) == 9
    with pytest.raises(UsageError, match="MX8304"):
        read_examples(tmp_path, part="test")


def test_an_archive_that_is_cut(python_folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "cifar.tar.gz"
    with tarfile.open(whole, "w:gz") as archive:
        archive.add(python_folder, arcname="x")
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    found = read_examples(whole)
    assert "MX8306" in codes(found)
    assert 0 < len(found) < 18
    whole.write_bytes(b"hello")
    with pytest.raises(UsageError, match="MX8304"):
        read_examples(whole)


def test_lossless_images_replace_their_jpeg_twins(tmp_path: Path) -> None:
    decoded = jpeg_npz(tmp_path / "cifar10_jpeg60k.npz", pictures(6, 0), [0, 1, 2, 3, 8, 9], 4)
    alone = read_examples(tmp_path / "cifar10_jpeg60k.npz")
    assert alone.targets is not None
    assert alone.targets.tolist() == [0, 1, 2, 3, 8, 9]
    assert alone.names[3:5] == ("train[3]", "test[0]")
    assert np.array_equal(alone.inputs, np.stack(decoded).transpose(0, 3, 1, 2))
    small_npz(tmp_path / "cifar10_small.npz", labels=[3, 1], positions=[3, 1])
    train = read_examples(tmp_path, part="train")
    assert train.lossless is not None
    assert train.lossless.tolist() == [False, True, False, True]
    assert np.array_equal(train.inputs[[3, 1]], pictures(2, 1).transpose(0, 3, 1, 2))
    assert np.array_equal(train.inputs[2], decoded[2].transpose(2, 0, 1))
    assert np.array_equal(
        read_examples(tmp_path, part="test").inputs, pictures(2, 2).transpose(0, 3, 1, 2)
    )
    small_npz(tmp_path / "cifar10_small.npz", labels=[5], positions=[1])
    with pytest.raises(UsageError, match="disagree about labels"):
        read_examples(tmp_path)


def test_a_damaged_jpeg_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    jpeg_npz(path, pictures(4, 0), [0, 1, 2, 3], 4)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["scans"][arrays["offsets"][1] : arrays["offsets"][2]] = 0xFF
    np.savez(path, **arrays)
    found = read_examples(path)
    assert found.names == ("train[0]", "train[2]", "train[3]")
    assert found.problems[0].code == "MX8306"
    assert found.problems[0].where.endswith("image 1")


def idx_file(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def write_idx(folder: Path, *, packed: bool, dot: str = "-") -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(1).integers(0, 256, (13, 4, 5), dtype=np.uint8)
    parts = {"train": images[:10], "t10k": images[10:]}
    for part, pixels in parts.items():
        for name, array in (
            (f"{part}-images{dot}idx3-ubyte", pixels),
            (f"{part}-labels{dot}idx1-ubyte", np.arange(len(pixels))),
        ):
            content = idx_file(array)
            suffix = ".gz" if packed else ""
            (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if packed else content)
    return images


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", [".", "MNIST/raw"])
def test_idx_files(tmp_path: Path, packed: bool, below: str) -> None:
    images = write_idx(tmp_path / below, packed=packed)
    train = read_examples(tmp_path, part="train")
    assert train.targets is not None
    assert train.targets.tolist() == list(range(10))
    assert np.array_equal(train.inputs[:, 0], images[:10])
    assert train.classes == tuple("0123456789")
    assert codes(train) == ["MX8305"] * (2 if packed else 0)  # sums are published of packed files
    test = read_examples(tmp_path / below / f"t10k-images-idx3-ubyte{'.gz' if packed else ''}")
    assert np.array_equal(test.inputs[:, 0], images[10:])
    assert len(read_examples(tmp_path)) == 13


def test_fashion_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "FashionMNIST" / "raw", packed=False)
    assert read_examples(tmp_path).classes[:2] == ("T-shirt/top", "Trouser")
    write_idx(tmp_path / "other", packed=True)
    file = tmp_path / "other" / "train-images-idx3-ubyte.gz"
    found = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(idx.FASHION_MD5, file.name, found)
    train = read_examples(tmp_path / "other", part="train")
    assert train.classes[:2] == ("T-shirt/top", "Trouser")
    assert [p.where.rpartition("/")[-1] for p in train.problems if p.code == "MX8305"] == [
        "train-labels-idx1-ubyte.gz"
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "does not begin"),
        (b"\0\0\x08", "does not begin"),
        (b"\0\0\x0d\x03" + bytes(12), "type 0x0d"),
        (b"\0\0\x08\x03" + bytes(4), "ends in the sizes"),
        (idx_file(np.zeros((2, 3, 4)))[:-1], "23 bytes for 2 x 3 x 4"),
        (idx_file(np.zeros((2, 3, 4))) + b"x", "25 bytes for 2 x 3 x 4"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 4), "0 bytes for"),
        (idx_file(np.zeros(5)), "1 axis"),
        (b"\x1f\x8b cut", "does not begin"),
    ],
)
def test_damaged_idx_files(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UsageError, match="MX8304") as raised:
        read_examples(tmp_path)
    assert told in raised.value.diagnostics[0].what


def test_idx_labels_that_are_missing_or_wrong(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=False)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx_file(np.arange(9)))
    found = read_examples(tmp_path, part="train")
    assert found.targets is None
    assert codes(found) == ["MX8306"]
    labels.unlink()
    assert codes(read_examples(tmp_path, part="train")) == ["MX8307"]
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"\x1f\x8bcut")
    found = read_examples(tmp_path, part="train")
    assert "cannot be unpacked" in found.problems[0].what
    labels.write_bytes(idx_file(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10])))
    found = read_examples(tmp_path, part="train")
    assert len(found) == 9
    assert codes(found) == ["MX8321", "MX8322"]


@pytest.mark.shared
def test_real_sets(shared: Path) -> None:
    """Counts as the README beside the files states them; the labels are those of the files."""
    data = shared / "data"
    test = read_examples(data, part="test")
    assert (len(test), test.shape) == (1017, (3, 32, 32))
    with np.load(data / "cifar10_small.npz") as archive:
        assert np.array_equal(test.inputs, archive["x_test"].transpose(0, 3, 1, 2))
    mnist = read_examples(data / "mnist.npz", part="test")
    assert (len(mnist), mnist.shape, mnist.problems) == (10_000, (1, 28, 28), ())
    words = read_examples(data / "kws20_small.npz")
    assert (len(words), words.shape, len(words.classes)) == (420, (128, 128), 21)
    parts = split(words, validation=0.1, test=0.2, seed=1)
    assert set(balance(parts.validation).values()) == {2}
    assert set(balance(parts.test).values()) == {4}
