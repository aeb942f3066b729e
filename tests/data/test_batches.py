"""The batch files of the official archives, and what must not happen when they are damaged."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.data import batches
from tests.cifar10_files import binary_batch, official_pickle, planes, python_batch


@pytest.mark.parametrize("change", [-1, 1, 3072])
def test_binary_batch_of_odd_size_is_refused(change: int) -> None:
    content = binary_batch(0, [1, 2])
    damaged = content[:change] if change < 0 else content + bytes(change)
    with pytest.raises(batches.DataError, match="multiple of 3073"):
        batches.parse_binary_batch(damaged, "data_batch_1.bin")


def test_binary_label_beyond_nine_is_refused() -> None:
    with pytest.raises(batches.DataError, match=r"labels 3\.\.10"):
        batches.parse_binary_batch(binary_batch(0, [3, 10]), "test_batch.bin")


class Malicious:
    """Unpickled by Python's own unpickler, it would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "made-by-the-pickle"
    content = pickle.dumps({b"labels": [1], b"data": Malicious(target)}, protocol=protocol)
    with pytest.raises(batches.DataError, match="refused"):
        batches.parse_python_batch(content, "data_batch_1")
    assert not target.exists()
    pickle.loads(content)[b"data"].close()  # Python's own unpickler does run it
    assert target.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins.eval", "os.system", "numpy.load", "numpy.core.multiarray.frombuffer", "copy.copy"],
)
def test_other_names_are_refused(name: str) -> None:
    module, _, function = name.rpartition(".")
    with pytest.raises(batches.DataError, match=f"{name}: refused"):
        batches.parse_python_batch(f"c{module}\n{function}\n.".encode(), "data_batch_1")


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
def test_damaged_batches_are_refused(content: bytes) -> None:
    with pytest.raises(batches.DataError, match="data_batch_3"):
        batches.parse_python_batch(content, "data_batch_3")


def test_batches_that_python_3_wrote_for_python_2() -> None:
    content = {b"data": planes(2, 7), b"labels": [4, 9]}
    pixels, labels = batches.parse_python_batch(pickle.dumps(content, protocol=2), "data_batch_1")
    assert labels.tolist() == [4, 9]
    assert np.array_equal(pixels.transpose(0, 3, 1, 2).reshape(2, -1), planes(2, 7))
    other = pickle.dumps(content, protocol=2).replace(b"latin1", b"utf-16")
    with pytest.raises(batches.DataError, match="refused"):
        batches.parse_python_batch(other, "data_batch_1")
