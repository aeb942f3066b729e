"""The host side of the ROM bootloader works whichever way the open questions are answered."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import combinations, product
from pathlib import Path

import pytest

import mxdeploy
from mxdeploy.chip.max78000.bootloader import COMMANDS, LockState, Verb
from mxdeploy.chip.max78000.bootloader_assumptions import (
    DEFAULTS,
    QUESTIONS,
    Assumptions,
    DigestOrder,
    Echo,
    HashEnd,
    LoadError,
    Unerased,
    Unknown,
)
from mxdeploy.errors import DeviceError
from mxdeploy.link.bootloader import Bootloader
from mxdeploy.link.bootloader_flash import BootloaderMethod, longest_seconds
from mxdeploy.link.flash import FlashReport
from mxdeploy.link.flash_image import FlashImage
from tests.link.fake_board import UNLOCKING, FakeBoard, image_of

PAGE = 0x2000


def program(board: FakeBoard, image: FlashImage, *, unlock: bool = False) -> FlashReport:
    method = BootloaderMethod(activate=board.activate, clock=board.now)
    return method.program(board.target(unlock=unlock), image, lambda *_: None)


def pairwise() -> list[Assumptions]:
    """Every pair of settings of two questions occurs in one of these (greedy cover)."""
    choices = {q.name: q.choices for q in QUESTIONS}
    left = {
        ((a, x), (b, y))
        for a, b in combinations(choices, 2)
        for x, y in product(choices[a], choices[b])
    }
    cover: list[Assumptions] = []
    while left:
        chosen = dict(min(left, key=str))
        for name, values in choices.items():
            if name not in chosen:
                gain = [
                    sum(
                        pair in left
                        for other, value in chosen.items()
                        for pair in (((name, v), (other, value)), ((other, value), (name, v)))
                    )
                    for v in values
                ]
                chosen[name] = values[gain.index(max(gain))]
        cover.append(Assumptions(**chosen))  # type: ignore[arg-type]
        left -= set(combinations(((n, chosen[n]) for n in choices), 2))
    return cover


COVER = pairwise()


def test_the_cover_has_every_pair_of_settings() -> None:
    names = [q.name for q in QUESTIONS]
    assert names == [f.name for f in fields(Assumptions)]
    for a, b in combinations(QUESTIONS, 2):
        seen = {(getattr(c, a.name), getattr(c, b.name)) for c in COVER}
        assert seen == set(product(a.choices, b.choices))


@pytest.mark.parametrize("assumptions", COVER, ids=lambda a: str(COVER.index(a)))
@pytest.mark.parametrize("before", ["blank", "old", "partly"])
def test_works_with_every_pair_of_assumptions(assumptions: Assumptions, before: str) -> None:
    image, other = image_of(2 * PAGE + 700), image_of(6 * PAGE, fill=3)
    content = {
        "blank": b"",
        "old": other.content,
        "partly": image.page(image.pages[0]) + other.content[PAGE:],
    }[before]
    board = FakeBoard(image, content=content, assumptions=assumptions)
    report = program(board, image)
    assert board.holds(image)
    assert b"@result PASS" in report.heard
    assert (report.proof, report.attempts) == ("SHA-256 over its pages", 1)
    assert report.pages_erased == {"blank": 0, "old": 3, "partly": 2}[before]
    assert report.pages_kept == {"blank": 0, "old": 0, "partly": 1}[before]
    behind = board.flash.content[len(image.padded) : len(content)]
    assert behind == content[len(image.padded) :], "other pages were touched"
    again = program(board, image)
    assert (again.pages_erased, again.pages_kept) == (0, 3)
    assert board.flash.programmed == -(-len(image.content) // 16) - (
        512 if before == "partly" else 0
    )


def test_scattered_pages_are_files_of_their_own() -> None:
    """A file for the loader has no gaps."""
    image = image_of(5 * PAGE)
    content = bytearray(image.content)
    content[PAGE] ^= 1
    content[4 * PAGE - 1] ^= 1
    board = FakeBoard(image, content=bytes(content))
    report = program(board, image)
    assert board.holds(image)
    assert board.flash.erased == [0x1000_2000, 0x1000_6000]
    assert report.pages_kept == 3
    assert board.sent.count(b"S70510") == 2 + 2  # two files, two synchronisations


def test_the_last_page_of_flash_can_be_programmed() -> None:
    image = image_of(64 * PAGE)
    for end in HashEnd:
        board = FakeBoard(image, assumptions=replace(DEFAULTS, hash_end=end))
        program(board, image)
        assert board.holds(image)


def test_digests_that_nobody_understands() -> None:
    """The loader's own comparison is the proof then, and a warning says so."""
    image = image_of(PAGE + 5)
    board = FakeBoard(image, content=b"\0" * 3 * PAGE)
    execute = board.rom._hash
    board.rom._actions[Verb.HASH] = lambda argument: ((execute(argument) or ("",))[0][::-1],)
    report = program(board, image)
    assert board.holds(image)
    assert report.proof == "the bootloader's own comparison"
    assert [d.code for d in report.diagnostics] == ["MX7415"]


def test_flash_that_cannot_be_erased_is_no_success() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image, content=b"\0" * PAGE)
    board.flash.erase_page = lambda _address: None  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="Erase failed") as caught:
        program(board, image)
    assert caught.value.diagnostics[0].code == "MX7414"


@pytest.mark.parametrize("unerased", list(Unerased))
def test_flash_with_a_stuck_bit_is_no_success(unerased: Unerased) -> None:
    image = image_of(2 * PAGE)
    board = FakeBoard(image, assumptions=replace(DEFAULTS, unerased=unerased))
    write = board.flash.program

    def stuck(address: int, data: bytes) -> None:
        write(address, data)
        board.flash.content[PAGE + 77] = image.content[PAGE + 77] ^ 1

    board.flash.program = stuck  # type: ignore[method-assign]
    with pytest.raises(DeviceError) as caught:
        program(board, image)
    assert caught.value.diagnostics[0].code == "MX7414"


def test_no_prompt_is_explained() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image)
    method = BootloaderMethod(activate=lambda _target: None, clock=board.now)
    with pytest.raises(DeviceError, match=r"P0\.0 and P0\.29") as caught:
        method.program(board.target(), image, lambda *_: None)
    assert caught.value.diagnostics[0].code == "MX7411"
    assert board.seconds < 10


def test_a_person_activates_the_loader() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image)
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        if "waiting" in text:
            board.activate()

    method = BootloaderMethod(clock=board.now)
    method.program(replace(board.target(), say=say), image, lambda *_: None)
    assert board.holds(image)
    assert "P0.29" in told[0]
    assert "take the two connections away" in told[1]


def test_nobody_activates_the_loader() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image)
    with pytest.raises(DeviceError) as caught:
        BootloaderMethod(clock=board.now).program(board.target(), image, lambda *_: None)
    assert caught.value.diagnostics[0].code == "MX7411"
    assert 10 <= board.seconds < 20


def test_a_loader_that_is_there_already_needs_nobody() -> None:
    image = image_of(PAGE)
    for unknown in Unknown:
        board = FakeBoard(image, assumptions=replace(DEFAULTS, unknown=unknown))
        board.activate()
        BootloaderMethod(clock=board.now).program(board.target(), image, lambda *_: None)
        assert board.holds(image)
        assert board.resets == 2


# --- locks ----------------------------------------------------------------------------------


def test_a_locked_chip_is_left_alone_without_the_users_word() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image, content=b"\x55" * 100, lock_state=LockState.LOCKED)
    with pytest.raises(DeviceError, match="--unlock") as caught:
        program(board, image)
    assert caught.value.diagnostics[0].code == "MX7412"
    assert board.flash.read(0x1000_0000, 100) == b"\x55" * 100


def test_a_locked_chip_is_unlocked_on_request() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image, content=b"\x55" * 9 * PAGE, lock_state=LockState.LOCKED,
                      may_unlock=True)  # fmt: skip
    program(board, image, unlock=True)
    assert board.holds(image)
    assert board.rom.lock_state is LockState.UNLOCKED
    assert len(UNLOCKING.findall(bytes(board.sent))) == 1
    assert set(board.flash.content[PAGE:]) == {0xFF}


def test_unlock_is_not_sent_to_an_unlocked_chip() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image, content=b"\x55" * 9 * PAGE)
    program(board, image, unlock=True)
    assert board.holds(image)
    assert board.flash.read(0x1000_4000, 16) == b"\x55" * 16


@pytest.mark.parametrize("unlock", [True, False])
def test_a_permanently_locked_chip_is_left_alone(unlock: bool) -> None:
    image = image_of(PAGE)
    board = FakeBoard(image, content=b"\x55" * 100, lock_state=LockState.PERMLOCKED)
    with pytest.raises(DeviceError, match="permanently") as caught:
        program(board, image, unlock=unlock)
    assert caught.value.diagnostics[0].code == "MX7413"


def test_the_dialogue_cannot_send_a_lock() -> None:
    never = {c.verb for c in COMMANDS if c.never_sent}
    assert never == {Verb.LOCK, Verb.PLOCK, Verb.UNLOCK, Verb.STATUS}
    board = FakeBoard(image_of(PAGE))
    dialogue = Bootloader(board, "fake", limit_seconds=10, clock=board.now)
    for verb in never:
        with pytest.raises(ValueError, match="never sent"):
            dialogue._command(verb)
    dialogue.unlock()  # without a prompt of a locked chip
    assert board.sent == b""


def test_no_source_but_the_description_and_the_model_names_the_locks() -> None:
    """The host's sources have UNLOCK in one place, LOCK and PLOCK in none."""
    package = Path(mxdeploy.__file__).parent
    allowed = {"chip/max78000/bootloader.py", "emulator/board/rom/bootloader.py"}
    places = {
        (file.relative_to(package).as_posix(), word)
        for file in package.rglob("*.py")
        for word in ("Verb.LOCK", "Verb.PLOCK", "Verb.UNLOCK", '"LOCK', '"PLOCK', '"UNLOCK',
                     'b"LOCK', 'b"PLOCK', 'b"UNLOCK')
        if word in file.read_text(encoding="utf-8")
    }  # fmt: skip
    outside = {(name, word) for name, word in places if name not in allowed}
    assert outside == {("link/bootloader.py", "Verb.UNLOCK")}
    source = (package / "link/bootloader.py").read_text(encoding="utf-8")
    assert source.count("Verb.UNLOCK") == 1


# --- time -----------------------------------------------------------------------------------


def test_a_line_that_babbles_for_ever_ends_with_the_limit() -> None:
    image = image_of(PAGE)
    board = FakeBoard(image)

    def read(size: int, *, timeout_seconds: float) -> bytes:
        board.seconds += 0.01 + timeout_seconds * 0
        return b"\xa5" * min(size, 3)

    board.activate()
    board.read = read  # type: ignore[method-assign]
    with pytest.raises(DeviceError) as caught:
        program(board, image)
    assert caught.value.diagnostics[0].code in {"MX7410", "MX7411", "MX7414"}
    assert board.seconds < longest_seconds(len(image.content), 115200) + 20


@pytest.mark.parametrize("load_error", list(LoadError))
@pytest.mark.parametrize("echo", list(Echo))
def test_a_record_lost_once_is_sent_again(load_error: LoadError, echo: Echo) -> None:
    image = image_of(2 * PAGE)
    order = DigestOrder.REVERSED
    board = FakeBoard(
        image, assumptions=replace(DEFAULTS, load_error=load_error, echo=echo, digest_order=order)
    )
    receive, lost = board.receive, []

    def lose(data: bytes) -> None:
        if b"S3" in data and not lost:
            lost.append(data[100:150])
            data = data[:100] + data[150:]
        receive(data)

    board.receive = lose  # type: ignore[method-assign]
    report = program(board, image)
    assert board.holds(image)
    assert report.attempts == 2


def test_a_line_with_deep_buffers_is_waited_for() -> None:
    """All is taken at once, and goes over the line at 115200 baud: one attempt is enough."""
    image = image_of(3 * PAGE)
    board = FakeBoard(image)
    receive, read, waiting = board.receive, board.read, bytearray()
    free_at = 0.0

    def buffered(data: bytes) -> None:
        waiting.extend(data)

    def slow(size: int, *, timeout_seconds: float) -> bytes:
        nonlocal free_at
        free_at = max(free_at, board.seconds - 0.1)
        while waiting and free_at < board.seconds:
            free_at += 64 * 10 / 115200
            receive(bytes(waiting[:64]))
            del waiting[:64]
        return read(size, timeout_seconds=min(timeout_seconds, 0.05))

    board.receive, board.read = buffered, slow  # type: ignore[method-assign]
    report = program(board, image)
    assert board.holds(image)
    assert report.attempts == 1
    assert board.seconds > 2.8 * len(image.content) * 10 / 115200
