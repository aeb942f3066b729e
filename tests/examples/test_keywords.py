"""Keyword clips joined and divided without leaks, and the spoken sample."""

from __future__ import annotations

import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


def clips(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, 4, 5), dtype=np.int8)


def test_no_clip_is_in_both_parts(keywords: SimpleNamespace, tmp_path: Path) -> None:
    """Of 40 and 30 clips, 10 are in both files, one of them twice; one has two labels."""
    first, second = clips(40, 1), clips(30, 2)
    second[:10] = first[5:15]
    second[10] = first[5]
    labels = np.arange(40) % 4, np.arange(30) % 4
    labels[1][:11] = [*labels[0][5:15], labels[0][5]]
    labels[1][3] += 1
    for name, x, y in zip("ab", (first, second), labels, strict=True):
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    target = tmp_path / "out" / "joined.npz"
    counts = keywords.join.join([tmp_path / "a.npz", tmp_path / "b.npz"], target)
    with np.load(target) as found:
        train = {
            x.tobytes(): int(y) for x, y in zip(found["x_train"], found["y_train"], strict=True)
        }
        test = {x.tobytes(): int(y) for x, y in zip(found["x_test"], found["y_test"], strict=True)}
        assert found["classes"].tolist() == list(keywords.join.WORDS)
    assert counts == (len(train), len(test))
    assert len(train) + len(test) == 40 + 19 - 1
    assert not set(train) & set(test)
    assert first[8].tobytes() not in train | test
    known = {x.tobytes(): int(y) for x, y in zip(first, labels[0], strict=True)}
    assert all(known[clip] == y for clip, y in (train | test).items() if clip in known)


def test_other_words_become_unknown_and_do_not_prevail(keywords: SimpleNamespace) -> None:
    random = np.random.default_rng(4)
    labels = random.permutation(np.repeat(np.arange(21), [30] * 10 + [12] * 11))
    kept, new = keywords.join.chosen_words(labels, ("yes", "seven"), 5)
    names = np.array(keywords.join.WORDS)[labels[kept]]
    assert np.bincount(new).tolist() == [30, 12, 30]
    assert set(names[new == 0]) == {"yes"}
    assert set(names[new == 1]) == {"seven"}
    assert not {"yes", "seven"} & set(names[new == 2])
    assert (np.diff(kept) > 0).all()
    assert len(set(names[new == 2])) > 8


def test_the_test_is_the_same_whatever_words_are_chosen(
    keywords: SimpleNamespace, tmp_path: Path
) -> None:
    """What a network of all words has learned from is in no test of some words."""
    np.savez(tmp_path / "a.npz", x=clips(120, 1), y=np.arange(120) % 21)
    source, words = [tmp_path / "a.npz"], ("yes", "no")
    keywords.join.join(source, tmp_path / "all.npz")
    keywords.join.join(source, tmp_path / "words.npz", words)
    counts = keywords.join.join(source, tmp_path / "only.npz", words, unknown=False)
    parts = {}
    for name in ("all", "words", "only"):
        with np.load(tmp_path / f"{name}.npz") as found:
            parts[name] = tuple({x.tobytes() for x in found[f"x_{p}"]} for p in ("train", "test"))
            classes = found["classes"].tolist()
            if name == "only":
                assert classes == ["yes", "no"]
                assert np.bincount(found["y_train"]).tolist() == [5, 5]
    assert counts == (10, 2)
    for name in ("words", "only"):
        assert parts[name][0] <= parts["all"][0]
        assert parts[name][1] <= parts["all"][1]
    assert len(parts["words"][1]) > len(parts["only"][1]) > 0


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_every_word_is_divided_alike(keywords: SimpleNamespace, share: float) -> None:
    labels = np.repeat(np.arange(5), [10, 20, 30, 40, 50])
    test = keywords.join.divided(labels, share, 3)
    found = np.bincount(labels[test], minlength=5)
    assert found.tolist() == [round(share * n) for n in (10, 20, 30, 40, 50)]
    assert np.array_equal(test, keywords.join.divided(labels, share, 3))
    assert not np.array_equal(test, keywords.join.divided(labels, share, 4))


def test_the_sample_is_what_the_script_says(keywords: SimpleNamespace) -> None:
    """Another processor may round a sine otherwise: by one step at most."""
    sound = keywords.say.spoken(keywords.say.YES)
    with np.load(keywords.folder / "sample.npz") as found:
        (stored,) = found["x"]
    assert stored.dtype == np.int8
    made = keywords.say.features(sound)
    assert np.abs(made.astype(int) - stored).max() <= 1
    with wave.open(str(keywords.folder / "sample.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert heard.shape == (16_384,)
    assert np.abs(heard / 32768 - sound).max() < 1e-4
    assert np.array_equal(stored[:, 70], made[:, 70])
    assert stored[5, 70] == pytest.approx(128 * sound[70 * 128 + 5], abs=0.51)


def test_a_resonance_rings_at_its_frequency(keywords: SimpleNamespace) -> None:
    knock = np.zeros(4096)
    knock[0] = 1.0
    rung = keywords.say.resonance(knock, np.full(4096, 1500.0), 60.0)
    spectrum = np.abs(np.fft.rfft(rung))
    assert np.fft.rfftfreq(4096, 1 / 16_000)[spectrum.argmax()] == pytest.approx(1500, abs=8)


@pytest.mark.shared
def test_a_network_trained_elsewhere_hears_the_word(
    keywords: SimpleNamespace, shared: Path
) -> None:
    """94 % of real clips are right for it; it has never heard this voice."""
    import onnxruntime

    session = onnxruntime.InferenceSession(shared / "models" / "kws20_v3.onnx")
    with np.load(keywords.folder / "sample.npz") as found:
        x = found["x"].astype(np.float32) / 128
    (logits,) = session.run(None, {session.get_inputs()[0].name: x})
    assert keywords.join.WORDS[int(logits[0].argmax())] == "yes"
    assert np.sort(logits[0])[-1] > np.sort(logits[0])[-2] + 3
