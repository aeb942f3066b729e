"""The data contract: files, keys, layouts, scales, and what bad data are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.data import Layout, ModelInput, Scale, load_data, parse_reference
from mxdeploy.errors import UsageError


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def load(path: Path | str, shape: tuple[int, ...], own: Layout = Layout.NCHW, **options: object):
    model = ModelInput(shape=shape, layout=own)
    return load_data(parse_reference(str(path)), model, default_key="x_test", **options)  # type: ignore[arg-type]


def test_reference_splits_at_the_last_colon() -> None:
    reference = parse_reference("a/b.npz:x_test")
    assert (reference.path, reference.key) == (Path("a/b.npz"), "x_test")


@pytest.mark.parametrize("text", ["a.npz", "C:/data/a.npz", r"C:\data\a.npz"])
def test_reference_without_key(text: str) -> None:
    assert parse_reference(text).key is None


def test_existing_file_with_colon_in_its_name(tmp_path: Path) -> None:
    file = save(tmp_path / "a:b.npz", x=np.zeros((1, 2)))
    assert parse_reference(str(file)).path == file


def test_default_keys_and_labels(tmp_path: Path) -> None:
    file = save(
        tmp_path / "d.npz",
        x_train=np.zeros((3, 2, 2)),
        x_test=np.ones((2, 2, 2)),
        y_test=np.array([[1], [0]]),
    )
    data = load(file, (1, 2, 2))
    assert data.x.shape == (2, 1, 2, 2)
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0]
    assert load(f"{file}:x_train", (1, 2, 2)).labels is None


def test_channels_last_is_recognised_and_moved(tmp_path: Path) -> None:
    images = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype(np.uint8)
    data = load(save(tmp_path / "d.npz", x=images), (3, 4, 5))
    assert data.layout is Layout.NHWC
    assert data.x[1, 2, 3, 4] == images[1, 3, 4, 2]


def test_a_model_that_takes_channels_last(tmp_path: Path) -> None:
    images = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3).astype(np.uint8)
    file = save(tmp_path / "d.npz", x=images, p=np.moveaxis(images, -1, 1), g=images[..., 0])
    for key, layout in (("x", Layout.NHWC), ("p", Layout.NCHW)):
        data = load(f"{file}:{key}", (4, 5, 3), Layout.NHWC)
        assert data.layout is layout
        assert np.array_equal(data.x, images)
    grey = load(f"{file}:g", (4, 5, 1), Layout.NHWC)
    assert np.array_equal(grey.x, images[..., :1])
    equal = save(tmp_path / "e.npz", x=np.arange(27).reshape(1, 3, 3, 3))
    moved = load(equal, (3, 3, 3), Layout.NHWC, layout=Layout.NCHW)
    assert moved.x[0, 0, 1, 2] == 2 * 9 + 0 * 3 + 1
    with pytest.raises(UsageError, match="MX8004"):
        load(f"{file}:p", (4, 5, 3), Layout.NHWC, layout=Layout.NHWC)


def test_layout_option_overrides_the_guess(tmp_path: Path) -> None:
    file = save(tmp_path / "d.npz", x=np.zeros((2, 3, 3, 3)))
    assert load(file, (3, 3, 3)).layout is Layout.NCHW
    assert load(file, (3, 3, 3), layout=Layout.NHWC).layout is Layout.NHWC


def test_a_single_input_gets_its_batch_axis(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 5)))
    assert load(tmp_path / "x.npy", (3, 4, 5)).x.shape == (1, 3, 4, 5)


@pytest.mark.parametrize(
    ("pixel", "real"), [(0, -128 / 128), (127, -1 / 128), (128, 1 / 128), (255, 127 / 128)]
)
def test_chip_scale_of_unsigned_pixels(tmp_path: Path, pixel: int, real: float) -> None:
    file = save(tmp_path / "d.npz", x=np.full((1, 1, 1, 1), pixel, np.uint8))
    assert load(file, (1, 1, 1), scale=Scale.CHIP).x.item() == real


def test_other_scales(tmp_path: Path) -> None:
    file = save(tmp_path / "d.npz", x=np.array([[51]], np.uint8), s=np.array([[-64]], np.int8))
    assert load(file, (1,), scale=Scale.UNIT).x.item() == pytest.approx(0.2)
    assert load(file, (1,)).x.item() == 51
    assert load(f"{file}:s", (1,), scale=Scale.CHIP).x.item() == -0.5


def test_limit(tmp_path: Path) -> None:
    file = save(tmp_path / "d.npz", x=np.zeros((9, 2)), y=np.arange(9))
    data = load(file, (2,), limit=4)
    assert len(data) == 4
    assert data.labels is not None
    assert len(data.labels) == 4


@pytest.mark.parametrize(
    ("arrays", "shape", "code"),
    [
        ({"z": np.zeros((1, 2))}, (2,), "MX8003"),
        ({"x": np.zeros((1, 3))}, (2,), "MX8004"),
        ({"x": np.array([["a"]])}, (1,), "MX8005"),
        ({"x": np.zeros((0, 2))}, (2,), "MX8007"),
        ({"x": np.array([[0.0, np.nan]])}, (2,), "MX8008"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(3, int)}, (2,), "MX8009"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2)}, (2,), "MX8009"),
    ],
)
def test_bad_data(
    tmp_path: Path, arrays: dict[str, np.ndarray], shape: tuple[int, ...], code: str
) -> None:
    with pytest.raises(UsageError) as raised:
        load(save(tmp_path / "d.npz", **arrays), shape)
    assert raised.value.diagnostics[0].code == code
    assert raised.value.diagnostics[0].fix


def test_default_scale_is_for_8_bit_data(tmp_path: Path) -> None:
    file = save(tmp_path / "d.npz", x=np.full((1, 1), 0.25), i=np.full((1, 1), 64, np.int8))
    found = load(file, (1,), default_scale=Scale.CHIP)
    assert (found.x.item(), found.scale) == (0.25, Scale.NONE)
    found = load(f"{file}:i", (1,), default_scale=Scale.CHIP)
    assert (found.x.item(), found.scale) == (0.5, Scale.CHIP)
    assert load(f"{file}:i", (1,), scale=Scale.NONE, default_scale=Scale.CHIP).x.item() == 64


def test_scale_of_float_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MX8006"):
        load(save(tmp_path / "d.npz", x=np.zeros((1, 2))), (2,), scale=Scale.CHIP)


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    whole = save(tmp_path / "d.npz", x=np.zeros((50, 2)))
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:200])
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "pickle.npz", x=np.array([{}, None], dtype=object))
    for name, code in (
        ("cut.npz", "MX8002"),
        ("text.npz", "MX8002"),
        ("pickle.npz", "MX8002"),
        ("missing.npz", "MX8001"),
    ):
        with pytest.raises(UsageError, match=code):
            load(tmp_path / name, (2,))


@pytest.mark.parametrize(
    ("arrays", "classes", "expected"),
    [
        ({"y": [0, 1, 0]}, ("dog", "cat"), [0, 1, 0]),
        ({"y": [0, 1, 0], "classes": ["cat", "dog"]}, ("dog", "cat"), [1, 0, 1]),
        ({"y": [0, 1, 0], "classes": ["cat", "dog"]}, ("cat", "cow", "dog"), [0, 2, 0]),
        ({"y": ["dog", "cat", "dog"]}, ("dog", "cat"), [0, 1, 0]),
        ({"y": ["dog", "cat", "dog"]}, (), [1, 0, 1]),
        ({"y": ["dog", "cat", "dog"]}, None, None),
        ({"y": [0, 1, 0], "classes": ["cat", "dog"]}, None, [0, 1, 0]),
        ({"y": [[2], [1], [0]], "classes": ["0", "1", "2"]}, ("a", "b", "c"), [2, 1, 0]),
    ],
)
def test_labels_follow_the_names_of_the_models_classes(
    tmp_path: Path,
    arrays: dict[str, list[object]],
    classes: tuple[str, ...] | None,
    expected: list[int] | None,
) -> None:
    file = save(
        tmp_path / "d.npz", x=np.zeros((3, 2)), **{k: np.array(v) for k, v in arrays.items()}
    )
    found = load(file, (2,), classes=classes)
    assert (None if found.labels is None else found.labels.tolist()) == expected


def test_classes_that_the_model_does_not_have(tmp_path: Path) -> None:
    file = save(tmp_path / "d.npz", x=np.zeros((2, 2)), y=np.array(["dog", "cow"]))
    with pytest.raises(UsageError, match="MX8361"):
        load(file, (2,), classes=("dog", "cat"))
