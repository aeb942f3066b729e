"""Small files of the formats in which CIFAR-10 is published, made by the tests themselves."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np
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
