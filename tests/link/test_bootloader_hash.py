"""Flash compared by digest, whatever the loader's conventions are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000.bootloader_assumptions import HashEnd
from mxdeploy.link.bootloader import DialogueError
from mxdeploy.link.bootloader_hash import FlashContents

SIZE = 600
MEMORY = bytes(n * n & 0xFF for n in range(4096))


def loader(*, inclusive: bool, order: Callable[[bytes], bytes]) -> tuple[FlashContents, list[int]]:
    """A loader that digests ``MEMORY``; the list counts questions."""
    asked: list[int] = []

    def digest(first: int, end: int) -> bytes:
        asked.append(end)
        if end + inclusive > len(MEMORY):
            raise DialogueError("outside")
        return order(hashlib.sha256(MEMORY[first : end + inclusive]).digest())

    return FlashContents(digest), asked


ORDERS: list[Callable[[bytes], bytes]] = [
    lambda d: d,
    lambda d: d[::-1],
    lambda d: b"".join(d[n : n + 4][::-1] for n in range(0, 32, 4)),
]


@given(
    st.booleans(), st.sampled_from(ORDERS), st.integers(0, len(MEMORY) - SIZE),
    st.integers(0, SIZE - 1), st.integers(1, 255),
)  # fmt: skip
def test_only_equal_content_is_found(
    inclusive: bool, order: Callable[[bytes], bytes], first: int, place: int, change: int
) -> None:
    true = MEMORY[first : first + SIZE]
    wrong = bytearray(true)
    wrong[place] ^= change
    contents, _ = loader(inclusive=inclusive, order=order)
    outside = not inclusive and first + SIZE > len(MEMORY)
    assert contents.find(first, [bytes(wrong)]) is None
    if not outside:
        assert contents.find(first, [bytes(wrong), true]) == 1
        assert contents.end is (HashEnd.INCLUSIVE if inclusive else HashEnd.EXCLUSIVE)
    assert contents.find(first, [bytes(wrong)]) is None


@pytest.mark.parametrize("inclusive", [True, False])
def test_one_question_is_enough_when_the_convention_is_known(inclusive: bool) -> None:
    contents, asked = loader(inclusive=inclusive, order=ORDERS[0])
    contents.find(0, [MEMORY[:SIZE]])
    asked.clear()
    assert contents.find(SIZE, [MEMORY[SIZE : 2 * SIZE]]) == 0
    assert contents.find(SIZE, [bytes(SIZE)]) is None
    assert asked == [2 * SIZE - inclusive] * 2


def test_all_but_the_last_byte_is_not_enough() -> None:
    """An exclusive end hides the last byte from the first question."""
    contents, _ = loader(inclusive=False, order=ORDERS[0])
    assert contents.find(0, [MEMORY[: SIZE - 1] + b"?"]) is None
    assert contents.end is HashEnd.EXCLUSIVE


def test_a_loader_that_stops_answering_is_no_difference() -> None:
    contents, _ = loader(inclusive=True, order=ORDERS[0])
    contents.find(0, [MEMORY[:SIZE]])
    with pytest.raises(DialogueError):
        contents.find(len(MEMORY), [bytes(SIZE)])
