"""The ROM bootloader: prompts, lock states, commands, answers, limits.

The device side (``emulator/board/rom``) answers by this description, the host (``link/bootloader``)
reads by it, ``docs/bootloader.md`` prints it. What the user guide leaves open is in
``bootloader_assumptions``.

Source: user guide chapter 26 and the vendor's quick start for the internal bootloader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BAUD = 115200
"""Speed of UART0; 8 data bits, no parity, 1 stop bit (the guide states the speed only)."""
ACTIVATION_PINS = ("P0.0", "P0.29")
"""UART0 RX and SWDCLK: both low while the reset is released activate the loader."""
LINE_END = b"\r\n"
HASH_BYTES_MIN = 512
USN_BYTES = 13
DIGEST_BYTES = 32
LINE_BYTES_MAX = 600
"""Longest line the model takes: an S-record has at most 2 + 2 * 256 characters."""


class LockState(StrEnum):
    """What the loader permits."""

    UNLOCKED = "unlocked"
    LOCKED = "locked"
    PERMLOCKED = "permanently locked"


U, L, P = LockState.UNLOCKED, LockState.LOCKED, LockState.PERMLOCKED
PROMPTS = {U: b"ULDR> ", L: b"LLDR> ", P: b"PLLDR> "}
"""The prompt of PERMLOCKED contains that of LOCKED: look for the longer one first."""
SECURE_PROMPT = b"CR> "
"""Challenge prompt of parts with the secure loader, which the MAX78000EXG+ is not."""


class Verb(StrEnum):
    """Command letters."""

    LOAD = "L"
    ERASE = "P"
    VERIFY = "V"
    HASH = "H"
    IDENTIFY = "I"
    STATUS = "S"
    QUIT = "Q"
    LOCK = "LOCK"
    PLOCK = "PLOCK"
    UNLOCK = "UNLOCK"


OK = "OK"
FAILED = "Failed"
READY_TO_LOAD = "Ready to load SREC"
READY_TO_VERIFY = "Ready to verify SREC"
LOAD_SUCCESS = "Load success, image loaded with the following parameters:"
LOAD_FAILED = "Load failed."
VERIFY_SUCCESS = "Verify success, image verified with the following parameters:"
VERIFY_FAILED = "Verify failed."
BASE_ADDRESS = "Base address:"
LENGTH = "Length:"
ERASING = "Erase Page Address:"
BAD_PAGE = "Bad page address input"
INVALID_PAGE = "Invalid Page Address:"
ERASE_FAILED = "Erase failed"
USN = "USN:"
STATUS = "Status"
STATUS_LOCK = "Lock:"
STATUS_PLOCK = "PLock:"
ACTIVE, INACTIVE = "Active", "Inactive"
UNKNOWN_COMMAND = "Unknown command"
"""Text of the model's answer to an unknown command, where the assumption is that there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the loader.

    Attributes:
        verb: letters.
        argument: what follows after one space; empty for nothing.
        states: lock states that permit it.
        does: what it is for.
        success: answer when all is well; empty for none.
        failure: answers otherwise.
        never_sent: why the host never sends it by itself; empty when it does.
    """

    verb: Verb
    does: str
    states: frozenset[LockState] = frozenset({U})
    argument: str = ""
    success: tuple[str, ...] = ()
    failure: tuple[str, ...] = ()
    never_sent: str = ""


_PARAMETERS = (f"{BASE_ADDRESS} 0xnnnnnnnn", f"{LENGTH} 0xnnnnnnnn")
_EVERY = frozenset({U, L, P})

COMMANDS = (
    Command(
        verb=Verb.LOAD,
        does="programs the S-record file that is sent after the first answer",
        success=(READY_TO_LOAD, LOAD_SUCCESS, *_PARAMETERS),
        failure=(LOAD_FAILED,),
    ),
    Command(
        verb=Verb.ERASE,
        argument="0xnnnnnnnn",
        does="erases one page of 8 KB",
        success=(f"{ERASING} 0xnnnnnnnn", OK),
        failure=(BAD_PAGE, ERASE_FAILED, f"{INVALID_PAGE} 0xnnnnnnnn"),
    ),
    Command(
        verb=Verb.VERIFY,
        does="compares flash with the S-record file that is sent after the first answer",
        success=(READY_TO_VERIFY, VERIFY_SUCCESS, *_PARAMETERS),
        failure=(VERIFY_FAILED,),
    ),
    Command(
        verb=Verb.HASH,
        argument="0xnnnnnnnn 0xnnnnnnnn",
        states=_EVERY,
        does=f"SHA-256 over a range of at least {HASH_BYTES_MIN} bytes",
        success=("n" * 2 * DIGEST_BYTES,),
        failure=("an empty line",),
    ),
    Command(
        verb=Verb.IDENTIFY,
        states=_EVERY,
        does="unique serial number",
        success=(f"{USN} {'n' * 2 * USN_BYTES}",),
    ),
    Command(
        verb=Verb.STATUS,
        does="lock states",
        success=(
            STATUS,
            f"{STATUS_LOCK} {ACTIVE} or {INACTIVE}",
            f"{STATUS_PLOCK} {ACTIVE} or {INACTIVE}",
        ),
        never_sent="the prompt tells the same",
    ),
    Command(
        verb=Verb.QUIT,
        states=_EVERY,
        does="resets the chip; with the activation pins released the application starts",
    ),
    Command(
        verb=Verb.LOCK,
        does="from the next reset on: no debug port, flash can only be hashed",
        success=(OK,),
        failure=(FAILED,),
        never_sent="it locks the user out",
    ),
    Command(
        verb=Verb.PLOCK,
        argument="the chip's own USN",
        states=frozenset({U, L}),
        does="LOCK that nothing undoes",
        success=(OK,),
        failure=(FAILED,),
        never_sent="it is irreversible",
    ),
    Command(
        verb=Verb.UNLOCK,
        states=frozenset({U, L}),
        does="erases the whole flash, unlocks, resets the chip",
        never_sent="it erases everything; only with --unlock, and only to a locked chip",
    ),
)
BY_VERB = {command.verb: command for command in COMMANDS}
