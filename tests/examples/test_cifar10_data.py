"""The loaders, on tiny files of the official formats that the tests make themselves."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
PER_BATCH = 3


class OfficialPickler(pickle._Pickler):
    """Writes byte strings as Python 2 wrote its ``str``, which is what the archive holds."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_python2_str(self, text: bytes) -> None:
        short = len(text) < 256
        self.write(b"U" + bytes([len(text)]) if short else b"T" + struct.pack("<i", len(text)))
        self.write(text)
        self.memoize(text)

    dispatch[bytes] = save_python2_str


def official_pickle(content: object) -> bytes:
    stream = io.BytesIO()
    OfficialPickler(stream, protocol=2).dump(content)
    return stream.getvalue().replace(b"numpy._core.", b"numpy.core.")


def planes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def python_batch(seed: int, labels: list[int]) -> bytes:
    return official_pickle(
        {
            b"batch_label": b"training batch 1 of 5",
            b"labels": labels,
            b"data": planes(len(labels), seed),
            b"filenames": [b"leptodactylus_pentadactylus_s_000004.png"] * len(labels),
        }
    )


def binary_batch(seed: int, labels: list[int]) -> bytes:
    rows = planes(len(labels), seed)
    return b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, rows, strict=True))


def labels_of(batch: int) -> list[int]:
    return [(batch + k) % 10 for k in range(PER_BATCH)]


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
        monkeypatch.setitem(cifar10.archives.MD5, name, found)
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


@pytest.mark.parametrize("change", [-1, 1, 3072])
def test_binary_batch_of_odd_size_is_refused(cifar10: SimpleNamespace, change: int) -> None:
    content = binary_batch(0, [1, 2])
    damaged = content[:change] if change < 0 else content + bytes(change)
    with pytest.raises(cifar10.archives.DataError, match="multiple of 3073"):
        cifar10.archives.parse_binary_batch(damaged, "data_batch_1.bin")


def test_binary_label_beyond_nine_is_refused(cifar10: SimpleNamespace) -> None:
    with pytest.raises(cifar10.archives.DataError, match=r"labels 3\.\.10"):
        cifar10.archives.parse_binary_batch(binary_batch(0, [3, 10]), "test_batch.bin")


class Malicious:
    """Unpickled by Python's own unpickler, it would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_is_refused_and_not_run(
    cifar10: SimpleNamespace, tmp_path: Path, protocol: int
) -> None:
    target = tmp_path / "made-by-the-pickle"
    content = pickle.dumps({b"labels": [1], b"data": Malicious(target)}, protocol=protocol)
    with pytest.raises(cifar10.archives.DataError, match="refused"):
        cifar10.archives.parse_python_batch(content, "data_batch_1")
    assert not target.exists()
    pickle.loads(content)[b"data"].close()  # Python's own unpickler does run it
    assert target.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins.eval", "os.system", "numpy.load", "numpy.core.multiarray.frombuffer", "copy.copy"],
)
def test_other_names_are_refused(cifar10: SimpleNamespace, name: str) -> None:
    module, _, function = name.rpartition(".")
    with pytest.raises(cifar10.archives.DataError, match=f"{name}: refused"):
        cifar10.archives.parse_python_batch(f"c{module}\n{function}\n.".encode(), "data_batch_1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        python_batch(0, [1, 2])[:-40],
        official_pickle([1, 2]),
        official_pickle({b"labels": [1]}),
        official_pickle({b"labels": [1], b"data": b"x" * 3072}),
        official_pickle({b"labels": [1], b"data": planes(1, 0).astype(np.int16)}),
        official_pickle({b"labels": [1], b"data": planes(1, 0).reshape(1, 3, 1024)}),
        official_pickle({b"labels": [1, 2], b"data": planes(1, 0)}),
        official_pickle({b"labels": [10], b"data": planes(1, 0)}),
        official_pickle({b"labels": [b"1"], b"data": planes(1, 0)}),
    ],
)
def test_damaged_batches_are_refused(cifar10: SimpleNamespace, content: bytes) -> None:
    with pytest.raises(cifar10.archives.DataError, match="data_batch_3"):
        cifar10.archives.parse_python_batch(content, "data_batch_3")


def jpeg_npz(path: Path, pictures: np.ndarray, labels: list[int], n_train: int) -> list[np.ndarray]:
    """Write the npz of JPEG images; returns what a decoder makes of them."""
    encoded = []
    for picture in pictures:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=75)
        encoded.append(stream.getvalue())
    common = len(encoded[0])
    while any(content[:common] != encoded[0][:common] for content in encoded):
        common -= 1
    scans = b"".join(content[common:] for content in encoded)
    np.savez(
        path,
        header=np.frombuffer(encoded[0][:common], dtype=np.uint8),
        scans=np.frombuffer(scans, dtype=np.uint8),
        offsets=np.cumsum([0, *(len(content) - common for content in encoded)]).astype(np.uint32),
        labels=np.array(labels, dtype=np.uint8),
        n_train=np.int64(n_train),
    )
    return [np.asarray(Image.open(io.BytesIO(content))) for content in encoded]


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def small_npz(path: Path, labels: list[int], positions: list[int]) -> None:
    np.savez(
        path,
        x_train=pictures(len(labels), 1),
        y_train=np.array(labels, dtype=np.uint8),
        train_index=np.array(positions, dtype=np.uint16),
        x_test=pictures(2, 2),
        y_test=np.array([8, 9], dtype=np.uint8),
    )


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
    with pytest.raises(cifar10.archives.DataError, match="disagree about labels"):
        cifar10.data.load(tmp_path)


def test_small_npz_alone(cifar10: SimpleNamespace, tmp_path: Path) -> None:
    small_npz(tmp_path / "cifar10_small.npz", labels=[3, 1, 7], positions=[30, 10, 40000])
    loaded = cifar10.data.load(tmp_path)
    assert loaded.train.positions.tolist() == [30, 10, 40000]
    assert len(loaded.test) == 2


def test_npz_without_its_keys_is_refused(cifar10: SimpleNamespace, tmp_path: Path) -> None:
    np.savez(tmp_path / "cifar10_small.npz", x_train=pictures(1, 0))
    with pytest.raises(cifar10.archives.DataError, match="lacks train_index, x_test"):
        cifar10.data.load(tmp_path)


@pytest.mark.parametrize("name", ["", "missing", "other.npz", "text.tar.gz"])
def test_unknown_places_are_refused(cifar10: SimpleNamespace, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.tar.gz").write_text("not an archive")
    with pytest.raises(cifar10.archives.DataError, match=str(tmp_path)):
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
    with pytest.raises(cifar10.archives.DataError, match="1 lossless ones there"):
        cifar10.data.split_validation(train, count=1, seed=0)
