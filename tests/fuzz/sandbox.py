"""What ``mxdeploy check`` does with a damaged file, in a process of its own with limits."""

from __future__ import annotations

import functools
import gc
import os
import resource
import select
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.command import call
from tests.fuzz.mutant import Mutant, base

SECONDS = 10
"""Processor time of a check; how long that takes depends on what else the machine does."""

PATIENCE = 120.0
"""Seconds until a check that waits for something is given up."""

MEMORY = 2 << 30
"""Bytes that a check may take on top of what the libraries take when they are loaded."""

Check = Callable[[Path], tuple[int, str]]
"""Gives an exit status, and the codes of the findings or what went wrong."""

_GOOD = (0, 2, 3)
"""Exit status: it fits; unreadable file; model not supported."""


@dataclass(frozen=True)
class Outcome:
    """How a check ended: its exit status, the codes of its findings, its processor time."""

    status: int
    codes: tuple[str, ...]
    seconds: float


class BadEndError(AssertionError):
    """A check ended as no check may end."""


def attempt(mutant: Mutant) -> Outcome:
    """Check a mutant.

    Raises:
        BadEndError: a traceback, another exit status, a signal, too long, too much memory.
    """
    _load_libraries()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = _files(folder, mutant.content())
        return watch(path, _verdict)


@functools.cache
def _load_libraries() -> None:
    """Check a good model here, so that no child has to import everything anew."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "good.onnx")
        path.write_bytes(base("plain"))
        status, text = _verdict(path)
    if status != 0:
        raise AssertionError(f"the undamaged model is refused: {text}")
    gc.collect()
    gc.freeze()  # what is there already is not touched, and not copied, in every child


def _files(folder: Path, content: bytes) -> Path:
    """The model in a folder with data that tensors may name, and others that they may not."""
    inside = folder / "model"
    (inside / "deep").mkdir(parents=True)
    (folder / "secret.bin").write_bytes(bytes(4096))
    (inside / "data.bin").write_bytes(bytes(4096))
    (inside / "link.bin").symlink_to(folder / "secret.bin")
    os.mkfifo(inside / "pipe.bin")
    path = inside / "net.onnx"
    path.write_bytes(content)
    return path


def watch(path: Path, check: Check, patience: float = PATIENCE) -> Outcome:
    """Fork, check, and collect: text through a pipe, and what the system counted.

    Raises:
        BadEndError: a traceback, another exit status, a signal, too long, too much memory.
    """
    begin = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(path, check, writing)
    os.close(writing)
    try:
        text = b"".join(_chunks(reading, begin + patience)).decode(errors="replace")
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        raise BadEndError(f"still running after {patience:.0f} s") from None
    finally:
        os.close(reading)
        _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in _GOOD:
        end = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise BadEndError(f"{end}\n{text}")
    return Outcome(code, tuple(text.split()), usage.ru_utime + usage.ru_stime)


def _chunks(pipe: int, end: float) -> Iterator[bytes]:
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError
        chunk = os.read(pipe, 65536)
        if not chunk:
            return
        yield chunk


def _child(path: Path, check: Check, pipe: int) -> NoReturn:
    """Check under limits and leave, whatever happens."""
    status = 1
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        try:
            status, text = check(path)
        except BaseException:  # noqa: BLE001 - whatever it is, the parent reports it
            text = traceback.format_exc()
        with open(pipe, "wb", closefd=False) as out:
            out.write(text.encode(errors="replace"))
    finally:
        os._exit(status)


def _verdict(path: Path) -> tuple[int, str]:
    """Exit status, and the codes of the findings, or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ran = call("check", path, "--json", "-v")
    findings = [d for d in ran.document["diagnostics"] if d["severity"] == "error"]
    if ran.exit_code not in _GOOD or bool(findings) != (ran.exit_code != 0) or ran.err:
        words = [f"{d['code']} {d['where']}: {d['what']}" for d in findings]
        return 1, "\n".join([f"exit status {ran.exit_code}", *words, ran.err])
    if not all(d["code"] and d["where"] and d["what"] and d["fix"] for d in findings):
        return 1, ran.out
    return ran.exit_code, " ".join(d["code"] for d in findings)
