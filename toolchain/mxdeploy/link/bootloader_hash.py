"""What lies in flash, told by the loader's digests.

Two things are not known: whether the second address of H belongs to the range, and in which order
the bytes of a digest are printed. Both are learned from the first digest that is recognised. A
digest counts only when it is that of exactly the bytes in question, so nothing learned wrongly,
and no noise, can make wrong content look right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from mxdeploy.chip.max78000.bootloader_assumptions import HashEnd
from mxdeploy.link.bootloader import DialogueError

WORD_BYTES = 4


class FlashContents:
    """Compares flash with what could be there.

    Attributes:
        end: what the second address means; None until a digest was recognised.
    """

    def __init__(self, digest: Callable[[int, int], bytes]) -> None:
        """``digest`` asks the loader, by first and second address."""
        self._digest = digest
        self.end: HashEnd | None = None

    def find(self, first: int, candidates: Sequence[bytes]) -> int | None:
        """Which of the candidates, all of one size, lies at this address; None for none.

        Raises:
            DialogueError: the loader does not answer.
        """
        size = len(candidates[0])
        if self.end is not HashEnd.EXCLUSIVE:
            told = self._digest(first, first + size - 1)
            for index, content in enumerate(candidates):
                if _is_digest(told, content):
                    self.end = HashEnd.INCLUSIVE
                    return index
            if self.end is HashEnd.INCLUSIVE:
                return None
            if any(_is_digest(told, content[:-1]) for content in candidates):
                self.end = HashEnd.EXCLUSIVE
        return self._find_exclusive(first, size, candidates)

    def _find_exclusive(self, first: int, size: int, candidates: Sequence[bytes]) -> int | None:
        try:
            told = self._digest(first, first + size)
        except DialogueError:
            if self.end is HashEnd.EXCLUSIVE:
                raise
            return None  # the byte after the last may be outside of flash
        for index, content in enumerate(candidates):
            if _is_digest(told, content):
                self.end = HashEnd.EXCLUSIVE
                return index
        return None


def _is_digest(told: bytes, content: bytes) -> bool:
    """Whether these are the bytes of the content's digest, in any plausible order."""
    true = hashlib.sha256(content).digest()
    words = [true[n : n + WORD_BYTES] for n in range(0, len(true), WORD_BYTES)]
    return told in (true, true[::-1], b"".join(word[::-1] for word in words))
