"""Generated pages of the documentation: their tables, and the command that writes one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(str(c).replace('|', chr(92) + '|') for c in r)} |" for r in rows]
    return "\n".join(lines) + "\n"


def page_command(
    module: str, arguments: Sequence[str], text: Callable[[], str], place: Path
) -> int:
    """``python -m module [--write]``: the page to standard output, or to its place.

    Returns:
        The exit status: 0, or 2 for other arguments.
    """
    if list(arguments) == ["--write"]:
        place.write_text(text(), encoding="utf-8", newline="\n")
    elif arguments:
        sys.stderr.write(f"usage: python -m {module} [--write]\n")
        return 2
    else:
        sys.stdout.write(text())
    return 0
