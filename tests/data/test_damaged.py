"""Round trips of every format, and files that were changed anywhere: an answer or an error."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mxdeploy.data import ModelInput, load_data, parse_reference, read_examples
from mxdeploy.data.batches import parse_binary_batch, parse_python_batch
from mxdeploy.data.idx import parse_idx
from mxdeploy.data.images import SUFFIXES
from mxdeploy.errors import UsageError
from tests.cifar10_files import binary_batch, jpeg_npz, pictures, planes, python_batch

DAMAGES = 15
"""Changed files of every kind."""


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, max_side=6)))
def test_idx_round_trip(array: np.ndarray) -> None:
    assert np.array_equal(parse_idx(idx_bytes(array)), array)


@settings(max_examples=20, deadline=None)
@given(labels=st.lists(st.integers(0, 9), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_both_forms_of_a_batch_hold_the_same(labels: list[int], seed: int) -> None:
    expected = planes(len(labels), seed).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    for parse, write in (
        (parse_python_batch, python_batch),
        (parse_binary_batch, binary_batch),
    ):
        pixels, found = parse(write(seed, labels), "batch")
        assert np.array_equal(pixels, expected)
        assert found.tolist() == labels


@settings(max_examples=25, deadline=None)
@given(
    x=hnp.arrays(
        st.sampled_from([np.uint8, np.int8, np.float32]),
        st.tuples(st.integers(1, 4), st.sampled_from([1, 3]), st.integers(5, 7), st.integers(5, 7)),
        elements={"allow_nan": False, "allow_infinity": False},
    ),
    last=st.booleans(),
    packed=st.booleans(),
)
def test_npz_round_trip(
    tmp_path_factory: pytest.TempPathFactory, x: np.ndarray, last: bool, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("npz") / "d.npz"
    stored = np.moveaxis(x, 1, -1) if last else x
    labels = np.arange(len(x))
    (np.savez_compressed if packed else np.savez)(path, x=stored, y=labels)
    found = read_examples(path)
    assert found.inputs.dtype == x.dtype
    assert np.array_equal(found.inputs, x)
    assert found.targets is not None
    assert found.targets.tolist() == labels.tolist()


@settings(max_examples=40, deadline=None)
@given(
    pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    suffix=st.sampled_from(sorted(SUFFIXES & {".png", ".bmp", ".ppm", ".tif"})),
)
def test_lossless_pictures_round_trip(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(pixels).save(folder / f"one{suffix}")
    found = read_examples(folder, channels=3)
    assert np.array_equal(found.inputs[0], pixels.transpose(2, 0, 1))


@settings(max_examples=40, deadline=None)
@given(samples=hnp.arrays(np.int8, st.integers(1, 40)), channels=st.integers(1, 5))
def test_recordings_round_trip(
    tmp_path_factory: pytest.TempPathFactory, samples: np.ndarray, channels: int
) -> None:
    folder = tmp_path_factory.mktemp("recordings")
    soundfile.write(folder / "one.wav", samples.astype(np.float32) / 128, 16_000, subtype="FLOAT")
    found = read_examples(folder, channels=channels).inputs[0]
    flat = found.T.reshape(-1)
    assert flat[: len(samples)].tolist() == samples.tolist()
    assert not flat[len(samples) :].any()
    assert len(flat) - len(samples) < channels


def picture(form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    gradient = np.linspace(0, 255, 12 * 10 * 3).reshape(12, 10, 3).astype(np.uint8)
    Image.fromarray(gradient).save(stream, form, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def recording(form: str) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.sin(np.arange(300) / 5), 8000, format=form)
    return stream.getvalue()


def numpy_file(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def jpeg_archive(folder: Path) -> bytes:
    jpeg_npz(folder / "made.npz", pictures(3, 0), [0, 1, 2], 2)
    return (folder / "made.npz").read_bytes()


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name in ("data_batch_1", "test_batch"):
            content = python_batch(1, [1, 2])
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return stream.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6

FILES: dict[str, Callable[[Path], bytes]] = {
    "a/one.png": lambda _: picture("PNG"),
    "a/one.jpg": lambda _: picture("JPEG", exif=EXIF),
    "a/one.gif": lambda _: picture("GIF"),
    "a/one.tif": lambda _: picture("TIFF", compression="tiff_lzw"),
    "a/one.bmp": lambda _: picture("BMP"),
    "a/one.webp": lambda _: picture("WEBP"),
    "a/one.wav": lambda _: recording("WAV"),
    "a/one.flac": lambda _: recording("FLAC"),
    "one.npz": lambda _: numpy_file(x=np.zeros((3, 4, 4), np.uint8), y=np.arange(3)),
    "cifar10_jpeg60k.npz": jpeg_archive,
    "train-images-idx3-ubyte": lambda _: idx_bytes(np.zeros((3, 4, 5), np.uint8)),
    "train-images-idx3-ubyte.gz": lambda _: gzip.compress(idx_bytes(np.zeros((3, 4, 5), np.uint8))),
    "cifar-10-python.tar.gz": lambda _: archive(),
    "data_batch_1": lambda _: python_batch(1, [1, 2]),
}


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, a piece taken out or put in, or the end cut off; most at the head."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        reach = min(len(changed), chance.choice([16, 64, 256, len(changed)])) or 1
        at = chance.randrange(reach)
        match chance.randrange(5):
            case 0:
                del changed[at:]
            case 1:
                del changed[at : at + chance.randint(1, 8)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 8))
            case _:
                changed[at : at + 1] = bytes(
                    [chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])]
                )
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    whole = FILES[name](tmp_path)
    place = tmp_path / "data"
    path = place / name
    path.parent.mkdir(parents=True)
    model = ModelInput(shape=(3, 32, 32) if "wav" not in name and "flac" not in name else (1, 64))
    refusals = []
    for seed in range(DAMAGES):
        path.write_bytes(damaged(whole, random.Random(seed)))
        source = path if name.endswith((".npz", ".tar.gz")) else place
        try:
            found = read_examples(source)
            assert len(found.inputs) == len(found.names) > 0
        except UsageError as error:
            refusals.append(error)
        with contextlib.suppress(UsageError):
            load_data(parse_reference(str(source)), model, default_key="x_test")
    assert refusals
    assert all(d.what and d.fix for error in refusals for d in error.diagnostics)
