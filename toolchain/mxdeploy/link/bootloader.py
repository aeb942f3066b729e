"""The host side of the ROM bootloader: one command and its answer at a time.

Answers are found by what only they contain, so that echoes, extra prompts and any white space do
not matter (``chip/max78000/bootloader_assumptions.py`` lists what is not known). A wait is bounded
by its own constant and by the limit of the whole session.

LOCK and PLOCK cannot be sent by this class at all; UNLOCK has a method of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.chip.max78000.bootloader import LockState, Verb
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.flash import Port
from mxdeploy.link.srec import END_LINE

ANSWER_SECONDS = 2.0
"""Longest wait for the answer of a command that has little to do."""
SYNCHRONISE_SECONDS = (0.5, 1.0, ANSWER_SECONDS)
"""Waits for the identity of a loader that may be in the middle of something, try by try."""
ERASE_SECONDS = 3.0
"""Longest wait for a page erase (the chip needs about 30 ms)."""
HASH_SECONDS = 5.0
"""Longest wait for a digest of up to 512 KB."""
RESULT_SECONDS = 3.0
"""Longest wait for the result of a file after its last line has gone over the line."""
BITS_PER_CHARACTER = 10
QUIET_SECONDS = 0.1
"""A line on which nothing comes for so long is quiet."""
BABBLE_SECONDS = 3.0
"""Longest wait for a line to become quiet."""
QUIT_SECONDS = 1.0
"""How long a loader that was told to quit may still send its prompt."""
TRIES = 3
"""How often a command is sent before its failure counts."""
LINES_AT_ONCE = 64
TAIL_BYTES = 4096
"""Received bytes that are kept while a file is sent."""

_STATES: dict[bytes, LockState] = {
    prompt.strip()[:-1]: state for state, prompt in rom.PROMPTS.items()
}
_LONGEST_FIRST: list[bytes] = sorted(_STATES, key=len, reverse=True)
_PROMPT = rb"(?P<prompt>" + b"|".join(_LONGEST_FIRST) + rb")>"
_HEX = rb"0x([0-9A-Fa-f]{1,8})"


def _answer(*parts: str | bytes) -> re.Pattern[bytes]:
    """A pattern: texts as they are, with any white space; bytes are patterns themselves."""
    joined = b"".join(
        part if isinstance(part, bytes) else re.escape(part.encode()).replace(rb"\ ", rb"\s+")
        for part in parts
    )
    return re.compile(joined)


_ANY_PROMPT = _answer(_PROMPT)
_IDENTITY = _answer(rom.USN, rb"\s*([0-9A-Fa-f]{%d})\s+" % (2 * rom.USN_BYTES), _PROMPT)
_ERASED = _answer(
    rb"(?:", rom.ERASING, rb"\s*" + _HEX + rb"\s+", rom.OK, rb"|(?P<refusal>", rom.BAD_PAGE,
    rb"|", rom.ERASE_FAILED, rb"|", rom.INVALID_PAGE, rb"\s*\w*))\s+", _PROMPT,
)  # fmt: skip
_DIGEST = _answer(rb"(?<!\S)([0-9A-Fa-f]{%d})\s+" % (2 * rom.DIGEST_BYTES), _PROMPT)
_PARAMETERS = (
    rb"\s+", rom.BASE_ADDRESS, rb"\s*" + _HEX + rb"\s+", rom.LENGTH, rb"\s*" + _HEX + rb"\s+",
    _PROMPT,
)  # fmt: skip
_READY = {Verb.LOAD: _answer(rom.READY_TO_LOAD), Verb.VERIFY: _answer(rom.READY_TO_VERIFY)}
_FAILURE = {Verb.LOAD: _answer(rom.LOAD_FAILED), Verb.VERIFY: _answer(rom.VERIFY_FAILED)}
_SUCCESS = {
    Verb.LOAD: _answer(rom.LOAD_SUCCESS, *_PARAMETERS),
    Verb.VERIFY: _answer(rom.VERIFY_SUCCESS, *_PARAMETERS),
}
_ECHO_OF_QUIT = re.compile(rb"\A" + Verb.QUIT.encode() + rb"\s+")


class DialogueError(Exception):
    """A command was not answered, or not as it should be; trying again may help."""


class Bootloader:
    """A dialogue with the loader behind a port.

    Attributes:
        state: lock state of the last prompt; None before the first.
    """

    def __init__(
        self,
        port: Port,
        url: str,
        *,
        limit_seconds: float,
        baud: int = rom.BAUD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is sent yet.

        Args:
            port: an open connection.
            url: its name, for messages.
            limit_seconds: the whole session ends after this, with an error.
            baud: speed of the line, bits per second.
            clock: seconds, rising.
        """
        self.state: LockState | None = None
        self.url = url
        self._port = port
        self._baud = baud
        self._clock = clock
        self._limit = limit_seconds
        self._deadline = clock() + limit_seconds

    @property
    def unlocked(self) -> bool:
        """Whether the last prompt was that of an unlocked chip."""
        return self.state is LockState.UNLOCKED

    # --- finding the loader -----------------------------------------------------------------

    def wait_for_prompt(self, seconds: float) -> bool:
        """Listen until a prompt comes; False when none does."""
        return self._listen(_ANY_PROMPT, seconds) is not None

    def answers(self, seconds: float = ANSWER_SECONDS) -> bool:
        """Whether the loader is there: an empty line, then its identity is asked for."""
        self._write(rom.LINE_END)
        self._listen(_ANY_PROMPT, 3 * QUIET_SECONDS)
        return self._identity_within(seconds) is not None

    def _identity_within(self, seconds: float) -> re.Match[bytes] | None:
        self._command(Verb.IDENTIFY)
        return self._listen(_IDENTITY, seconds)

    def synchronise(self) -> None:
        """End whatever is under way, so that the next answer belongs to the next command.

        Raises:
            DialogueError: the loader does not answer.
            DeviceError: the session's time is over, or the connection is gone.
        """
        for seconds in SYNCHRONISE_SECONDS:
            self._settle()
            # The first line end completes what arrived in part, the line ends a file.
            self._write(rom.LINE_END + END_LINE)
            self._settle()
            if self._identity_within(seconds):
                return
        raise DialogueError("the bootloader does not answer any more")

    # --- commands ---------------------------------------------------------------------------

    def identify(self) -> str:
        """The chip's serial number, 26 hexadecimal digits.

        Raises:
            DialogueError: no such answer.
        """
        self._command(Verb.IDENTIFY)
        found = self._expect(_IDENTITY, ANSWER_SECONDS, "I")
        return found[1].decode().lower()

    def erase(self, page: int) -> None:
        """Erase the page at this address.

        Raises:
            DialogueError: no such answer, or the loader refuses.
        """
        self._command(Verb.ERASE, f"0x{page:08x}")
        found = self._expect(_ERASED, ERASE_SECONDS, f"P 0x{page:08x}")
        if found["refusal"] is not None:
            text = found["refusal"].decode("ascii", "replace")
            raise DialogueError(f"page 0x{page:08x} was not erased: {text!r}")
        if int(found[1], 16) != page:
            raise DialogueError(f"asked to erase page 0x{page:08x}, the loader erased another")

    def digest(self, first: int, end: int) -> bytes:
        """SHA-256 over a range, as printed, for these two addresses.

        Raises:
            DialogueError: no such answer.
        """
        self._command(Verb.HASH, f"0x{first:08x} 0x{end:08x}")
        found = self._expect(_DIGEST, HASH_SECONDS, f"H 0x{first:08x} 0x{end:08x}")
        return bytes.fromhex(found[1].decode())

    def load(
        self, address: int, size: int, lines: Sequence[bytes], *,
        delay_seconds: float, progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Program a file.

        Args:
            address: where the file begins.
            size: bytes it holds.
            lines: the file.
            delay_seconds: pause after each line.
            progress: told the number of lines that were sent.

        Raises:
            DialogueError: it failed; flash holds a part of it.
        """
        self._send_file(Verb.LOAD, lines, delay_seconds, progress, (address, size))

    def verify(
        self, address: int, size: int, lines: Sequence[bytes], *,
        delay_seconds: float, progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Compare a file with flash; arguments as for ``load``.

        Raises:
            DialogueError: flash differs, or it failed.
        """
        self._send_file(Verb.VERIFY, lines, delay_seconds, progress, (address, size))

    def quit(self) -> bytes:
        """Reset the chip, so that the application starts; what came after that.

        Raises:
            DialogueError: the loader stays.
        """
        heard = b""
        for _ in range(TRIES):
            self._command(Verb.QUIT)
            heard = self._after_quit()
            if _ANY_PROMPT.search(heard) is None:
                return _ECHO_OF_QUIT.sub(b"", heard)
        raise DialogueError("the bootloader does not quit")

    def _after_quit(self) -> bytes:
        """What comes until it is surely no echo, or for a while."""
        echo = Verb.QUIT.encode() + rom.LINE_END
        heard = bytearray()
        end = self._clock() + QUIT_SECONDS
        while (left := end - self._clock()) > 0 and not _ANY_PROMPT.search(heard):
            heard += self._receive(left)
            if len(heard.strip()) > len(echo) and not _may_be_prompt(heard):
                break
        return bytes(heard)

    def unlock(self) -> None:
        """Erase everything and unlock; the chip resets without an answer.

        The only place that sends UNLOCK; the caller must have the user's word.
        """
        if self.state is LockState.LOCKED:
            self._write(Verb.UNLOCK.encode() + rom.LINE_END)

    # --- files ------------------------------------------------------------------------------

    def _send_file(
        self, verb: Verb, lines: Sequence[bytes], delay_seconds: float,
        progress: Callable[[int], None], expected: tuple[int, int],
    ) -> None:  # fmt: skip
        self._command(verb)
        self._expect(_READY[verb], ANSWER_SECONDS, verb)
        step = 1 if delay_seconds else LINES_AT_ONCE
        heard = bytearray()
        # What was sent may still be on its way, in buffers of the system and of adapters.
        gone = self._clock() + sum(map(len, lines)) * BITS_PER_CHARACTER / self._baud
        for start in range(0, len(lines), step):
            self._write(b"".join(lines[start : start + step]))
            heard += self._pause(delay_seconds)
            del heard[:-TAIL_BYTES]
            if _FAILURE[verb].search(heard):
                raise DialogueError(f"{verb} failed near line {start + step} of its file")
            progress(min(start + step, len(lines)))
        either = re.compile(_SUCCESS[verb].pattern + b"|" + _FAILURE[verb].pattern)
        seconds = RESULT_SECONDS + max(0.0, gone - self._clock())
        found = self._expect(either, seconds, verb, bytes(heard))
        if found[2] is None:
            raise DialogueError(f"{verb} failed")
        told = (int(found[1], 16), int(found[2], 16))
        if told != expected:
            raise DialogueError(f"{verb} took 0x{told[0]:08x} and {told[1]} bytes, not the file")

    def _pause(self, seconds: float) -> bytes:
        """Wait, and return what comes meanwhile."""
        heard = self._receive(seconds)
        end = self._clock() + seconds
        while heard and (left := end - self._clock()) > 0:
            piece = self._receive(left)
            heard += piece
        return heard

    # --- bytes ------------------------------------------------------------------------------

    def _command(self, verb: Verb, argument: str = "") -> None:
        """Send a command; what came before it belongs to no answer."""
        if rom.BY_VERB[verb].never_sent:
            raise ValueError(f"{verb} is never sent")
        self._receive(0.0)
        line = f"{verb} {argument}" if argument else verb
        self._write(line.encode() + rom.LINE_END)

    def _expect(
        self, pattern: re.Pattern[bytes], seconds: float, command: str, heard: bytes = b""
    ) -> re.Match[bytes]:
        found = self._listen(pattern, seconds, heard)
        if found is None:
            raise DialogueError(f"no answer to {command} within {seconds:.3g} s")
        return found

    def _listen(
        self, pattern: re.Pattern[bytes], seconds: float, heard: bytes = b""
    ) -> re.Match[bytes] | None:
        """Listen until the pattern comes."""
        received = bytearray(heard)
        end = self._clock() + seconds
        while (found := pattern.search(received)) is None:
            left = end - self._clock()
            if left <= 0:
                return None
            received += self._receive(left)
            del received[: -2 * TAIL_BYTES]
        if "prompt" in pattern.groupindex and found["prompt"] is not None:
            self.state = _STATES[found["prompt"]]
        return found

    def _settle(self) -> None:
        """Throw away what comes until the line is quiet."""
        end = self._clock() + BABBLE_SECONDS
        while self._receive(QUIET_SECONDS) and self._clock() < end:
            pass

    def _receive(self, seconds: float) -> bytes:
        """What is there, or the first that comes within ``seconds``."""
        left = self._deadline - self._clock()
        if left <= 0:
            raise DeviceError(_too_long(self.url, self._limit))
        piece = self._port.read(1, timeout_seconds=min(seconds, left))
        return piece + self._port.read(TAIL_BYTES, timeout_seconds=0.0) if piece else b""

    def _write(self, data: bytes) -> None:
        self._port.write(data)


def _may_be_prompt(heard: bytearray) -> bool:
    """Whether the last characters could become a prompt."""
    last = bytes(heard.split()[-1]) if heard.split() else b""
    return any(prompt.startswith(last) for prompt in rom.PROMPTS.values())


def _too_long(url: str, seconds: float) -> Diagnostic:
    return Diagnostic(
        code="MX7410",
        where=url,
        what=f"programming through the bootloader is not finished after {seconds:.0f} s",
        why="the line loses or changes too much of what is sent",
        fix="check cable and ground, then flash again: nothing is taken for good before it is "
        "proved",
    )
