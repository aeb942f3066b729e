"""Join files of keyword clips, drop clips that are there twice, and divide into train and test.

    python join.py kws20_small.npz kws20_test.npz build/keywords.npz

Each file holds ``x``, int8 (n, 128, 128): a second of sound at 16 kHz, sample i in channel
i mod 128, row i // 128; and ``y``, the number of the word. A clip that is in both files must not
be learned from and measured with, so equal clips are counted once, before anything is divided.
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


def divided(labels: Labels, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which clips are for the test: the same share of every word, drawn with the seed."""
    random = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        test[places[: round(share * len(places))]] = True
    return test


def join(files: list[Path], target: Path) -> tuple[int, int]:
    """Write ``target``; the numbers of clips for training and for the test."""
    parts = [np.load(file, allow_pickle=False) for file in files]
    clips = np.concatenate([part["x"] for part in parts])
    labels = np.concatenate([part["y"] for part in parts]).astype(np.int64)
    clips, labels = distinct(clips, labels)
    test = divided(labels, TEST, SEED)
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        target,
        x_train=clips[~test],
        y_train=labels[~test],
        x_test=clips[test],
        y_test=labels[test],
        classes=np.array(WORDS),
    )
    return int((~test).sum()), int(test.sum())


def main() -> None:
    """Read the command line and join."""
    parser = argparse.ArgumentParser(description="Join files of keyword clips.")
    parser.add_argument("files", type=Path, nargs="+", help="files with x and y")
    parser.add_argument("target", type=Path, help="where x_train, x_test and labels go")
    chosen = parser.parse_args()
    train, test = join(chosen.files, chosen.target)
    print(f"{train} clips to learn from and {test} to measure with in {chosen.target}")


if __name__ == "__main__":
    main()
