"""Which virtual boards run on this machine, so that a port tells a virtual board from a real one.

Every running board has a small JSON file in a folder that only this user can use. The file appears
complete and disappears with the board; what a killed board left behind is removed by whoever
looks next.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.files import complete_file

SCHEMA = "mxdeploy-board/1"
PRIVATE_FOLDER = 0o700
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_SOCKET = re.compile(r"socket://(?P<host>[^/?#]+):(?P<port>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBoard:
    """A virtual board that runs now.

    Attributes:
        board: name of the board, as on the command line.
        port: its serial port: a device path or ``socket://localhost:PORT``.
        control: its control port, ``socket://localhost:PORT``; see ``link.control``.
        pid: number of its process.
    """

    board: str
    port: str
    control: str
    pid: int


@contextmanager
def announce(*, board: str, port: str, control: str) -> Iterator[RunningBoard]:
    """Make a board of this process known for as long as the context lasts.

    Args:
        board: name of the board.
        port: serial port, as users name it.
        control: URL of the control port.

    Raises:
        DeviceError: the folder of running boards cannot be used.
    """
    entry = RunningBoard(board=board, port=port, control=control, pid=os.getpid())
    folder = _folder(create=True)
    path = folder / f"{entry.pid}-{secrets.token_hex(4)}.json"
    try:
        with complete_file(path) as partial:
            partial.write_text(json.dumps({"schema": SCHEMA, **asdict(entry)}), encoding="utf-8")
    except OSError as error:
        raise DeviceError(_cannot_announce(path, error)) from error
    try:
        yield entry
    finally:
        path.unlink(missing_ok=True)


def find(port_url: str) -> RunningBoard | None:
    """The virtual board behind this port; None when it is something else.

    Links to a device and the names of this machine count as the same port.

    Raises:
        DeviceError: the folder of running boards belongs to somebody else.
    """
    wanted = _canonical(port_url)
    return next((board for board in running() if _canonical(board.port) == wanted), None)


def running() -> list[RunningBoard]:
    """All virtual boards of this user that run now, by process number.

    Raises:
        DeviceError: the folder of running boards belongs to somebody else.
    """
    folder = _folder(create=False)
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        owner = path.name.partition("-")[0]
        if not owner.isdecimal():
            continue
        if not _alive(int(owner)):
            path.unlink(missing_ok=True)  # also what a killed board had only half written
        elif path.suffix == ".json" and (entry := _read(path)) is not None:
            found.append(entry)
    return sorted(found, key=lambda entry: (entry.pid, entry.port))


def _read(path: Path) -> RunningBoard | None:
    """None for what another version wrote, or what has just gone."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("schema") != SCHEMA:
            return None
        entry = RunningBoard(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    texts = (entry.board, entry.port, entry.control)
    return entry if all(isinstance(text, str) for text in texts) else None


def _folder(*, create: bool) -> Path:
    """The folder of this user; refused when others could have put files there."""
    owner = "" if sys.platform == "win32" else f"-{os.getuid()}"
    folder = Path(tempfile.gettempdir()) / f"mxdeploy-boards{owner}"
    try:
        if create:
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not create:
            return folder
        raise DeviceError(_folder_unusable(folder, str(error.strerror))) from error
    if not stat.S_ISDIR(status.st_mode):
        raise DeviceError(_folder_unusable(folder, "it is not a folder"))
    if sys.platform != "win32":
        if status.st_uid != os.getuid():
            raise DeviceError(_folder_unusable(folder, "it belongs to another user"))
        if status.st_mode & 0o077:
            raise DeviceError(_folder_unusable(folder, "other users have access to it"))
    return folder


def _alive(pid: int) -> bool:
    """Whether a process of this number runs."""
    if sys.platform == "win32":
        import ctypes

        query = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
        handle = ctypes.windll.kernel32.OpenProcess(query, 0, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _canonical(url: str) -> str:
    """One name for one port."""
    match = _SOCKET.match(url)
    if match is not None:
        host = match["host"].lower()
        return f"socket://{'localhost' if host in _LOCAL_NAMES else host}:{int(match['port'])}"
    if "://" in url or not url.startswith(("/", ".")):
        return url
    return os.path.realpath(url)


def _folder_unusable(folder: Path, reason: str) -> Diagnostic:
    return Diagnostic(
        code="MX7300",
        where=str(folder),
        what=f"the folder of running virtual boards cannot be used: {reason}",
        why="only its owner may write there: a file in it decides what a port is taken for",
        fix="remove it, or set TMPDIR to a folder of your own",
    )


def _cannot_announce(path: Path, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7301",
        where=str(path),
        what=f"the virtual board cannot be made known: {error.strerror}",
        fix="make room there, or set TMPDIR to another folder",
    )
