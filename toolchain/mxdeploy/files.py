"""Files that are complete, or not there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(target: Path) -> Iterator[Path]:
    """A path to write to; at the end it is renamed to ``target``, after an error it is removed.

    Raises:
        OSError: the file system refuses, or ``target`` is there and is no file (renaming would
            put a file in the place of a device).
    """
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "it is there and is no regular file", str(target))
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
