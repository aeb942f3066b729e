"""Compiled objects by the content that determines them: board support compiles once per machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

from mxdeploy.ir.project import Project
from mxdeploy.stages.s7_compile.compilers import Compiler

_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_FOLDERS = ("src", "bsp")
_MAX_OBJECTS = 512


def default_cache() -> Path:
    """The user's cache folder for mxdeploy, by the custom of the platform."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mxdeploy"


def usable_cache(wanted: Path, folder: Path) -> Path:
    """``wanted``, or a place in ``folder`` when that cannot be written (a read-only home)."""
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return folder / ".cache"
    return wanted if os.access(wanted, os.W_OK) else folder / ".cache"


def object_key(
    project: Project, source: str, compiler: Compiler, flags: tuple[str, ...]
) -> str | None:
    """SHA-256 over everything an object depends on; None when that is not known.

    Known are quoted includes of the project's own headers; assembler sources also read binaries.
    """
    if not source.endswith(".c"):
        return None
    files = dict(project.files)
    state = hashlib.sha256()
    for part in (compiler.version, *compiler.compile_command, *flags, source):
        state.update(part.encode() + b"\0")
    for path in sorted(_closure(files, source)):
        state.update(path.encode() + b"\0" + hashlib.sha256(files[path]).digest())
    return state.hexdigest()


def _closure(files: dict[str, bytes], source: str) -> set[str]:
    found, queue = {source}, [source]
    while queue:
        for name in _INCLUDE.findall(files[queue.pop()]):
            candidates = (f"{folder}/{name.decode()}" for folder in _FOLDERS)
            path = next((c for c in candidates if c in files), None)
            if path is not None and path not in found:
                found.add(path)
                queue.append(path)
    return found


class ObjectCache:
    """A folder of objects; a missing, full or read-only folder only costs time."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder`` (made when needed)."""
        self._folder = folder

    def get(self, key: str | None) -> bytes | None:
        """The object, if it is there."""
        if key is None:
            return None
        try:
            return (self._folder / f"{key}.o").read_bytes()
        except OSError:
            return None

    def put(self, key: str | None, content: bytes) -> None:
        """Keep an object; readers never see half of it."""
        if key is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(self._folder / f"{key}.o")

    def prune(self) -> None:
        """Forget the oldest objects beyond a few hundred."""
        with contextlib.suppress(OSError):
            objects = sorted(self._folder.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
            for path in objects[_MAX_OBJECTS:]:
                path.unlink()
