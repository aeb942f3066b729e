"""What a network gets wrong, counted by hand; pictures of examples."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
from PIL import Image

from mxdeploy.stages.s0_train.judge import confusion_of, judge, scores_of
from mxdeploy.stages.s0_train.pictures import data_uri, sound_pixels, to_bytes

NAMES = ("a", "b", "c")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_confusion_precision_and_recall(pairs: list[tuple[int, int]]) -> None:
    targets, said = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    confusion = confusion_of(said, targets, 3)
    assert confusion.sum() == len(pairs)
    for k, score in enumerate(scores_of(confusion, NAMES)):
        are = [s for t, s in pairs if t == k]
        called = [t for t, s in pairs if s == k]
        assert score.count == len(are)
        assert score.recall == (are.count(k) / len(are) if are else None)
        assert score.precision == (called.count(k) / len(called) if called else None)
        assert all(confusion[k, j] == pairs.count((k, j)) for j in range(3))


def test_the_most_certain_mistakes_come_first() -> None:
    outputs = np.array([[0, 9, 0], [5, 0, 0], [0, 0, 2], [0, 1, 0]], dtype=np.float32)
    targets = np.array([1, 2, 1, 0])
    found = judge(outputs, outputs, targets, "classes", NAMES)
    assert [m.index for m in found.mistakes] == [1, 2, 3]
    first = found.mistakes[0]
    assert (first.given, first.wanted) == (0, 2)
    assert first.badness == pytest.approx(np.exp(5) / (np.exp(5) + 2))


def test_pixels_and_reconstructions() -> None:
    outputs = np.zeros((3, 2, 2, 2), dtype=np.float32)
    outputs[:, 1] = 1
    targets = np.ones((3, 2, 2), dtype=np.int64)
    targets[1, 0, 0] = 0
    found = judge(outputs, outputs, targets, "pixels", ("a", "b"))
    assert [(m.index, m.badness) for m in found.mistakes] == [(1, 0.25)]
    assert found.confusion is not None
    assert found.confusion.tolist() == [[0, 1], [0, 11]]

    made = np.zeros((2, 1, 4), dtype=np.float32)
    given_to_it = np.array([[[1, 0, 0, 0]], [[2, 2, 0, 0]]], dtype=np.float32)
    found = judge(made, given_to_it, None, "reconstruction", ())
    assert [(m.index, m.badness) for m in found.mistakes] == [(1, 2.0), (0, 0.25)]
    assert found.confusion is None


def picture(example: np.ndarray) -> np.ndarray:
    encoded = data_uri(example).removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def test_images_are_enlarged_and_keep_their_colours() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 32, 24), dtype=np.uint8)
    shown = picture(image)
    assert shown.shape == (96, 72, 3)
    assert np.array_equal(shown[::3, ::3], np.moveaxis(image, 0, -1))
    assert picture(image[:1]).shape == (96, 72)
    assert picture(image[:2]).shape == (96, 72)


def test_other_types_are_brought_to_8_bits() -> None:
    signed = np.array([-128, 0, 127], dtype=np.int8)
    assert to_bytes(signed).tolist() == [0, 128, 255]
    assert to_bytes(np.array([0.5, 1.0, 1.5], dtype=np.float32)).tolist() == [0, 127, 255]
    assert to_bytes(np.zeros(3, dtype=np.float32)).tolist() == [0, 0, 0]


def test_a_tone_is_a_line_in_the_spectrogram() -> None:
    """Sample i is in channel i mod 16; a quarter of the highest frequency is a quarter up."""
    wave = np.sin(np.pi / 4 * np.arange(4096)) * np.linspace(0.1, 1, 4096)
    folded = (100 * wave).astype(np.int8).reshape(-1, 16).T
    pixels = sound_pixels(folded)
    waveform, spectrogram = pixels[:40], pixels[40:]
    heights = (waveform < 128).sum(axis=0)
    assert heights[0] < heights[100] < heights[-1]
    darkest = int(spectrogram.mean(axis=1).argmin())
    assert darkest / len(spectrogram) == pytest.approx(0.75, abs=0.03)
    assert sound_pixels(folded[:, :4]).shape[0] == 40
