"""The device side of the ROM bootloader, against the words of the user guide."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000.bootloader import COMMANDS, LockState
from mxdeploy.chip.max78000.bootloader_assumptions import (
    DEFAULTS,
    Assumptions,
    Case,
    Checksums,
    DigestOrder,
    Digits,
    Echo,
    EmptyLine,
    FileEnd,
    HashEnd,
    LineEnd,
    LoadError,
    Space,
    Unerased,
    Unknown,
)
from mxdeploy.emulator.board.rom import RomBootloader
from tests.flash_memory import MemoryFlash

QUIET = replace(DEFAULTS, echo=Echo.NONE)
USN = bytes(range(13))
IMAGE = bytes(n * 7 % 251 for n in range(64))
# Written by hand from the description of the format: type, count, address, data, checksum.
RECORDS = (
    b"S00600004844521B\r\n"
    b"S31510000000" + b"00112233445566778899AABBCCDDEEFF" + b"E2\r\n"
    b"S30910000010DEADBEEF9E\r\n"
    b"S70510000000EA\r\n"
)
CONTENT = bytes.fromhex("00112233445566778899AABBCCDDEEFFDEADBEEF")


def loader(
    content: bytes = b"", *, state: LockState = LockState.UNLOCKED, **given: object
) -> tuple[RomBootloader, MemoryFlash]:
    flash = MemoryFlash(content)
    assumptions = replace(QUIET, **given)  # type: ignore[arg-type]
    rom = RomBootloader(flash, assumptions=assumptions, lock_state=state, usn=USN)
    rom.start()
    return rom, flash


@pytest.mark.parametrize(
    ("state", "prompt"),
    [
        (LockState.UNLOCKED, b"ULDR> "),
        (LockState.LOCKED, b"LLDR> "),
        (LockState.PERMLOCKED, b"PLLDR> "),
    ],
)
def test_prompts(state: LockState, prompt: bytes) -> None:
    rom, _ = loader(state=state)
    assert rom.start() == prompt
    assert rom.feed(b"\r\n") == prompt


def test_identity_status_and_erase_as_the_guide_prints_them() -> None:
    rom, flash = loader(b"\x00" * 0x6000)
    assert rom.feed(b"I\r\n") == b"USN: 000102030405060708090a0b0c\r\nULDR> "
    assert rom.feed(b"S\r\n") == b"Status\r\nLock: Inactive\r\nPLock: Inactive\r\nULDR> "
    assert rom.feed(b"P 0x10002000\r\n") == b"Erase Page Address: 0x10002000\r\nOK\r\nULDR> "
    assert flash.read(0x1000_0000, 0x6000) == bytes(0x2000) + b"\xff" * 0x2000 + bytes(0x2000)


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        (b"", b"Bad page address input"),
        (b" 10002000", b"Bad page address input"),
        (b" 0xnonsense", b"Bad page address input"),
        (b" 0x10002001", b"Invalid Page Address: 0x10002001"),
        (b" 0x10080000", b"Invalid Page Address: 0x10080000"),
        (b" 0x20000000", b"Invalid Page Address: 0x20000000"),
    ],
)
def test_bad_pages_are_refused(argument: bytes, answer: bytes) -> None:
    rom, flash = loader()
    assert rom.feed(b"P" + argument + b"\r\n") == answer + b"\r\nULDR> "
    assert flash.erased == []


def test_a_page_that_cannot_be_erased_is_told() -> None:
    rom, flash = loader(b"\x00")
    flash.erase_page = lambda _address: None  # type: ignore[method-assign]
    assert rom.feed(b"P 0x10000000\r\n") == b"Erase failed\r\nULDR> "


def test_load_and_verify() -> None:
    rom, flash = loader()
    assert rom.feed(b"L\r\n") == b"Ready to load SREC\r\n"
    assert rom.feed(RECORDS) == (
        b"Load success, image loaded with the following parameters:\r\n"
        b"Base address: 0x10000000\r\nLength: 0x00000014\r\nULDR> "
    )
    assert flash.read(0x1000_0000, 32) == CONTENT.ljust(32, b"\xff")
    assert rom.feed(b"V\r\n") == b"Ready to verify SREC\r\n"
    assert rom.feed(RECORDS) == (
        b"Verify success, image verified with the following parameters:\r\n"
        b"Base address: 0x10000000\r\nLength: 0x00000014\r\nULDR> "
    )
    flash.content[3] ^= 1
    rom.feed(b"V\r\n")
    assert rom.feed(RECORDS) == b"Verify failed.\r\nULDR> "


@given(st.lists(st.integers(1, 60), max_size=12), st.sampled_from(FileEnd), st.booleans())
def test_pieces_do_not_matter(sizes: list[int], file_end: FileEnd, echo: bool) -> None:
    """Whatever the pieces a dialogue arrives in, the answers and the flash are the same."""
    told = Echo.EVERYTHING if echo else Echo.NONE
    dialogue = b"\r\nI\r\nL\r\n" + RECORDS + b"V\r\n" + RECORDS + b"H 0x10000000 0x100003ff\r\n"
    whole, flash = loader(file_end=file_end)
    cut, other = loader(file_end=file_end, echo=told)
    answers, place = bytearray(), 0
    for size in [*sizes, len(dialogue)]:
        answers += cut.feed(dialogue[place : place + size])
        place += size
    expected = whole.feed(dialogue)
    assert other.content == flash.content
    assert flash.read(0x1000_0000, 20) == CONTENT
    if not echo:
        assert bytes(answers) == expected
    else:
        assert b"Verify success" in answers
        assert len(answers) == len(expected) + len(dialogue)


@pytest.mark.parametrize(
    "line",
    [
        b"S30910000010DEADBEEF9F",  # checksum
        b"S30910000010DEADBEE79E",  # data
        b"S30A10000010DEADBEEF9E",  # count
        b"S30920000000DEADBEEF9E",  # RAM (vendor's SDK, issue 1343)
        b"S30910080000DEADBEEF26",  # behind flash
        b"S30910000012DEADBEEF9C",  # not aligned to 32 bits
        b"S30810000010DEADBE8E",  # not a multiple of 4 bytes
        b"S1071000DEADBEEFB0",  # 16-bit address: not flash
        b"S30910000010DEADBEEG9E",
        b"S4",
        b"rubbish",
    ],
)
def test_bad_records_fail_the_load(line: bytes) -> None:
    rom, flash = loader()
    rom.feed(b"L\r\n")
    assert rom.feed(line + b"\r\n") == b""
    assert rom.feed(b"S70510000000EA\r\n") == b"Load failed.\r\nULDR> "
    assert flash.content == MemoryFlash().content


def test_a_failed_load_may_end_at_once() -> None:
    rom, _ = loader(load_error=LoadError.AT_ONCE, unknown=Unknown.TEXT)
    rom.feed(b"L\r\n")
    assert rom.feed(b"rubbish\r\nS70510000000EA\r\n") == (
        b"Load failed.\r\nULDR> Unknown command\r\nULDR> "
    )


def test_checksums_may_be_ignored() -> None:
    rom, flash = loader(checksums=Checksums.IGNORED)
    rom.feed(b"L\r\n")
    assert b"Load success" in rom.feed(RECORDS.replace(b"BEEF9E", b"BEEF00"))
    assert flash.read(0x1000_0000, 20) == CONTENT


def test_an_empty_file_is_no_success() -> None:
    rom, _ = loader()
    rom.feed(b"L\r\n")
    assert rom.feed(b"S70510000000EA\r\n") == b"Load failed.\r\nULDR> "


def test_endless_lines_are_bounded() -> None:
    rom, _ = loader()
    rom.feed(b"L\r\n")
    rom.feed(b"S3" + b"0" * 5000)
    assert rom.feed(b"\r\nS70510000000EA\r\n") == b"Load failed.\r\nULDR> "
    assert rom.feed(b"x" * 5000 + b"\r\nI\r\n").count(b"ULDR> ") == 2


@pytest.mark.parametrize("choice", list(Unerased))
def test_loading_over_flash_that_is_not_erased(choice: Unerased) -> None:
    rom, flash = loader(bytes.fromhex("0f" * 64), unerased=choice)
    rom.feed(b"L\r\n")
    answer = rom.feed(RECORDS)
    if choice is Unerased.FAIL:
        assert answer == b"Load failed.\r\nULDR> "
        assert flash.read(0x1000_0000, 64) == bytes.fromhex("0f" * 64)
        return
    assert answer.startswith(b"Load success")
    mask = 0xFF if choice is Unerased.ERASE else 0x0F
    assert flash.read(0x1000_0000, 20) == bytes(b & mask for b in CONTENT)
    assert flash.read(0x1000_0020, 1) == (b"\xff" if choice is Unerased.ERASE else b"\x0f")


def test_hash_with_either_end_and_order() -> None:
    content = bytes(n % 256 for n in range(1024))
    both, lacking = hashlib.sha256(content[:512]), hashlib.sha256(content[:513])
    rom, _ = loader(content)
    assert rom.feed(b"H 0x10000000 0x100001ff\r\n") == both.hexdigest().encode() + b"\r\nULDR> "
    assert lacking.hexdigest().encode() in rom.feed(b"H 0x10000000 0x10000200\r\n")
    rom, _ = loader(content, hash_end=HashEnd.EXCLUSIVE, digits=Digits.UPPER)
    assert rom.feed(b"H 0x10000000 0x10000200\r\n").startswith(both.hexdigest().upper().encode())
    rom, _ = loader(content, digest_order=DigestOrder.REVERSED)
    reverse = both.digest()[::-1].hex().encode()
    assert rom.feed(b"H 0x10000000 0x100001ff\r\n").startswith(reverse)


@pytest.mark.parametrize(
    "argument",
    [b"", b" 0x10000000", b" 0x10000000 0x100001fe", b" 0x100001ff 0x10000000",
     b" 0x1007ff00 0x10080100", b" 0x20000000 0x20001000", b" 0x10000000 0x10001000 0x1"],
)  # fmt: skip
def test_hash_of_a_bad_range_is_an_empty_line(argument: bytes) -> None:
    rom, _ = loader()
    assert rom.feed(b"H" + argument + b"\r\n") == b"\r\nULDR> "


@pytest.mark.parametrize("state", list(LockState))
def test_lock_states_permit_what_the_table_says(state: LockState) -> None:
    arguments = {"P": " 0x10000000", "H": " 0x10000000 0x10001fff", "PLOCK": f" {USN.hex()}"}
    for command in COMMANDS:
        rom, _ = loader(state=state, unknown=Unknown.TEXT)
        line = command.verb + arguments.get(command.verb, "") + "\r\n"
        refused = b"Unknown command" in rom.feed(line.encode())
        assert refused == (state not in command.states), command.verb
    permitted = {c.verb.value for c in COMMANDS if LockState.PERMLOCKED in c.states}
    assert permitted == {"H", "I", "Q"}


def test_lock_takes_effect_with_the_next_reset_and_unlock_erases_everything() -> None:
    rom, flash = loader(b"\x12" * 0x8_0000)
    assert rom.feed(b"LOCK\r\n") == b"OK\r\nULDR> "
    assert rom.feed(b"S\r\n") == b"Status\r\nLock: Active\r\nPLock: Inactive\r\nULDR> "
    assert rom.start() == b"LLDR> "
    assert rom.feed(b"P 0x10000000\r\n") == b"LLDR> "
    assert rom.feed(b"UNLOCK\r\n") == b""
    assert rom.left
    assert rom.start() == b"ULDR> "
    assert not rom.left
    assert flash.content == MemoryFlash().content


def test_plock_needs_the_serial_number_and_cannot_be_undone() -> None:
    rom, flash = loader(b"\x12" * 64)
    assert rom.feed(b"PLOCK " + b"00" * 13 + b"\r\n") == b"Failed\r\nULDR> "
    assert rom.lock_state is LockState.UNLOCKED
    assert rom.feed(b"PLOCK " + USN.hex().encode() + b"\r\n") == b"OK\r\nULDR> "
    assert b"PLock: Active" in rom.feed(b"S\r\n")
    rom.feed(b"UNLOCK\r\nLOCK\r\n")
    assert rom.start() == b"PLLDR> "
    rom.feed(b"UNLOCK\r\n")
    assert not rom.left
    assert flash.read(0x1000_0000, 64) == b"\x12" * 64


def test_quit_resets_and_the_rest_is_lost() -> None:
    rom, _ = loader()
    assert rom.feed(b"Q\r\nI\r\n") == b""
    assert rom.left
    assert rom.feed(b"I\r\n") == b""
    assert rom.start() == b"ULDR> "
    assert rom.feed(b"I\r\n").startswith(b"USN: ")


@pytest.mark.parametrize(
    ("given", "sent", "answer"),
    [
        ({"unknown": Unknown.SILENCE}, b"XYZ\r\n", b""),
        ({"unknown": Unknown.PROMPT}, b"XYZ\r\n", b"ULDR> "),
        ({"empty_line": EmptyLine.SILENCE}, b"\r\n", b""),
        ({"case": Case.UPPER}, b"i\r\n", b"ULDR> "),
        ({"case": Case.ANY}, b"s\r\n", b"Status\r\nLock: Inactive\r\nPLock: Inactive\r\nULDR> "),
        ({"line_end": LineEnd.LF}, b"\rX\r", b""),
        ({"line_end": LineEnd.CR}, b"\nX\n", b""),
        ({"line_end": LineEnd.CR}, b"\nX\r", b"ULDR> "),
        ({"line_end": LineEnd.ANY}, b"X\rX\nX\r\n", b"ULDR> " * 3),
        ({"space": Space.NONE}, b"P 0x10000000\r\n",
         b"Erase Page Address:0x10000000\r\nOK\r\nULDR> "),
        ({"space": Space.WIDE}, b"P 0x10000000\r\n",
         b"  Erase Page Address: 0x10000000 \r\n  OK \r\n\r\nULDR> "),
        ({"echo": Echo.COMMANDS}, b"XY\r\n", b"XY\rULDR> \n"),  # the CR ends the command
    ],
)  # fmt: skip
def test_assumptions_change_the_answers(
    given: dict[str, object], sent: bytes, answer: bytes
) -> None:
    rom, _ = loader(**given)
    assert rom.feed(sent) == answer


def test_the_end_of_a_file_may_be_its_checksum() -> None:
    rom, _ = loader(file_end=FileEnd.CHECKSUM)
    rom.feed(b"L\r\n")
    answer = rom.feed(RECORDS.rstrip())
    assert answer.startswith(b"Load success")
    assert rom.feed(b"\r\n") == b"ULDR> "


def test_a_restart_forgets_a_file_half_sent() -> None:
    rom, _ = loader()
    rom.feed(b"L\r\n" + RECORDS[:30])
    assert rom.start() == b"ULDR> "
    assert rom.feed(b"I\r\n").startswith(b"USN: ")


@given(st.binary(max_size=400), st.builds(Assumptions))
def test_noise_is_survived(noise: bytes, assumptions: Assumptions) -> None:
    rom = RomBootloader(MemoryFlash(), assumptions=assumptions)
    rom.start()
    rom.feed(noise)
    rom.feed(b"\r\nS70510000000EA\r\n")
    if not rom.left:
        assert b"USN:" in rom.feed(b"I\r\n")
