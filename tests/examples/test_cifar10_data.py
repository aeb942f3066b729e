"""The loaders, on tiny files of the official formats that the tests make themselves."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.data import batches
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


@pytest.fixture
def python_folder(tmp_path: Path) -> Path:
    for number, name in enumerate((*BATCHES, "test_batch")):
        (tmp_path / name).write_bytes(python_batch(number, labels_of(number)))
    return tmp_path


def check_official(loaded: object) -> None:
    """Order, labels, and that a pixel's colours come from the three planes."""
    assert len(loaded.train) == 5 * PER_BATCH
    assert len(loaded.test) == PER_BATCH
    assert loaded.train.labels.tolist() == [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]
    assert loaded.test.labels.tolist() == [5, 6, 7]
    assert loaded.train.positions.tolist() == list(range(15))
    assert loaded.train.lossless.all()
    row, column = 5, 17
    for batch in range(5):
        expected = planes(PER_BATCH, batch)[1]
        pixel = loaded.train.pixels[batch * PER_BATCH + 1, row, column]
        assert pixel.tolist() == [int(expected[c * 1024 + row * 32 + column]) for c in range(3)]


def test_python_batches_are_read_and_wrong_sums_are_told(
    cifar10: SimpleNamespace, python_folder: Path
) -> None:
    with pytest.warns(UserWarning, match="MD5 sum") as told:
        loaded = cifar10.data.load(python_folder)
    assert [str(w.message).split(":")[0] for w in told] == [*BATCHES, "test_batch"]
    check_official(loaded)


def test_published_sums_are_silent(
    cifar10: SimpleNamespace, python_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*BATCHES, "test_batch"):
        found = hashlib.md5((python_folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setitem(batches.MD5, name, found)
    check_official(cifar10.data.load(python_folder))  # a warning would be an error here


def test_the_published_tar_is_read_without_unpacking(
    cifar10: SimpleNamespace, python_folder: Path, tmp_path: Path
) -> None:
    published = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(published, "w:gz") as archive:
        for name in (*BATCHES, "test_batch"):
            archive.add(python_folder / name, arcname=f"cifar-10-batches-py/{name}")
    with pytest.warns(UserWarning, match="MD5 sum"):
        check_official(cifar10.data.load(published))


def test_binary_batches_are_read(cifar10: SimpleNamespace, tmp_path: Path) -> None:
    for number, name in enumerate((*BATCHES, "test_batch")):
        (tmp_path / f"{name}.bin").write_bytes(binary_batch(number, labels_of(number)))
    check_official(cifar10.data.load(tmp_path))


def test_lossless_npz_images_replace_their_jpeg_twins(
    cifar10: SimpleNamespace, tmp_path: Path
) -> None:
    decoded = jpeg_npz(tmp_path / "cifar10_jpeg60k.npz", pictures(6, 0), [0, 1, 2, 3, 8, 9], 4)
    alone = cifar10.data.load(tmp_path / "cifar10_jpeg60k.npz")
    assert alone.train.labels.tolist() == [0, 1, 2, 3]
    assert alone.test.positions.tolist() == [0, 1]
    assert not alone.test.lossless.any()
    assert np.array_equal(alone.train.pixels, np.stack(decoded[:4]))

    small_npz(tmp_path / "cifar10_small.npz", labels=[3, 1], positions=[3, 1])
    both = cifar10.data.load(tmp_path)
    assert both.train.lossless.tolist() == [False, True, False, True]
    assert np.array_equal(both.train.pixels[[3, 1]], pictures(2, 1))
    assert np.array_equal(both.train.pixels[[0, 2]], np.stack(decoded)[[0, 2]])
    assert np.array_equal(both.test.pixels, pictures(2, 2))
    assert both.test.lossless.all()
    assert both.source == "cifar10_jpeg60k.npz + cifar10_small.npz"


def test_twins_with_other_labels_are_refused(cifar10: SimpleNamespace, tmp_path: Path) -> None:
    jpeg_npz(tmp_path / "cifar10_jpeg60k.npz", pictures(3, 0), [0, 1, 2], 3)
    small_npz(tmp_path / "cifar10_small.npz", labels=[5], positions=[1])
    with pytest.raises(batches.DataError, match="disagree about labels"):
        cifar10.data.load(tmp_path)


def test_small_npz_alone(cifar10: SimpleNamespace, tmp_path: Path) -> None:
    small_npz(tmp_path / "cifar10_small.npz", labels=[3, 1, 7], positions=[30, 10, 40000])
    loaded = cifar10.data.load(tmp_path)
    assert loaded.train.positions.tolist() == [30, 10, 40000]
    assert len(loaded.test) == 2


def test_npz_without_its_keys_is_refused(cifar10: SimpleNamespace, tmp_path: Path) -> None:
    np.savez(tmp_path / "cifar10_small.npz", x_train=pictures(1, 0))
    with pytest.raises(batches.DataError, match="lacks train_index, x_test"):
        cifar10.data.load(tmp_path)


@pytest.mark.parametrize("name", ["", "missing", "other.npz", "text.tar.gz"])
def test_unknown_places_are_refused(cifar10: SimpleNamespace, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.tar.gz").write_text("not an archive")
    with pytest.raises(batches.DataError, match=str(tmp_path)):
        cifar10.data.load(tmp_path / name)


def test_chip_scale(cifar10: SimpleNamespace) -> None:
    pixels = np.arange(256, dtype=np.uint8)
    scaled = cifar10.data.chip_scale(pixels)
    assert scaled.dtype == np.float32
    steps = scaled * 128
    # By hand: 127/255 - 1/2 is -1/510, times 256 is -0.50196, so -1; 0 and 255 hit the ends.
    assert steps[[0, 1, 127, 128, 254, 255]].tolist() == [-128, -127, -1, 1, 127, 127]
    assert set(np.diff(steps).tolist()) == {0, 1, 2}


@given(count=st.integers(1, 5), seed=st.integers(0, 99))
def test_validation_images_are_lossless_and_apart(
    cifar10: SimpleNamespace, count: int, seed: int
) -> None:
    lossless = np.array([True, False] * 6)
    train = cifar10.data.Images(
        pixels=pictures(12, 3),
        labels=np.arange(12) % 10,
        positions=np.arange(12),
        lossless=lossless,
    )
    fitted, validation = cifar10.data.split_validation(train, count=count, seed=seed)
    again = cifar10.data.split_validation(train, count=count, seed=seed)[1]
    assert validation.positions.tolist() == again.positions.tolist()
    assert validation.lossless.all()
    assert len(validation) == count
    assert sorted([*fitted.positions, *validation.positions]) == list(range(12))


def test_more_validation_images_than_there_are(cifar10: SimpleNamespace) -> None:
    train = cifar10.data.Images(
        pixels=pictures(2, 3),
        labels=np.array([0, 1]),
        positions=np.array([0, 1]),
        lossless=np.array([True, False]),
    )
    with pytest.raises(batches.DataError, match="1 lossless ones there"):
        cifar10.data.split_validation(train, count=1, seed=0)
