"""Tables of the generated documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(str(c).replace('|', chr(92) + '|') for c in r)} |" for r in rows]
    return "\n".join(lines) + "\n"
