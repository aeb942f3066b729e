"""Programming through the ROM bootloader: the way every MAX78000 has.

Only pages whose digest is not right already are erased and loaded; what flash holds at the end is
proved by one digest over all pages of the image. Everything may be lost or changed on the way: an
attempt that fails is repeated, the last time slowly, and keeps what is right by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.bootloader import LockState
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.bootloader import BITS_PER_CHARACTER, TRIES, Bootloader, DialogueError
from mxdeploy.link.bootloader_hash import FlashContents
from mxdeploy.link.control import Control
from mxdeploy.link.flash import BOOTLOADER, FlashMethod, FlashReport, FlashTarget, Progress
from mxdeploy.link.flash_image import ERASED, FlashImage
from mxdeploy.link.srec import srec_lines

LINE_DELAYS = (0.0, 0.0, 0.005)
"""Pause after each line of a file, seconds, by attempt; there is no flow control."""
ATTEMPTS = len(LINE_DELAYS)
PROMPT_SECONDS = 3.0
"""Longest wait for the prompt of a board that was reset for the bootloader."""
BASE_SECONDS = 60.0
"""Time for everything but sending the image."""
RESERVE = 1.5
"""Part of the limit over the time that sending takes by arithmetic."""
CHARACTERS_PER_BYTE = 3
"""An S-record line of 16 bytes has 48 characters."""
LINE_BYTES = 16
BLANK_PAGE = ERASED * mem.FLASH_PAGE_BYTES
HOW_TO_ACTIVATE = (
    "unplug the debug adapter's cable; connect P0.0 (UART0 RX) and P0.29 (SWDCLK) to GND; press "
    "and release reset; then take both connections away (on the Feather board the debug adapter "
    "drives SWDCLK, so that this needs a change of the board)"
)


def longest_seconds(size: int, baud: int, line_delay: float = 0.0) -> float:
    """The longest time programming ``size`` bytes may take; waiting for a person not counted."""
    sending = size * CHARACTERS_PER_BYTE * BITS_PER_CHARACTER / baud
    pauses = size / LINE_BYTES * (sum(LINE_DELAYS) + ATTEMPTS * line_delay)
    return BASE_SECONDS + RESERVE * (ATTEMPTS * sending + pauses)


class BootloaderMethod(FlashMethod):
    """``--method bootloader``."""

    name = BOOTLOADER

    def __init__(
        self,
        *,
        activate: Callable[[FlashTarget], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The parameters are for boards in tests.

        Args:
            activate: resets the board into its bootloader; by default virtual boards only.
            clock: seconds, rising.
        """
        self._activate = activate
        self._clock = clock

    def why_not(self, target: FlashTarget) -> str:  # noqa: ARG002 - any serial port may do
        """It needs nothing but the serial port."""
        return ""

    def program(self, target: FlashTarget, image: FlashImage, progress: Progress) -> FlashReport:
        """Program, prove and start.

        Raises:
            DeviceError: no bootloader there, a locked chip, or flash cannot be made right.
        """
        work = _Work(
            target=target, image=image, progress=progress, activate=self._how(target),
            clock=self._clock,
        )  # fmt: skip
        return work.run()

    def _how(self, target: FlashTarget) -> Callable[[FlashTarget], None] | None:
        if self._activate is not None:
            return self._activate
        return _activate_virtual if target.virtual is not None else None


def _activate_virtual(target: FlashTarget) -> None:
    """Reset a virtual board with its activation pins held."""
    if target.virtual is not None:
        with Control(target.virtual.control) as control:
            control.reset(bootloader=True)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One run of ``program``."""

    target: FlashTarget
    image: FlashImage
    progress: Progress
    activate: Callable[[FlashTarget], None] | None
    clock: Callable[[], float]
    attempts: int = 0
    erased: set[int] = field(default_factory=set)
    loaded: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    proof: str = ""
    warnings: list[Diagnostic] = field(default_factory=list)

    def run(self) -> FlashReport:
        """The whole way from the prompt to the started application."""
        self._enter(self._dialogue(self.target.activation_seconds + PROMPT_SECONDS))
        size, baud = len(self.image.content), self.target.baud
        dialogue = self._dialogue(longest_seconds(size, baud, self.target.line_delay_seconds))
        for delay in LINE_DELAYS:
            self.attempts += 1
            try:
                self._synchronise(dialogue)
                self._unlock(dialogue)
                self._attempt(dialogue, max(delay, self.target.line_delay_seconds))
                heard = dialogue.quit()
                break
            except DialogueError as error:
                self.failures.append(str(error))
        else:
            raise DeviceError(_failed(self.target.url, self.failures))
        return FlashReport(
            method=BOOTLOADER,
            proof=self.proof,
            pages_erased=len(self.erased),
            pages_kept=len(self.image.pages) - len(self.loaded),
            attempts=self.attempts,
            heard=heard,
            diagnostics=tuple(self.warnings),
        )

    def _dialogue(self, limit: float) -> Bootloader:
        return Bootloader(
            self.target.port, self.target.url, limit_seconds=limit, baud=self.target.baud,
            clock=self.clock,
        )  # fmt: skip

    # --- into the loader --------------------------------------------------------------------

    def _enter(self, dialogue: Bootloader) -> None:
        """Get a prompt: by a reset, or with a person's help."""
        if self.activate is not None:
            for _ in range(TRIES):
                self.activate(self.target)
                if dialogue.wait_for_prompt(PROMPT_SECONDS / TRIES):
                    return
            raise DeviceError(_no_prompt(self.target, PROMPT_SECONDS))
        if self.target.prompt_seen or dialogue.answers():
            return
        seconds = self.target.activation_seconds
        self.target.say(f"waiting {seconds:.0f} s for the bootloader: {HOW_TO_ACTIVATE}")
        if not dialogue.wait_for_prompt(seconds):
            raise DeviceError(_no_prompt(self.target, seconds))
        self.target.say("the bootloader is there: take the two connections away now")
        end = self.clock() + seconds
        while not dialogue.answers():  # while P0.0 is held low nothing can be sent
            if self.clock() > end:
                raise DeviceError(_no_prompt(self.target, seconds))

    def _synchronise(self, dialogue: Bootloader) -> None:
        """Both sides at the same point; a board that was reset meanwhile is called back."""
        try:
            dialogue.synchronise()
        except DialogueError:
            if self.activate is None:
                raise
            self._enter(dialogue)
            dialogue.synchronise()

    def _unlock(self, dialogue: Bootloader) -> None:
        """Nothing for a chip that is not locked; everything is erased for one that is."""
        if dialogue.unlocked:
            return
        if dialogue.state is LockState.PERMLOCKED:
            raise DeviceError(_locked_for_ever(self.target.url))
        if not self.target.unlock:
            raise DeviceError(_locked(self.target.url))
        self.target.say("unlocking: the chip erases its whole flash")
        dialogue.unlock()
        self._enter(self._dialogue(self.target.activation_seconds + PROMPT_SECONDS))
        dialogue.synchronise()
        if not dialogue.unlocked:
            raise DialogueError("the chip is still locked")

    # --- flash ------------------------------------------------------------------------------

    def _attempt(self, dialogue: Bootloader, delay: float) -> None:
        contents = FlashContents(dialogue.digest)
        wanted = self.image.padded
        if contents.find(mem.FLASH_BASE, [wanted]) != 0:
            for run in _runs(list(self._wrong_pages(dialogue, contents))):
                self._load(dialogue, run, delay)
            dialogue.synchronise()  # a late answer must not be taken for the proof
            self._prove(dialogue, contents, delay)
        self.proof = self.proof or "SHA-256 over its pages"

    def _wrong_pages(self, dialogue: Bootloader, contents: FlashContents) -> Iterator[int]:
        """Pages that must be loaded, erased now."""
        pages = self.image.pages
        for index, page in enumerate(pages):
            found = contents.find(page, [self.image.page(page), BLANK_PAGE])
            if found is None:
                self._erase(dialogue, contents, page)
            if found != 0:
                self.loaded.add(page)
                yield page
            self.progress("erase", index + 1, len(pages))

    def _erase(self, dialogue: Bootloader, contents: FlashContents, page: int) -> None:
        """Erase, and look whether it is."""
        self.erased.add(page)
        dialogue.erase(page)
        blank = contents.find(page, [BLANK_PAGE]) == 0
        if not blank and contents.end is not None:
            raise DialogueError(f"page 0x{page:08x} is not empty after it was erased")

    def _load(self, dialogue: Bootloader, run: range, delay: float) -> None:
        """Load some pages in a row."""
        data, lines = self._file(run)
        dialogue.load(
            run.start, len(data), lines, delay_seconds=delay,
            progress=lambda done: self.progress("load", done, len(lines)),
        )  # fmt: skip

    def _file(self, run: range) -> tuple[bytes, tuple[bytes, ...]]:
        data = self.image.content[run.start - mem.FLASH_BASE : run.stop - mem.FLASH_BASE]
        return data, srec_lines(run.start, data)

    def _prove(self, dialogue: Bootloader, contents: FlashContents, delay: float) -> None:
        """A digest over everything; a loader whose digests nobody understands compares itself."""
        if contents.find(mem.FLASH_BASE, [self.image.padded]) == 0:
            return
        if contents.end is not None:
            raise DialogueError("flash does not hold the image (SHA-256 differs)")
        pages = self.image.pages
        data, lines = self._file(range(pages.start, pages.stop))
        dialogue.verify(
            pages.start, len(data), lines, delay_seconds=delay,
            progress=lambda done: self.progress("verify", done, len(lines)),
        )  # fmt: skip
        self.proof = "the bootloader's own comparison"
        self.warnings.append(_strange_digests(self.target.url))


def _runs(pages: list[int]) -> Iterator[range]:
    """Pages in a row as ranges of addresses: a file must not have gaps."""
    step = mem.FLASH_PAGE_BYTES
    start = 0
    for index in range(1, len(pages) + 1):
        if index == len(pages) or pages[index] != pages[index - 1] + step:
            yield range(pages[start], pages[index - 1] + step)
            start = index


def _no_prompt(target: FlashTarget, seconds: float) -> Diagnostic:
    return Diagnostic(
        code="MX7411",
        where=target.url,
        what=f"no prompt of the bootloader within {seconds:.0f} s at {target.baud} baud",
        why=f"the ROM starts it when {' and '.join(rom.ACTIVATION_PINS)} are low during a reset, "
        f"and speaks at {rom.BAUD} baud",
        fix=HOW_TO_ACTIVATE,
    )


def _locked(url: str) -> Diagnostic:
    return Diagnostic(
        code="MX7412",
        where=url,
        what="the chip is locked: its flash can be neither read nor changed",
        why="unlocking erases the whole flash, so it is done on request only",
        fix="add --unlock to erase everything and go on",
    )


def _locked_for_ever(url: str) -> Diagnostic:
    return Diagnostic(
        code="MX7413",
        where=url,
        what="the chip is permanently locked (PLOCK)",
        why="nothing undoes this",
        fix="use another board",
    )


def _failed(url: str, failures: list[str]) -> Diagnostic:
    return Diagnostic(
        code="MX7414",
        where=url,
        what=f"flash could not be programmed in {len(failures)} attempts; it may hold a part of "
        "the image",
        why="; ".join(f"{n}: {text}" for n, text in enumerate(failures, 1)),
        fix="check cable and ground, then flash again: a plain second run begins where it must",
    )


def _strange_digests(url: str) -> Diagnostic:
    return Diagnostic(
        code="MX7415",
        where=url,
        what="the bootloader's digests (command H) are not understood",
        why="flash was compared by the bootloader itself (command V) instead",
        fix="please report the chip's revision: the table of assumptions lacks a case",
        severity="warning",
    )
