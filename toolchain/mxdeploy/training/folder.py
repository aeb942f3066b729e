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
_FILES = (
    *(RECIPE_FILE, BEST_FILE, LAST_FILE, AWARE_FILE, HISTORY_FILE),
    *(CURVES_FILE, COMPARISON_FILE, PAGE_FILE),
    *_MODELS,
    *(str(Path(name).with_suffix(".toml")) for name in _MODELS),
)
"""What a training writes."""


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


def clear(out: Path, start: Path | None) -> None:
    """Remove what another training wrote, and nothing else.

    Its checkpoints would be taken for those of the new one when that is resumed, its pictures for
    results of the new one.

    Args:
        out: result folder.
        start: what the new one begins with, which may be one of these files and stays.
    """
    kept = None if start is None else start.resolve()
    try:
        names = {name for name, _ in variants(stored_request(out))}
    except MxdeployError:  # no training is there, or one of another version
        names = set()
    for folder in [out, *(out / name for name in names)]:
        for file in (folder / name for name in _FILES):
            if file.resolve() != kept:
                with suppress(OSError):  # who writes the new one will tell
                    file.unlink()
    for name in names - {""}:
        _remove_empty(out / name, out)


def _remove_empty(folder: Path, out: Path) -> None:
    """The folder and those above it, as far as nothing of the user's is in them."""
    while folder != out:
        with suppress(OSError):
            folder.rmdir()
        folder = folder.parent
