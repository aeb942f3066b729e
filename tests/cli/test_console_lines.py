"""Text among frames, whatever the pieces in which it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.cli.console_lines import LONGEST_LINE_BYTES, ConsoleLines
from mxdeploy.link.protocol.description import BODY_BYTES
from mxdeploy.link.protocol.frames import Frame

FRAME = Frame(
    code=0x8A, sequence=10, boot=10, status=0, payload=b"\n\n\0text\n", version=1
).encode()
TEXT = b"first\n", "cat 97 %\tµs\r\n".encode(), b"\n"


@given(st.lists(st.integers(1, 40), max_size=40))
def test_pieces_do_not_matter(sizes: list[int]) -> None:
    data = b"@hello\r\n" + TEXT[0] + FRAME + FRAME + TEXT[1] + FRAME + TEXT[2] + b"unfinished"
    lines, shown = ConsoleLines(), list[str]()
    for size in [*sizes, len(data)]:
        shown += lines.feed(data[:size])
        data = data[size:]
    assert shown == ["@hello", "first", "cat 97 %\tµs", ""]
    assert list(lines.feed(b" line\n")) == ["unfinished line"]


@given(st.integers(2, len(FRAME) - 1))
def test_a_frame_cut_off_by_a_reset(size: int) -> None:
    lines = ConsoleLines()
    list(lines.feed(FRAME[:size] + b"@hello\n"))
    list(lines.feed(FRAME * 3))
    assert list(lines.feed(b"\nafter\n"))[-1] == "after"
    list(lines.feed(b"\0" + b"text\n" * BODY_BYTES))
    assert list(lines.feed(b"\nafter\n")) == ["", "after"]


def test_noise_is_not_kept_for_ever() -> None:
    lines = ConsoleLines()
    assert not list(lines.feed(b"\xff" * (3 * LONGEST_LINE_BYTES) + b"\n"))
    assert list(lines.feed(b"x" * (LONGEST_LINE_BYTES + 5) + b"\nb\n"))[1] == "b"
