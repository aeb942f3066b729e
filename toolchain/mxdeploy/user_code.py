"""C files of the user's own, which take the place of the generated application."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mxdeploy.errors import Diagnostic, UsageError

SUFFIXES = (".c", ".h", ".S")
MAX_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def read_user_code(paths: Sequence[Path]) -> tuple[tuple[str, bytes], ...]:
    """Name and content of each file, in the order of their names.

    Raises:
        UsageError: a file cannot be read, is no C file, or two have the same name (all faults
            together).
    """
    faults: list[Diagnostic] = []
    files: dict[str, bytes] = {}
    for path in paths:
        problem = _problem(path, files)
        if problem is not None:
            faults.append(problem)
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            faults.append(_unreadable(path, str(error.strerror or error)))
            continue
        if len(content) > MAX_BYTES:
            faults.append(_unreadable(path, f"it is larger than {MAX_BYTES} bytes"))
            continue
        files[path.name] = content.replace(b"\r\n", b"\n")
    if paths and not faults and not any(name.endswith(".c") for name in files):
        faults.append(_no_source(paths[0]))
    if faults:
        raise UsageError(faults)
    return tuple(sorted(files.items()))


def _problem(path: Path, seen: dict[str, bytes]) -> Diagnostic | None:
    if path.suffix not in SUFFIXES or not _NAME.fullmatch(path.name):
        return Diagnostic(
            code="MX8210",
            where=str(path),
            what="is not taken for a C file",
            why=f"names end in {', '.join(SUFFIXES)} and hold letters, digits, _, -, + and dots",
            fix="rename the file",
        )
    if path.name in seen:
        return Diagnostic(
            code="MX8211",
            where=str(path),
            what=f"is the second file called {path.name}",
            why="all of them are put in one folder",
            fix="rename one of them",
        )
    return None


def _unreadable(path: Path, reason: str) -> Diagnostic:
    return Diagnostic(
        code="MX8212", where=str(path), what=f"cannot be read: {reason}", fix="check --app"
    )


def _no_source(path: Path) -> Diagnostic:
    return Diagnostic(
        code="MX8213",
        where=str(path),
        what="there is no .c file among the files of --app",
        why="they replace the generated main(), so one of them must define it",
        fix="name the file with main() as well",
    )
