"""The result folder of a training: may it be written, and what is left in it of another one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mxdeploy.errors import Diagnostic, MxdeployError, UsageError
from mxdeploy.training.aware import AWARE_FILE, QUANTIZED_FILE
from mxdeploy.training.report import COMPARISON_FILE, CURVES_FILE, PAGE_FILE
from mxdeploy.training.request import RECIPE_FILE, TrainRequest, stored_request, variants
from mxdeploy.training.result import BEST_FILE, HISTORY_FILE, LAST_FILE, MODEL_FILE

_MODELS = (MODEL_FILE, QUANTIZED_FILE)
START_FILE = "start.ckpt"
"""A copy of the checkpoint that a training begins with: what is there under its name may change."""
_FILES = (
    *(START_FILE, BEST_FILE, LAST_FILE, AWARE_FILE, HISTORY_FILE),
    *(CURVES_FILE, COMPARISON_FILE, PAGE_FILE),
    *_MODELS,
    *(str(Path(name).with_suffix(".toml")) for name in _MODELS),
)
"""What a training writes, beside its recipe."""


def check_folder(request: TrainRequest) -> None:
    """Whether the folder is as the request says.

    Raises:
        UsageError: it holds a training that nobody wants to lose, or none to go on with.
    """
    there = (request.out / RECIPE_FILE).exists()
    if there and not (request.resume or request.force):
        raise UsageError(
            Diagnostic(
                code="MX0061",
                where=str(request.out),
                what="holds a training",
                why="a training never overwrites another without being told",
                fix="--resume goes on with it, --force begins again, --out takes another folder",
            )
        )
    if request.resume and not there:
        raise UsageError(
            Diagnostic(
                code="MX0062",
                where=str(request.out),
                what="holds no training to go on with",
                fix="leave --resume away, or name the folder with --out",
            )
        )


def make_folder(path: Path) -> None:
    """Make it, if it is not there.

    Raises:
        UsageError: the file system refuses.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX0066",
                where=str(path),
                what=f"cannot be made: {error.strerror or error}",
                fix="choose another folder with --out",
            )
        ) from error


def left_behind(out: Path, start: Path | None) -> list[Path]:
    """What another training wrote: files, and behind them the folders that were made for them.

    Its checkpoints would be taken for those of a new one when that is resumed, its pictures for
    results of the new one.

    Args:
        out: result folder.
        start: what the new one begins with, which may be one of these files and stays.
    """
    try:
        names = {name for name, _ in variants(stored_request(out))} - {""}
    except MxdeployError:  # no training is there, or one of another version
        names = set()
    kept = None if start is None else start.resolve()
    files = [folder / name for folder in (out, *(out / n for n in names)) for name in _FILES]
    folders = {p for name in names for p in (out / name, *(out / name).parents) if out in p.parents}
    return [
        *(file for file in files if file.resolve() != kept),
        *sorted(folders, key=lambda folder: -len(folder.parts)),
    ]


def first_weights(request: TrainRequest) -> Path | None:
    """The checkpoint that a training begins with; where one goes on, its own copy."""
    copy = request.out / START_FILE
    if request.resume and copy.exists():
        return copy
    return None if request.tunes else request.start


def clear(found: list[Path]) -> None:
    """Remove files, and folders with nothing else in them."""
    for path in found:
        with suppress(OSError):  # who writes the new ones will tell
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
