"""The build folder: how a build is written (all of it, or nothing) and read back.

| file | content |
|---|---|
| ``build.json`` | name, digests, board, classes, how data are scaled |
| ``model.onnx`` | the user's model, as it was |
| ``integer.onnx`` | the integer network, runs on any onnxruntime |
| ``plan.npz`` | integer network and placement, read by ``emulate`` and ``evaluate`` |
| ``map.json`` | the placement, to be edited and built again with ``--map`` |
| ``*.txt`` | the artefacts between the stages, for people |
| ``sample.npz`` | input and expected outputs of the known-answer test |
| ``firmware/`` | the C project |
| ``<name>.elf .bin .hex .srec`` | the firmware image, when a compiler was there |
| ``report.html`` | the report as a page: tables and pictures |
| ``report.json`` | the same for programs |
| ``timing.json`` | seconds per stage; the only file that differs between two equal builds |
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from mxdeploy.data import Layout, Scale
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.files import complete_file
from mxdeploy.ir import archive
from mxdeploy.ir.plan import Plan

BUILD_FILE = "build.json"
MODEL_FILE = "model.onnx"
INTEGER_FILE = "integer.onnx"
PLAN_FILE = "plan.npz"
MAP_FILE = "map.json"
SAMPLE_FILE = "sample.npz"
REPORT_FILE = "report.json"
PAGE_FILE = "report.html"
TIMING_FILE = "timing.json"
FIRMWARE_FOLDER = "firmware"


class BuildInfo(BaseModel):
    """Content of ``build.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    tool_version: str
    name: str
    board: str
    source_digest: str
    network_digest: str
    program_digest: str
    project_digest: str
    classes: tuple[str, ...]
    layout: Layout
    scale: Scale
    rate: int | None = None

    def to_bytes(self) -> bytes:
        """As written to the file."""
        return (self.model_dump_json(indent=2) + "\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFolder:
    """A finished build on disk."""

    path: Path
    info: BuildInfo
    plan: Plan

    @property
    def model(self) -> Path:
        """The user's model."""
        return self.path / MODEL_FILE

    @property
    def integer_model(self) -> bytes:
        """Content of ``integer.onnx``."""
        return (self.path / INTEGER_FILE).read_bytes()

    @property
    def sample_input(self) -> NDArray[np.int8]:
        """Input of the known-answer test, int8 (C, H, W).

        Raises:
            UsageError: the file is missing or damaged.
        """
        file = self.path / SAMPLE_FILE
        try:
            with file.open("rb") as stream:
                return np.asarray(np.load(stream, allow_pickle=False)["input"], dtype=np.int8)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UsageError(
                Diagnostic(
                    code="MX8048",
                    where=str(file),
                    what=f"cannot be read: {error}",
                    fix="build the model again, or name an input with --input",
                )
            ) from error

    @property
    def elf(self) -> Path:
        """The firmware image (may be missing)."""
        return self.path / f"{self.info.name}.elf"


def open_build(path: Path) -> BuildFolder:
    """Read a finished build.

    Raises:
        UsageError: the folder is not a build, or is damaged.
    """
    file = path / BUILD_FILE
    if not file.is_file():
        raise UsageError(
            Diagnostic(
                code="MX8040",
                where=str(path),
                what="is not a build folder" if path.exists() else "does not exist",
                why=f"a finished build holds {BUILD_FILE}",
                fix=f"mxdeploy build MODEL.onnx -o {path}",
            )
        )
    try:
        info = BuildInfo.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        raise UsageError(
            Diagnostic(
                code="MX8041",
                where=str(file),
                what=f"cannot be read: {error}",
                fix="build the model again",
            )
        ) from error
    plan = archive.load(path / PLAN_FILE)
    if not isinstance(plan, Plan) or plan.network.digest != info.network_digest:
        raise UsageError(
            Diagnostic(
                code="MX8042",
                where=str(path / PLAN_FILE),
                what=f"does not belong to {BUILD_FILE}",
                fix="build the model again",
            )
        )
    return BuildFolder(path=path, info=info, plan=plan)


def check_target(target: Path, *, force: bool, marker: str = BUILD_FILE) -> None:
    """Refuse early what ``write_build`` would refuse late.

    Args:
        target: the folder to write.
        force: replace what was written there before.
        marker: the file by which that is known.

    Raises:
        UsageError: the folder exists (without ``force``), is not a build, or cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(
            Diagnostic(
                code="MX8043",
                where=str(target),
                what="exists and is not a folder",
                fix="choose another folder with -o",
            )
        )
    occupied = target.is_dir() and any(target.iterdir())
    if occupied and not force:
        raise UsageError(
            Diagnostic(
                code="MX8044",
                where=str(target),
                what="exists",
                why="a build never overwrites what is there without being told",
                fix="choose another folder with -o, or say --force",
            )
        )
    if occupied and not (target / marker).is_file():
        raise UsageError(
            Diagnostic(
                code="MX8045",
                where=str(target),
                what=f"holds files but no {marker}",
                why="--force replaces what was written before, it does not delete other folders",
                fix="choose another folder with -o, or remove it yourself",
            )
        )
    _check_writable(target)


def _check_writable(target: Path) -> None:
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(
            Diagnostic(
                code="MX8046",
                where=str(target),
                what=f"cannot be written: no permission in {parent}",
                fix="choose another folder with -o",
            )
        )


def write_build(target: Path, files: Mapping[str, bytes]) -> None:
    """Write all files to a temporary folder beside ``target``, then put it in place.

    A build that was there before (``check_target`` allowed it) is replaced; when anything fails,
    it stays as it was and nothing half-written is left.

    Raises:
        UsageError: the file system refuses (permission, full disk).
    """
    target = target.absolute()
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        for name, content in files.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        _replace(partial, target)
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX8047",
                where=str(target),
                what=f"cannot be written: {error.strerror or error}",
                fix="free some space or choose another folder with -o",
            )
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_file(target: Path, content: bytes) -> None:
    """Write one file under a temporary name, then put it in place.

    Raises:
        UsageError: the file system refuses.
    """
    try:
        with complete_file(target) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX8049",
                where=str(target),
                what=f"cannot be written: {error.strerror or error}",
                fix="free some space or choose another place"
                if target.absolute().parent.is_dir()
                else f"make the folder {target.parent} first",
            )
        ) from error


def _replace(partial: Path, target: Path) -> None:
    """Rename ``partial`` to ``target``; what was there is removed only after the rename."""
    if not target.exists():
        partial.rename(target)
        return
    old = target.with_name(f".{target.name}.replaced-{os.getpid()}")
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def to_json(document: object) -> bytes:
    """Stable JSON text."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
