"""The ROM bootloader as a state machine: bytes in, bytes out.

It knows no time and no UART: whoever owns the serial port passes on what arrives, in pieces of any
size. What the user guide leaves open is a parameter (``Assumptions``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.bootloader import LockState, Verb
from mxdeploy.chip.max78000.bootloader_assumptions import (
    DEFAULTS,
    AnswerEnd,
    Assumptions,
    Case,
    DigestOrder,
    Digits,
    Echo,
    EmptyLine,
    FileEnd,
    HashEnd,
    LineEnd,
    Space,
    Unknown,
)
from mxdeploy.emulator.board.rom.records import ENDS, ERASED, Flash, RecordFile

DEFAULT_USN = bytes.fromhex("4d584445504c4f590000000001")
"""Serial number of a virtual chip: letters and a number, 13 bytes."""
_COMMAND_ENDS = {LineEnd.ANY: b"[\r\n]", LineEnd.LF: b"\n", LineEnd.CR: b"\r"}
_FILE_LINE = re.compile(rb"[^\r\n]*[\r\n]")
_ADDRESS = re.compile(r"0x([0-9a-f]{1,8})", re.IGNORECASE)
Answer = tuple[str, ...] | None
"""Lines before the prompt; None for no answer at all."""


class RomBootloader:
    """The loader of one chip.

    Attributes:
        lock_state: the chip's lock state; survives resets.
        left: the loader was left by Q or UNLOCK: the chip resets. ``start`` begins again.
    """

    def __init__(
        self,
        flash: Flash,
        *,
        assumptions: Assumptions = DEFAULTS,
        lock_state: LockState = LockState.UNLOCKED,
        usn: bytes = DEFAULT_USN,
    ) -> None:
        """A loader for this flash; it begins with ``start``.

        Args:
            flash: what is programmed.
            assumptions: what the user guide leaves open.
            lock_state: of the chip.
            usn: the chip's serial number, 13 bytes.
        """
        self.lock_state = lock_state
        self.left = False
        self._flash = flash
        self._assumptions = assumptions
        self._usn = usn
        self._shown = lock_state
        self._incoming = bytearray()
        self._line = bytearray()
        self._file: RecordFile | None = None
        self._skip_lf = False
        self._command_end = re.compile(_COMMAND_ENDS[assumptions.line_end])
        self._actions: dict[Verb, Callable[[str], Answer]] = {
            Verb.LOAD: lambda _: self._begin(verify=False),
            Verb.VERIFY: lambda _: self._begin(verify=True),
            Verb.ERASE: self._erase,
            Verb.HASH: self._hash,
            Verb.IDENTIFY: lambda _: (f"{rom.USN} {self._hex(self._usn)}",),
            Verb.STATUS: lambda _: self._status(),
            Verb.QUIT: lambda _: self._leave(),
            Verb.LOCK: lambda _: self._lock(LockState.LOCKED),
            Verb.PLOCK: self._plock,
            Verb.UNLOCK: lambda _: self._unlock(),
        }

    def start(self) -> bytes:
        """The loader is activated by a reset: its first prompt."""
        self.left = False
        self._shown = self.lock_state
        self._incoming.clear()
        self._line.clear()
        self._file = None
        self._skip_lf = False
        return rom.PROMPTS[self._shown]

    def feed(self, data: bytes) -> bytes:
        """Take what arrives, answer with what is sent; after ``left`` both are nothing."""
        self._incoming += data
        sent = bytearray()
        while self._incoming and not self.left:
            if self._skip_lf:
                self._skip_lf = False
                if self._incoming.startswith(b"\n"):
                    sent += self._echo(self._take(1))
                    continue
            if self._file is None:
                sent += self._command_piece()
                continue
            answer = self._file_piece(self._file)
            sent += answer
            if self._file is not None:
                break  # the rest of a line is still to come
        return bytes(sent)

    def _take(self, count: int) -> bytes:
        piece = bytes(self._incoming[:count])
        del self._incoming[:count]
        return piece

    # --- commands ---------------------------------------------------------------------------

    def _command_piece(self) -> bytes:
        """Up to the end of a command, or all that is there."""
        end = self._command_end.search(self._incoming)
        piece = self._take(end.end() if end else len(self._incoming))
        sent = self._echo(piece)
        self._line += piece.rstrip(b"\r\n") if end else piece
        del self._line[rom.LINE_BYTES_MAX :]
        if end is None:
            return sent
        self._skip_lf = piece.endswith(b"\r") and self._assumptions.line_end is LineEnd.ANY
        line = self._line.decode("latin-1").replace("\r", "").replace("\n", "")
        self._line.clear()
        return sent + self._say(self._execute(line))

    def _execute(self, line: str) -> Answer:
        if not line:
            return () if self._assumptions.empty_line is EmptyLine.PROMPT else None
        letters, space, argument = line.partition(" ")
        if self._assumptions.case is Case.ANY:
            letters = letters.upper()
        command = next((c for c in rom.COMMANDS if c.verb == letters), None)
        permitted = command is not None and self._shown in command.states
        if command is None or not permitted or (space and not command.argument):
            return self._unknown()
        return self._actions[command.verb](argument)

    def _unknown(self) -> Answer:
        match self._assumptions.unknown:
            case Unknown.PROMPT:
                return ()
            case Unknown.TEXT:
                return (rom.UNKNOWN_COMMAND,)
            case Unknown.SILENCE:
                return None

    def _begin(self, *, verify: bool) -> Answer:
        self._file = RecordFile(flash=self._flash, assumptions=self._assumptions, verify=verify)
        return (rom.READY_TO_VERIFY if verify else rom.READY_TO_LOAD,)

    def _erase(self, argument: str) -> Answer:
        found = _ADDRESS.fullmatch(argument)
        if found is None:
            return (rom.BAD_PAGE,)
        address = int(found[1], 16)
        offset = address - mem.FLASH_BASE
        if offset not in range(0, mem.FLASH_BYTES, mem.FLASH_PAGE_BYTES):
            return (f"{rom.INVALID_PAGE} 0x{self._number(address)}",)
        self._flash.erase_page(address)
        if self._flash.read(address, mem.FLASH_PAGE_BYTES) != ERASED * mem.FLASH_PAGE_BYTES:
            return (rom.ERASE_FAILED,)
        return (f"{rom.ERASING} 0x{self._number(address)}", rom.OK)

    def _hash(self, argument: str) -> Answer:
        found = [_ADDRESS.fullmatch(word) for word in argument.split(" ")]
        places = [int(match[1], 16) for match in found if match]
        if len(places) != 2 or len(found) != 2:  # noqa: PLR2004 - first and last
            return ("",)
        inclusive = self._assumptions.hash_end is HashEnd.INCLUSIVE
        first, size = places[0], places[1] - places[0] + inclusive
        inside = first >= mem.FLASH_BASE and first + size <= mem.FLASH_BASE + mem.FLASH_BYTES
        if size < rom.HASH_BYTES_MIN or not inside:
            return ("",)
        digest = hashlib.sha256(self._flash.read(first, size)).digest()
        if self._assumptions.digest_order is DigestOrder.REVERSED:
            digest = digest[::-1]
        return (self._hex(digest),)

    def _status(self) -> Answer:
        locked = self.lock_state is not LockState.UNLOCKED
        permanently = self.lock_state is LockState.PERMLOCKED
        words = {True: rom.ACTIVE, False: rom.INACTIVE}
        return (
            rom.STATUS,
            f"{rom.STATUS_LOCK} {words[locked]}",
            f"{rom.STATUS_PLOCK} {words[permanently]}",
        )

    def _lock(self, state: LockState) -> Answer:
        """The prompt and what is permitted change with the next reset."""
        if self.lock_state is not LockState.PERMLOCKED:
            self.lock_state = state
        return (rom.OK,)

    def _plock(self, argument: str) -> Answer:
        if argument.upper() != self._usn.hex().upper():
            return (rom.FAILED,)
        return self._lock(LockState.PERMLOCKED)

    def _unlock(self) -> Answer:
        if self.lock_state is LockState.PERMLOCKED:
            return self._unknown()
        for page in range(0, mem.FLASH_BYTES, mem.FLASH_PAGE_BYTES):
            self._flash.erase_page(mem.FLASH_BASE + page)
        self.lock_state = LockState.UNLOCKED
        return self._leave()

    def _leave(self) -> Answer:
        self.left = True
        return None

    # --- files ------------------------------------------------------------------------------

    def _file_piece(self, file: RecordFile) -> bytes:
        """All whole lines that are there, up to the end of the file."""
        place, over = 0, False
        for match in _FILE_LINE.finditer(self._incoming):
            if over := self._ends_here(place):
                break
            place = match.end()
            if over := file.take(match[0].rstrip(b"\r\n")):
                self._skip_lf = match[0].endswith(b"\r")
                break
        over = over or self._ends_here(place)
        if over and self._ends_here(place):
            size = self._terminator_bytes(place)
            file.take(bytes(self._incoming[place : place + size]))
            place += size
        elif not over and len(self._incoming) - place > rom.LINE_BYTES_MAX:
            over, place = file.take(b"?"), len(self._incoming)
        sent = self._echo(self._take(place), file=True)
        if over:
            self._file = None
            sent += self._say(file.answer())
        return sent

    def _ends_here(self, place: int) -> bool:
        """Whether the last record is complete before its line ends, and that is enough."""
        if self._assumptions.file_end is not FileEnd.CHECKSUM:
            return False
        size = self._terminator_bytes(place)
        return bool(size) and len(self._incoming) - place >= size

    def _terminator_bytes(self, place: int) -> int:
        """Characters of the terminating record at ``place``; 0 when there is none."""
        head = bytes(self._incoming[place : place + len(ENDS[0]) + 2])
        if head[:2].upper() not in ENDS:
            return 0
        try:
            return len(head) + 2 * bytes.fromhex(head[2:].decode("ascii"))[0]
        except (ValueError, IndexError):
            return 0

    # --- answers ----------------------------------------------------------------------------

    def _echo(self, data: bytes, *, file: bool = False) -> bytes:
        echo = self._assumptions.echo
        wanted = echo is Echo.EVERYTHING or (echo is Echo.COMMANDS and not file)
        return data if wanted else b""

    def _hex(self, data: bytes) -> str:
        upper = self._assumptions.digits is Digits.UPPER
        return data.hex().upper() if upper else data.hex()

    def _number(self, value: int) -> str:
        return self._hex(value.to_bytes(4, "big"))

    def _say(self, lines: Answer) -> bytes:
        """Lines and prompt with the assumed white space; while a file is awaited, no prompt."""
        if lines is None:
            return b""
        assumed = self._assumptions
        end = "\r\n" if assumed.answer_end is AnswerEnd.CR_LF else "\n"
        if assumed.space is Space.NONE:
            lines = tuple(line.replace(": ", ":") for line in lines)
        elif assumed.space is Space.WIDE:
            lines = (*(f"  {line} " for line in lines), "")
        prompt = rom.PROMPTS[self._shown] if self._file is None else b""
        return "".join(line + end for line in lines).encode("ascii") + prompt
