"""Join files of keyword clips, drop clips that are there twice, and divide into train and test.

    python join.py kws20_small.npz kws20_test.npz build/keywords.npz
    python join.py kws20_small.npz kws20_test.npz build/directions.npz --only up,down,left,right

Each file holds ``x``, int8 (n, 128, 128): a second of sound at 16 kHz, sample i in channel
i mod 128, row i // 128; and ``y``, the number of the word. A clip that is in both files must not
be learned from and measured with, so equal clips are counted once, before anything is divided.
What is for the test does not depend on the words that are chosen: a network that has learned all
words may go on with some of them.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

Clips = npt.NDArray[np.int8]
Labels = npt.NDArray[np.int64]

WORDS = (
    "up", "down", "left", "right", "stop", "go", "yes", "no", "on", "off", "one", "two", "three",
    "four", "five", "six", "seven", "eight", "nine", "zero", "unknown",
)  # fmt: skip
UNKNOWN = "unknown"
TEST = 0.2
SEED = 1


def distinct(clips: Clips, labels: Labels) -> tuple[Clips, Labels]:
    """Each clip once, at its first place; clips that are there with two labels not at all.

    Args:
        clips: (n, channels, length).
        labels: (n,).
    """
    seen: dict[bytes, list[int]] = {}
    for number, clip in enumerate(clips):
        digest = hashlib.sha256(np.ascontiguousarray(clip).tobytes()).digest()
        seen.setdefault(digest, []).append(number)
    kept = [same[0] for same in seen.values() if len(set(labels[same].tolist())) == 1]
    return clips[kept], labels[kept]


def chosen_words(
    labels: Labels, words: tuple[str, ...], seed: int, *, unknown: bool = True
) -> tuple[Labels, Labels]:
    """Which clips stay when only some words count, and their new labels.

    Args:
        labels: (n,), places in ``WORDS``.
        words: some of ``WORDS``.
        seed: decides which of the others stay.
        unknown: what is none of the words is ``unknown``, the last new label; as many clips as the
            most frequent word has. False: none of them stays.

    Returns:
        Places of the clips that stay, in their order, and the label of each.
    """
    new = np.full(len(labels), len(words), dtype=np.int64)
    for place, word in enumerate(words):
        new[labels == WORDS.index(word)] = place
    others = np.flatnonzero(new == len(words))
    most = np.bincount(new, minlength=len(words) + 1)[: len(words)].max()
    drawn = np.random.default_rng(seed).permutation(others)[: most if unknown else 0]
    kept = np.sort(np.concatenate([np.flatnonzero(new < len(words)), drawn]))
    return kept, new[kept]


def divided(labels: Labels, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which clips are for the test: the same share of every word, drawn with the seed."""
    random = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        test[places[: round(share * len(places))]] = True
    return test


def join(
    files: list[Path],
    target: Path,
    words: tuple[str, ...] = (),
    *,
    unknown: bool = True,
    seed: int = SEED,
) -> tuple[int, int]:
    """Write ``target``; the numbers of clips for training and for the test.

    Args:
        files: with ``x`` and ``y``.
        target: where ``x_train``, ``y_train``, ``x_test``, ``y_test`` and ``classes`` go.
        words: the only ones that count; all without any.
        unknown: whether others become ``unknown``, or are left out.
        seed: decides which clips are for the test.
    """
    parts = [np.load(file, allow_pickle=False) for file in files]
    clips = np.concatenate([part["x"] for part in parts])
    labels = np.concatenate([part["y"] for part in parts]).astype(np.int64)
    clips, labels = distinct(clips, labels)
    test = divided(labels, TEST, seed)
    names = WORDS
    if words:
        names = (*words, UNKNOWN) if unknown else words
        kept, labels = chosen_words(labels, words, seed, unknown=unknown)
        clips, test = clips[kept], test[kept]
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        target,
        x_train=clips[~test],
        y_train=labels[~test],
        x_test=clips[test],
        y_test=labels[test],
        classes=np.array(names),
    )
    return int((~test).sum()), int(test.sum())


def main() -> None:
    """Read the command line and join."""
    parser = argparse.ArgumentParser(description="Join files of keyword clips.")
    parser.add_argument("files", type=Path, nargs="+", help="files with x and y")
    parser.add_argument("target", type=Path, help="where x_train, x_test and labels go")
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--words", default="", help="these, as yes,no; others become unknown")
    some.add_argument("--only", default="", help="these, as yes,no; others are left out")
    parser.add_argument("--seed", type=int, default=SEED, help="decides what is for the test")
    chosen = parser.parse_args()
    words = tuple(word for word in (chosen.words or chosen.only).split(",") if word)
    if not set(words) <= set(WORDS[:-1]):
        parser.error(f"words are some of {', '.join(WORDS[:-1])}")
    train, test = join(
        chosen.files, chosen.target, words, unknown=not chosen.only, seed=chosen.seed
    )
    print(f"{train} clips to learn from and {test} to measure with in {chosen.target}")


if __name__ == "__main__":
    main()
