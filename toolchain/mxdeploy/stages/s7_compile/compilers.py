"""The C compilers mxdeploy can use, and how to find them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mxdeploy.stages.s7_compile.diagnostics import unknown_compiler

GCC = "arm-none-eabi-gcc"
_KEPT = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LOCALAPPDATA", "USERPROFILE")
"""Variables a compiler needs; others (CPATH, GCC_*) would change what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """A C compiler for the Arm core.

    Attributes:
        name: ``gcc`` or ``zig``; also the name of its flag files in the project.
        version: its version in words.
        compile_command: what starts a compilation, before the flags.
        link_command: what starts the linker, before the flags.
    """

    name: str
    version: str
    compile_command: tuple[str, ...]
    link_command: tuple[str, ...]

    def directory_flags(self, folder: Path) -> tuple[str, ...]:
        """Flags that keep the folder's name out of the debug information."""
        if self.name == "gcc":
            return (f"-ffile-prefix-map={folder}=.",)
        return ("-ffile-compilation-dir=.",)

    def environment(self, cache: Path, folder: Path) -> dict[str, str]:
        """Variables for the compiler's process.

        zig keeps what serves every program below ``cache`` and its objects in ``folder``: it does
        not know that an assembler source reads another file, and would hand out stale ones.
        """
        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        return kept | {
            "LC_ALL": "C",
            "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"),
            "ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache"),
        }


def find_compiler(name: str = "auto") -> Compiler | None:
    """The compiler called ``gcc`` or ``zig``; ``auto`` takes gcc if it is there, else zig.

    Returns:
        None when it is not installed.

    Raises:
        UsageError: there is no back-end of this name.
    """
    finders: dict[str, Callable[[], Compiler | None]] = {
        "auto": lambda: _find_gcc() or _find_zig(),
        "gcc": _find_gcc,
        "zig": _find_zig,
    }
    if name not in finders:
        raise unknown_compiler(name, tuple(finders))
    return finders[name]()


def _find_gcc() -> Compiler | None:
    path = shutil.which(GCC)
    if path is None:
        return None
    version = _output((path, "-dumpfullversion"))
    if version is None:
        return None
    return Compiler(
        name="gcc", version=f"{GCC} {version}", compile_command=(path,), link_command=(path,)
    )


def _find_zig() -> Compiler | None:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or not spec.submodule_search_locations:
        return None
    program = Path(spec.submodule_search_locations[0]) / ("zig.exe" if os.name == "nt" else "zig")
    # Starting the program itself saves the start of a second Python.
    zig = (str(program),) if program.is_file() else (sys.executable, "-m", "ziglang")
    version = _output((*zig, "version"))
    if version is None:
        return None
    return Compiler(
        name="zig",
        version=f"zig cc {version}",
        compile_command=(*zig, "cc"),
        link_command=(*zig, "ld.lld"),
    )


def _output(command: tuple[str, ...]) -> str | None:
    """First line of a command's output; None when it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().partition("\n")[0]
