"""Numpy files of every sensible form, and what is told about the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.data import read_examples
from mxdeploy.errors import UsageError


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def codes(found: object) -> list[str]:
    return [p.code for p in found.problems]  # type: ignore[attr-defined]


def test_keys_and_parts(tmp_path: Path) -> None:
    x, y = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.array([0, 1, 0, 1, 0, 1])
    both = save(
        tmp_path / "d.npz", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:].reshape(-1, 1)
    )
    whole = read_examples(both)
    assert np.array_equal(whole.inputs[:, 0], x)
    assert whole.targets is not None
    assert whole.targets.tolist() == y.tolist()
    assert whole.names[3:5] == ("x_train[3]", "x_test[0]")
    assert read_examples(both, part="train").names[-1] == "x_train[3]"
    assert read_examples(both, part="test").names == ("x_test[0]", "x_test[1]")
    assert read_examples(f"{both}:x_test").names == ("x_test[0]", "x_test[1]")
    one = save(tmp_path / "x.npz", x=x, y=y)
    assert len(read_examples(one, part="train", limit=5)) == 5
    with pytest.raises(UsageError, match="MX8303"):
        read_examples(one, part="test")
    with pytest.raises(UsageError, match="it has x, y"):
        read_examples(f"{one}:z")
    np.save(tmp_path / "x.npy", x)
    assert read_examples(tmp_path / "x.npy").targets is None
    with pytest.raises(UsageError, match="MX8303"):
        read_examples(tmp_path / "x.npy", part="test")


@pytest.mark.parametrize(
    ("shape", "dtype", "wish", "expected"),
    [
        ((2, 8, 9, 3), np.uint8, {}, (3, 8, 9)),
        ((2, 3, 8, 9), np.uint8, {}, (3, 8, 9)),
        ((2, 3, 8, 3), np.uint8, {}, (3, 8, 3)),
        ((2, 8, 9), np.uint8, {}, (1, 8, 9)),
        ((2, 8, 9), np.int8, {}, (8, 9)),
        ((2, 8, 9), np.float32, {"channels": 1}, (1, 8, 9)),
        ((2, 8, 9), np.uint8, {"channels": 8}, (8, 9)),
        ((2, 7), np.float64, {}, (7, 1)),
    ],
)
def test_orders_of_axes(
    tmp_path: Path, shape: tuple[int, ...], dtype: type, wish: dict[str, int], expected: object
) -> None:
    found = read_examples(save(tmp_path / "d.npz", x=np.ones(shape, dtype)), **wish)  # type: ignore[arg-type]
    assert found.shape == expected


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 255]), np.uint8),
        (np.array([-128, 127]), np.int8),
        (np.array([0, 256]), np.float32),
        (np.array([0.5, 1], np.float16), np.float32),
        (np.array([True, False]), np.float32),
    ],
)
def test_types_are_bytes_or_float32(tmp_path: Path, values: np.ndarray, dtype: type) -> None:
    found = read_examples(save(tmp_path / "d.npz", x=values.reshape(2, 1)))
    assert found.inputs.dtype == dtype
    assert found.inputs.reshape(-1).tolist() == values.tolist()


def test_names_of_classes(tmp_path: Path) -> None:
    x = np.zeros((3, 2), np.uint8)
    named = read_examples(save(tmp_path / "a.npz", x=x, y=np.array(["dog", "cat", "dog"])))
    assert named.classes == ("cat", "dog")
    assert named.targets is not None
    assert named.targets.tolist() == [1, 0, 1]
    told = save(tmp_path / "b.npz", x=x, y=[1, 0, 1], classes=np.array(["bad", "good"]))
    assert read_examples(told).classes == ("bad", "good")
    order = save(tmp_path / "c.npz", x=x, y=["dog", "cat", "cow"], classes=["dog", "cat"])
    found = read_examples(order)
    assert found.targets is not None
    assert found.targets.tolist() == [0, 1]  # a cow is no class
    assert codes(found) == ["MX8321"]


def test_a_class_per_pixel(tmp_path: Path) -> None:
    y = np.arange(2 * 4 * 5).reshape(2, 4, 5) % 3
    for name, shape in (("first", (2, 3, 4, 5)), ("last", (2, 4, 5, 3))):
        found = read_examples(save(tmp_path / f"{name}.npz", x=np.zeros(shape, np.uint8), y=y))
        assert found.targets is not None
        assert np.array_equal(found.targets, y)
        assert found.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.zeros(2, int), "3 inputs but labels of shape (2,)"),
        (np.zeros(3) + 0.5, "no whole numbers"),
        (np.eye(3), "y.argmax(axis=1)"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, y: np.ndarray, said: str) -> None:
    x = np.arange(6, dtype=np.uint8).reshape(3, 2)
    found = read_examples(save(tmp_path / "d.npz", x=x, y=y))
    assert found.targets is None
    assert codes(found) == ["MX8315"]
    assert said in found.problems[0].to_text()


def test_bad_examples_are_left_out(tmp_path: Path) -> None:
    x = np.zeros((8, 2), np.float32)
    x[1, 0], x[5, 1] = np.nan, np.inf
    y = np.array([0, 0, -1, 1, 1, 1, 5000, 3])
    found = read_examples(save(tmp_path / "d.npz", x=x, y=y))
    assert found.names == ("x[0]", "x[3]", "x[4]", "x[7]")
    assert codes(found) == ["MX8320", "MX8321", "MX8322"]
    assert found.problems[0].what.endswith("NaN or infinity in 2 of 8 inputs: 1, 5")
    assert "label -1, 5000" in found.problems[1].what
    assert found.problems[2].what == "no examples of 1 of 4 classes: 2"
    with pytest.raises(UsageError) as raised:
        read_examples(tmp_path / "d.npz", strict=True)
    assert [d.code for d in raised.value.diagnostics] == ["MX8320", "MX8321", "MX8322"]


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"z": np.zeros((1, 2))}, "MX8311"),
        ({"x": np.zeros((0, 2))}, "MX8304"),
        ({"x": np.full((1, 2), np.nan)}, "MX8304"),
        ({"x": np.zeros(3)}, "MX8312"),
        ({"x": np.float32(3)}, "MX8312"),
        ({"x_train": np.zeros((2, 3)), "x_test": np.zeros((2, 4))}, "MX8312"),
        ({"x": np.array([["a"]])}, "MX8313"),
        ({"x": np.zeros((1, 1, 1, 1, 1))}, "MX8314"),
        ({"x": np.array([[{}]], dtype=object)}, "MX8310"),
    ],
)
def test_nothing_usable(tmp_path: Path, arrays: dict[str, np.ndarray], code: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_examples(save(tmp_path / "d.npz", **arrays))
    assert raised.value.diagnostics[-1].code == code


def test_images_in_arrays_get_another_size(tmp_path: Path) -> None:
    grey = np.repeat(np.arange(8, dtype=np.uint8) * 10, 8).reshape(1, 8, 8)
    file = save(tmp_path / "d.npz", x=grey, f=grey[:, None].astype(np.float32) / 3)
    found = read_examples(file, image_size=4, channels=3)
    assert found.shape == (3, 4, 4)
    assert np.abs(found.inputs[0, 0, :, 0].astype(int) - [5, 25, 45, 65]).max() <= 2
    assert found.inputs[0].std(axis=0).max() == 0  # grey
    with pytest.raises(UsageError, match="MX8343"):
        read_examples(f"{file}:f", image_size=4)


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 4), np.uint8))
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content.replace(b"(3, 4), ", b"(9**9,),"))
    with pytest.raises(UsageError, match="MX8310"):
        read_examples(tmp_path / "x.npy")
    (tmp_path / "x.npy").write_bytes(content.replace(b"(3, 4), }   ", b"(3, 4000), }"))
    with pytest.raises(UsageError, match="promises"):
        read_examples(tmp_path / "x.npy")
