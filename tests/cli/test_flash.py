"""``mxdeploy flash`` against virtual boards that are processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link import bootloader
from mxdeploy.link.control import Control
from mxdeploy.link.flash_image import load_flash_image
from mxdeploy.link.flash_run import FlashOutcome, flash, methods, open_target
from mxdeploy.link.transport import Transport
from tests.cli.test_board import KINDS, Process, running
from tests.command import Mxdeploy
from tests.emulator.board.probe import probe_image
from tests.link.fake_board import LOCKING, UNLOCKING

pytest.importorskip("unicorn")
BAR_SECONDS = 5.0
FAST_BAUD = 10_000_000
"""A socket has no speed, but the host reckons with one: how long a file may be on its way."""


@pytest.fixture(scope="module")
def build(mxdeploy: Mxdeploy, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flash") / "cifar10"
    ran = mxdeploy("build", repository / "examples/cifar10/cifar10.onnx", "-o", folder, "-q")
    assert ran.exit_code == 0, ran.err
    return folder


@pytest.fixture(autouse=True)
def everything_sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytearray]:
    """Whatever a test does, no locking command may leave the host."""
    sent = bytearray()
    write = Transport.write

    def record(self: Transport, data: bytes) -> None:
        sent.extend(data)
        write(self, data)

    monkeypatch.setattr(Transport, "write", record)
    yield sent
    assert not LOCKING.search(sent)
    assert not UNLOCKING.search(sent)


def test_the_record_of_what_is_sent_is_one(
    everything_sent: bytearray, build: Path, tmp_path: Path, mxdeploy: Mxdeploy
) -> None:
    with running(tmp_path, "--socket", "0") as board:
        assert mxdeploy("flash", build, "--port", board.port, "--unlock").exit_code == 0
    assert b"\r\nS7" in everything_sent
    assert b"Q\r\n" in everything_sent


def options(kind: str) -> list[str]:
    return ["--socket", "0"] if kind == "socket" else []


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_blank_board_to_pass(
    kind: str, build: Path, tmp_path: Path, mxdeploy: Mxdeploy
) -> None:
    with running(tmp_path, *options(kind)) as board:
        port, started = board.port, time.monotonic()
        ran = mxdeploy("flash", build, "--port", port, "--json")
        seconds = time.monotonic() - started
        assert ran.exit_code == 0, ran.out
        result = ran.document["result"]
        assert (result["verdict"]["passed"], result["verdict"]["name"]) == (True, "cifar10")
        assert (result["method"], result["why"]) == ("bootloader", "a virtual board")
        assert (result["board"], result["attempts"]) == ("max78000fthr", 1)
        assert (result["pages_erased"], result["pages_kept"]) == (0, 0)
        assert seconds < BAR_SECONDS
        again = mxdeploy("flash", build, "--port", port)
        assert again.exit_code == 0
        assert "pages were right already" in again.out
        assert "PASS: cifar10" in again.out


def program_and_strike(board: Process, build: Path, strike: Callable[[], None]) -> FlashOutcome:
    """Program, and do something in the middle of the load."""
    image = load_flash_image(build)
    struck: list[int] = []

    def progress(phase: str, done: int, total: int) -> None:
        if phase == "load" and done > total // 2 and not struck:
            struck.append(done)
            strike()

    with open_target(board.port, baud=FAST_BAUD, image=image) as target:
        try:
            return flash(target, image, progress, ways=methods())
        finally:
            assert struck


def test_a_board_that_dies_in_the_middle(build: Path, tmp_path: Path, mxdeploy: Mxdeploy) -> None:
    """Cable out, in effect. The plain second run recovers."""
    kept = ["--flash", str(tmp_path / "flash.bin"), "--socket", "0"]
    with running(tmp_path, *kept) as board, pytest.raises(DeviceError) as caught:
        program_and_strike(board, build, board.process.kill)
    assert [d.code for d in caught.value.diagnostics] == ["MX7082"]
    (tmp_path / "port").unlink()
    with running(tmp_path, *kept) as board:
        ran = mxdeploy("flash", build, "--port", board.port)
        assert ran.exit_code == 0, ran.err
        assert "PASS: cifar10" in ran.out


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board on this machine answers sooner than one on a cable may."""
    monkeypatch.setattr(bootloader, "RESULT_SECONDS", 1.0)
    monkeypatch.setattr(bootloader, "SYNCHRONISE_SECONDS", (0.5, 1.0))


@pytest.mark.usefixtures("impatient")
def test_power_off_in_the_middle(build: Path, tmp_path: Path, mxdeploy: Mxdeploy) -> None:
    with running(tmp_path, "--socket", "0") as board, Control(board.control) as control:
        started = time.monotonic()
        with pytest.raises(DeviceError) as caught:
            program_and_strike(board, build, lambda: control.power(on=False))
        assert time.monotonic() - started < 60
        assert [d.code for d in caught.value.diagnostics] == [
            "MX7315"
        ]  # nothing resets a board without power
        control.power(on=True)
        ran = mxdeploy("flash", build, "--port", board.port)
        assert ran.exit_code == 0, ran.err
        assert "PASS: cifar10" in ran.out


@pytest.mark.usefixtures("impatient")
def test_a_reset_in_the_middle_is_noticed(build: Path, tmp_path: Path) -> None:
    """The board is called back into its bootloader, and the rest is loaded."""
    with running(tmp_path, "--socket", "0") as board, Control(board.control) as control:
        outcome = program_and_strike(board, build, control.reset)
    assert outcome.verdict is not None
    assert outcome.verdict.passed
    assert outcome.report.attempts == 2


def test_a_program_without_a_test_of_its_own(tmp_path: Path, mxdeploy: Mxdeploy) -> None:
    file = tmp_path / "echo.elf"
    file.write_bytes(probe_image("echo"))
    with running(tmp_path, "--socket", "0") as board:
        ran = mxdeploy("flash", file, "--port", board.port, "--no-wait", "--json")
        assert ran.exit_code == 0, ran.out
        assert ran.document["result"]["verdict"] is None
        assert ran.document["result"]["proof"] == "SHA-256 over its pages"


def test_an_application_that_fails_its_test(
    build: Path, tmp_path: Path, mxdeploy: Mxdeploy
) -> None:
    """A changed weight is flashed faithfully, and found by the firmware."""
    content = bytearray((build / "cifar10.bin").read_bytes())
    changed = len(content) // 2
    content[changed : changed + 64] = bytes(b ^ 0x55 for b in content[changed : changed + 64])
    file = tmp_path / "changed.bin"
    file.write_bytes(content)
    with running(tmp_path, "--socket", "0") as board:
        ran = mxdeploy("flash", file, "--port", board.port, "--json")
    assert (ran.exit_code, ran.codes) == (6, ["MX7422"])
    assert ran.document["result"]["verdict"]["passed"] is False


def test_an_image_for_another_board(build: Path, tmp_path: Path, mxdeploy: Mxdeploy) -> None:
    with running(tmp_path, "max78000evkit", "--socket", "0") as board:
        ran = mxdeploy("flash", build, "--port", board.port, "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX7403"])


def test_a_method_that_a_virtual_board_does_not_have(
    build: Path, tmp_path: Path, mxdeploy: Mxdeploy
) -> None:
    with running(tmp_path, "--socket", "0") as board:
        ran = mxdeploy("flash", build, "--port", board.port, "--method", "daplink", "--json")
    assert (ran.exit_code, ran.codes) == (5, ["MX7402"])
    assert "daplink" in ran.document["diagnostics"][0]["why"]


def test_no_such_port(build: Path, mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("flash", build, "--port", "socket://localhost:1", "--json")
    assert (ran.exit_code, ran.codes) == (5, ["MX7081"])


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 64, b"\x7fELF", b"plain text, no program", bytes(1 << 20)],
    ids=["empty", "erased", "ELF", "text", "too large"],
)
def test_what_is_no_program_is_not_programmed(
    content: bytes, tmp_path: Path, mxdeploy: Mxdeploy
) -> None:
    file = tmp_path / "image.bin"
    file.write_bytes(content)
    ran = mxdeploy("flash", file, "--port", "loop://", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX7401"])


def test_a_folder_that_is_no_build(tmp_path: Path, mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("flash", tmp_path, "--port", "loop://", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8040"])


def test_a_real_port_without_a_bootloader(build: Path, mxdeploy: Mxdeploy) -> None:
    """``loop://`` only echoes: nobody answers, and what to do is said."""
    ran = mxdeploy("flash", build, "--port", "loop://", "--method", "bootloader",
                   "--activation", "1", "--json")  # fmt: skip
    assert (ran.exit_code, ran.codes) == (5, ["MX7411"])
    assert "P0.29 (SWDCLK)" in ran.err
