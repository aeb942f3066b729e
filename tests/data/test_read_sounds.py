"""Folders of recordings: rates, lengths, channels, and the frames that keyword models take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from mxdeploy.data import read_examples
from mxdeploy.data.sounds import folded, resampled
from mxdeploy.data.summary import summarize
from mxdeploy.data.wish import Wish
from mxdeploy.errors import UsageError


def save(path: Path, signal: np.ndarray, rate: int = 16_000, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, rate, **options)
    return path


def tone(rate: int, hertz: float = 1000, seconds: float = 0.1, loud: float = 0.5) -> np.ndarray:
    return loud * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def test_samples_are_eight_bits_of_full_scale(tmp_path: Path) -> None:
    levels = np.array([0, 0.5, -0.5, 1, -1, 1 / 128, 0.25])
    save(tmp_path / "yes" / "a.wav", levels, subtype="FLOAT")
    save(tmp_path / "no" / "b.wav", levels[:3], subtype="FLOAT")
    found = read_examples(tmp_path, samples=8)
    assert found.inputs.dtype == np.int8
    assert found.inputs[1].tolist() == [[0, 64, -64, 127, -128, 1, 32, 0]]
    assert found.inputs[0].tolist() == [[0, 64, -64, 0, 0, 0, 0, 0]]  # short ones end in silence
    assert found.classes == ("no", "yes")
    assert read_examples(tmp_path, samples=2).inputs[1].tolist() == [[0, 64]]  # long ones are cut


def test_rows_of_channels(tmp_path: Path) -> None:
    save(tmp_path / "yes" / "a.wav", np.arange(6) / 128, subtype="FLOAT")
    found = read_examples(tmp_path, samples=8, channels=2)
    assert found.inputs[0].tolist() == [[0, 2, 4, 0], [1, 3, 5, 0]]
    flat = np.arange(24, dtype=np.int8).reshape(2, 12)
    frames = folded(flat, 3)
    assert all(frames[n, i % 3, i // 3] == flat[n, i] for n in range(2) for i in range(12))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_other_rates_are_converted(tmp_path: Path, rate: int) -> None:
    save(tmp_path / "a" / "x.wav", tone(rate), rate, subtype="FLOAT")
    found = read_examples(tmp_path, rate=16_000, samples=1600)
    expected = np.round(128 * tone(16_000))
    middle = slice(100, -100)  # at the ends the tone begins and stops
    assert np.abs(found.inputs[0, 0, middle] - expected[middle]).max() <= 2
    assert "16,000" in found.kind


def test_what_a_lower_rate_cannot_hold_is_gone() -> None:
    signal = (tone(48_000, 15_000) + tone(48_000, 500)).astype(np.float32)
    low = resampled(signal, 48_000, 8_000)
    assert len(low) == 800
    assert np.abs(low - tone(8_000, 500))[100:-100].max() < 0.02


def test_channels_are_averaged_and_the_usual_rate_is_kept(tmp_path: Path) -> None:
    both = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    save(tmp_path / "a" / "x.wav", both, 8_000, subtype="FLOAT")
    save(tmp_path / "a" / "y.flac", both, 8_000)
    found = read_examples(tmp_path)
    assert found.inputs.shape == (2, 1, 100)
    assert np.unique(found.inputs).tolist() == [16]


def test_what_is_wrong_is_listed(tmp_path: Path) -> None:
    good = save(tmp_path / "a" / "good.wav", tone(16_000))
    save(tmp_path / "b" / "good.wav", tone(16_000))
    (tmp_path / "a" / "empty.wav").touch()
    (tmp_path / "a" / "text.wav").write_text("hello")
    (tmp_path / "a" / "head.wav").write_bytes(good.read_bytes()[:30])
    save(tmp_path / "a" / "none.wav", np.zeros(0))
    save(tmp_path / "a" / "nan.wav", np.array([0.0, np.nan]), subtype="FLOAT")
    save(tmp_path / "_background_noise_" / "hum.wav", tone(16_000))
    found = read_examples(tmp_path)
    assert found.names == ("a/good.wav", "b/good.wav")
    assert sorted(p.code for p in found.problems) == ["MX8340", *["MX8351"] * 5]
    with pytest.raises(UsageError, match="MX8351"):
        read_examples(tmp_path, strict=True)


def test_lengths_that_do_not_fold(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.wav", tone(16_000))
    with pytest.raises(UsageError, match="MX8350"):
        read_examples(tmp_path, samples=9, channels=2)
    assert read_examples(tmp_path, channels=128).inputs.shape == (1, 128, 13)  # 1,600 and silence


def test_recordings_that_end_early_or_are_silent(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "yes" / f"{name}.wav", tone(8_000), 8_000)
    cut = tmp_path / "yes" / "b.wav"
    cut.write_bytes(cut.read_bytes()[:400])
    save(tmp_path / "no" / "still.wav", np.zeros(800), 8_000)
    streamed = save(tmp_path / "no" / "streamed.wav", tone(8_000), 8_000)
    content = streamed.read_bytes()  # by a program that could not go back to say how long it is
    streamed.write_bytes(content[:4] + b"\xff" * 4 + content[8:])
    unpadded = tmp_path / "no" / "unpadded.wav"
    unpadded.write_bytes(content[:4] + (len(content) - 7).to_bytes(4, "little") + content[8:])
    found = read_examples(tmp_path)
    assert [name.split("/")[1] for name in found.names] == [
        *("still.wav", "streamed.wav", "unpadded.wav", "a.wav", "c.wav")
    ]
    assert [p.code for p in found.problems] == ["MX8351"]
    assert found.problems[0].what == "ends after 392 of 1,636 bytes"
    told = summarize(tmp_path, Wish()).problems[-1]
    assert (told.code, told.severity) == ("MX8375", "note")
    assert told.what == "1 input with one value everywhere: no/still.wav"
