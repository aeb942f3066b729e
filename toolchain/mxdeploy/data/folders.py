"""Folders of files: one folder per class, perhaps below folders for training and test."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.data.wish import Part, Wish
from mxdeploy.errors import Diagnostic

PART_OF: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "train",
    "valid": "train",
    "validation": "train",
    "test": "test",
    "testing": "test",
}
"""Names of folders above the class folders; examples for validation are chosen anew."""
TRAIN_NAMES = frozenset({"train", "training"})
CLUTTER = frozenset({"thumbs.db", "desktop.ini"})
"""What file managers leave behind."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderFiles:
    """Files with their classes.

    Attributes:
        root: the folder that was named.
        paths: the files, class by class, by name.
        labels: int64 (n,), or None where there are no class folders.
        classes: names of the class folders, in order.
        problems: files that were left out.
    """

    root: Path
    paths: tuple[Path, ...]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    problems: tuple[Diagnostic, ...]

    def name(self, path: Path) -> str:
        """As people know the file."""
        return findings.printable(path.relative_to(self.root).as_posix())

    def examples(
        self, loaded: Sequence[NDArray[Any] | Diagnostic], found: Iterable[Diagnostic], kind: str
    ) -> Examples:
        """What could be read; the rest is listed and left out.

        Args:
            loaded: an array of each file, all of one shape and type, or why there is none.
            found: what was noticed before files were read.
            kind: of examples, for people.

        Raises:
            UsageError: no file could be read.
        """
        good = [i for i, one in enumerate(loaded) if not isinstance(one, Diagnostic)]
        left = [one for one in loaded if isinstance(one, Diagnostic)]
        problems = tuple(dict.fromkeys((*self.problems, *found, *left)))
        if not good:
            raise findings.nothing_usable(self.root, problems)
        return Examples(
            inputs=np.stack([one for one in loaded if not isinstance(one, Diagnostic)]),
            targets=None if self.labels is None else self.labels[good],
            classes=self.classes,
            names=tuple(self.name(self.paths[i]) for i in good),
            problems=problems,
            source=str(self.root),
            kind=kind,
        )


def suffixes_in(folder: Path) -> Counter[str]:
    """How many files there are of every suffix (in lower case), in all folders below."""
    return Counter(path.suffix.lower() for path in _below(folder))


def class_folders(root: Path, suffixes: Collection[str], wish: Wish) -> FolderFiles:
    """The files with one of ``suffixes`` in the class folders of ``root``, in a fixed order.

    Classes are in the order of their names, of their numbers where all names are numbers. Without
    class folders the files in ``root`` itself have no labels.

    Raises:
        UsageError: there is no such part.
    """
    tops = part_folders(root, wish.part)
    problems: list[Diagnostic] = []
    every = part_folders(root, None)  # the numbers of classes are those of all parts together
    names = {folder.name for top in every for folder in _folders(top)}
    left = sorted(name for name in names if name.startswith("_"))
    classes = _in_order(names.difference(left))
    problems += [_left_folder(root, name) for name in left]
    found: list[tuple[Path, int]] = []
    others: list[Path] = []
    for top in tops:
        loose = [p for p in sorted(top.iterdir()) if p.is_file() and p.suffix.lower() in suffixes]
        if classes:
            problems += [_unlabelled(path) for path in loose]
        else:
            found += [(path, 0) for path in loose]
        for label, name in enumerate(classes):
            for path in _below(top / name):
                if path.suffix.lower() in suffixes:
                    found.append((path, label))
                else:
                    others.append(path)
    found = _limited(sorted(found, key=lambda pair: pair[1]), len(classes), wish.limit)
    problems += _strangers(others)
    return FolderFiles(
        root=root,
        paths=tuple(path for path, _ in found),
        labels=np.array([label for _, label in found], dtype=np.int64) if classes else None,
        classes=tuple(map(findings.printable, classes)),
        problems=tuple(problems),
    )


def part_folders(root: Path, part: Part | None) -> list[Path]:
    """The folders that hold class folders: those of the part, or ``root`` itself.

    Raises:
        UsageError: there is no such part.
    """
    folders = _folders(root)
    names = {folder.name.lower() for folder in folders}
    if not names & TRAIN_NAMES or not names <= PART_OF.keys():
        if part == "test":
            raise findings.no_part(root, part)
        return [root]
    order = list(PART_OF)
    chosen = [f for f in folders if part in (None, PART_OF[f.name.lower()])]
    if not chosen and part is not None:
        raise findings.no_part(root, part)
    return sorted(chosen, key=lambda folder: order.index(folder.name.lower()))


def _folders(root: Path) -> list[Path]:
    return [p for p in sorted(root.iterdir()) if p.is_dir() and not p.name.startswith(".")]


def _below(folder: Path) -> Iterator[Path]:
    """All files below, by name, without hidden ones; links to folders are not followed."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            if not file.startswith(".") and file.lower() not in CLUTTER:
                yield Path(place) / file


def _in_order(names: Collection[str]) -> tuple[str, ...]:
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _limited(
    found: list[tuple[Path, int]], classes: int, limit: int | None
) -> list[tuple[Path, int]]:
    """At most ``limit`` files, about equally many of every class: the first of each."""
    if limit is None or len(found) <= limit:
        return found
    seen = [0] * max(classes, 1)
    rank = []
    for i, (_, label) in enumerate(found):
        rank.append((seen[label], i))
        seen[label] += 1
    return [found[i] for i in sorted(i for _, i in sorted(rank)[:limit])]


def _left_folder(root: Path, name: str) -> Diagnostic:
    return Diagnostic(
        code="MX8340",
        where=findings.printable(root / name),
        what="is not taken for a class",
        why="its name begins with an underscore, as that of the folder for background noise",
        fix="rename the folder, if it is a class",
        severity="note",
    )


def _unlabelled(path: Path) -> Diagnostic:
    return findings.problem(
        "MX8341",
        path,
        "has no label",
        "move it into the folder of its class",
        "it lies beside the class folders; it is left out",
    )


def _strangers(paths: list[Path]) -> list[Diagnostic]:
    """Files of another kind in class folders, one finding per suffix."""
    problems = []
    for suffix in sorted({path.suffix.lower() for path in paths}):
        here = [path for path in paths if path.suffix.lower() == suffix]
        problems.append(
            findings.problem(
                "MX8342",
                here[0],
                f"is not read, and {len(here) - 1} more with suffix '{suffix}'"
                if len(here) > 1
                else "is not read",
                "move it out of the class folder, or convert it",
                "the suffix is none of those that are known here",
            )
        )
    return problems
