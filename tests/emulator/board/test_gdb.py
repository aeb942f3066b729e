"""The debugger's port, by a small client that speaks the protocol as its manual has it."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.emulator.board.gdb.packets import INTERRUPT, PacketReader, frame
from mxdeploy.emulator.board.image import load_image
from mxdeploy.link.control import State
from tests.emulator.board.bench import Bench, bench
from tests.emulator.board.probe import probe_elf, probe_image

pytest.importorskip("unicorn")
PC, SP, XPSR = 15, 13, 16
FLASH, SRAM = 0x10000000, 0x20000000
TRAP, SEGV, INT = b"T05thread:1;", b"T0bthread:1;", b"T02thread:1;"


# --- packets --------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 7))
def test_packets_survive_any_cutting(packets: list[bytes], size: int) -> None:
    stream = b"+".join(frame(packet) for packet in packets)
    reader, found, answers = PacketReader(), [], b""
    for start in range(0, len(stream), size):
        got, answer = reader.feed(stream[start : start + size])
        found += got
        answers += answer
    assert found == packets
    assert answers == b"+" * len(packets)


def test_a_packet_as_the_manual_has_it() -> None:
    assert frame(b"OK") == b"$OK#9a"
    assert frame(b"}") == b"$}]#da"
    assert PacketReader().feed(b"$OK#9b") == ([], b"-")
    assert PacketReader().feed(b"\x03$g#67") == ([INTERRUPT, b"g"], b"+")
    quiet = PacketReader(acknowledging=False)
    assert quiet.feed(b"$g#00") == ([b"g"], b"")
    assert quiet.feed(b"$" + b"x" * 100_000) == ([], b"")
    assert quiet.feed(b"$g#67") == ([b"g"], b"")


# --- a session --------------------------------------------------------------------------------


class Client:
    """A debugger that does what the test says."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place, timeout=10)
        self._buffer = b""
        self.console = ""

    def ask(self, packet: bytes) -> bytes:
        """Send a packet, wait for the answer."""
        self.send(packet)
        return self.answer()

    def send(self, packet: bytes) -> None:
        self.socket.sendall(b"$%b#%02x" % (packet, sum(packet) & 0xFF))

    def answer(self) -> bytes:
        """The next packet that is no console output."""
        while True:
            match = re.match(rb"\+*\$([^#]*)#..", self._buffer, re.DOTALL)
            if match is None:
                data = self.socket.recv(4096)
                if not data:
                    raise EOFError
                self._buffer += data
                continue
            self._buffer = self._buffer[match.end() :]
            self.socket.sendall(b"+")
            if match[1][:1] == b"O" and match[1] != b"OK":
                self.console += bytes.fromhex(match[1][1:].decode()).decode()
                continue
            return match[1]

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(b"p%x" % number).decode()), "little")

    def read(self, address: int, size: int) -> bytes:
        return bytes.fromhex(self.ask(b"m%x,%x" % (address, size)).decode())

    def monitor(self, text: str) -> str:
        return bytes.fromhex(self.ask(b"qRcmd," + text.encode().hex().encode()).decode()).decode()


@contextmanager
def debugging(scenario: str | None) -> Iterator[tuple[Client, Bench]]:
    """A stopped board, and a debugger; what it had said before is forgotten."""
    with bench(scenario, lazy=True) as board:
        client = Client(board.gdb)
        with client.socket:
            assert client.ask(b"?") == TRAP
            yield client, board


def symbol(name: str) -> int:
    from elftools.elf.elffile import ELFFile

    table = ELFFile(BytesIO(probe_elf())).get_section_by_name(".symtab")
    return int(table.get_symbol_by_name(name)[0]["st_value"]) & ~1


def test_connecting_stops_and_leaving_lets_run() -> None:
    with bench("echo") as board:
        board.port.write(b"a")
        board.expect(b"A")
        client = Client(board.gdb)
        assert client.ask(b"qSupported:multiprocess+").startswith(b"PacketSize=")
        assert board.control.status().state is State.HALTED
        seconds = board.control.status().seconds
        board.port.write(b"b")
        assert board.port.drain(quiet_seconds=0.2) == b""
        assert board.control.status().seconds == seconds
        assert client.ask(b"D") == b"OK"
        board.expect(b"B")
        client.socket.close()
        with Client(board.gdb).socket:
            board.wait_for(State.HALTED)
        board.wait_for(State.FIRMWARE)  # also when the debugger just disappears


def test_reset_stops_at_the_reset_vector() -> None:
    image = load_image(probe_image("echo"))
    stack, entry = struct.unpack_from("<2I", image.flash)
    with debugging("echo") as (gdb, board):
        board.port.drain(quiet_seconds=0.1)
        assert "reset" in gdb.monitor("reset halt")
        assert (gdb.register(SP), gdb.register(PC)) == (stack, entry & ~1)
        assert gdb.register(XPSR) == 1 << 24
        assert gdb.monitor("status").startswith("halted")
        assert "monitor reset" in gdb.monitor("help")
        gdb.send(b"c")
        board.expect(b"ready\n")


@pytest.mark.parametrize("kind", [b"0", b"1"])
def test_breakpoint_continue_step(kind: bytes) -> None:
    place = symbol("uart_init")
    with debugging("echo") as (gdb, board):
        board.port.drain(quiet_seconds=0.1)
        gdb.monitor("reset")
        assert gdb.ask(b"Z%b,%x,2" % (kind, place)) == b"OK"
        assert gdb.ask(b"vCont;c") == TRAP
        assert gdb.register(PC) == place
        assert gdb.register(0) == 64  # its argument
        assert gdb.ask(b"s") == TRAP
        assert place < gdb.register(PC) <= place + 4
        assert gdb.ask(b"vCont;s:1;c") == TRAP
        assert gdb.register(PC) > place + 2
        gdb.monitor("reset")
        assert gdb.ask(b"c") == TRAP  # still set after a reset
        assert gdb.register(PC) == place
        assert gdb.ask(b"z%b,%x,2" % (kind, place)) == b"OK"
        gdb.monitor("reset")
        gdb.send(b"c")
        board.expect(b"ready\n")
        gdb.socket.sendall(INTERRUPT)
        assert gdb.answer() == INT
        assert place != gdb.register(PC)


def test_a_breakpoint_in_a_loop_is_met_every_time() -> None:
    with debugging("echo") as (gdb, board):
        board.port.drain(quiet_seconds=0.1)
        gdb.monitor("reset")
        gdb.send(b"c")
        board.expect(b"ready\n")
        gdb.socket.sendall(INTERRUPT)
        assert gdb.answer() == INT
        places = set()
        for _ in range(6):
            places.add(gdb.register(PC))
            assert gdb.ask(b"s") == TRAP
        assert 2 <= len(places) <= 4
        for loop in sorted(places):
            gdb.ask(b"Z1,%x,2" % loop)
            for _ in range(3):
                assert gdb.ask(b"c") == TRAP
                assert gdb.register(PC) == loop
            gdb.ask(b"z1,%x,2" % loop)


def test_registers() -> None:
    with debugging("echo") as (gdb, _):
        for number, size in ((0, 4), (12, 4), (17, 8), (32, 8), (33, 4)):
            value = bytes(range(0x10 + number, 0x10 + number + size))
            if number == 33:  # only some bits of the status register exist
                value = b"\x00\x00\x00\xf0"
            assert gdb.ask(b"P%x=%b" % (number, value.hex().encode())) == b"OK"
            assert gdb.ask(b"p%x" % number) == value.hex().encode()
        everything = gdb.ask(b"g")
        assert len(everything) == 2 * (17 * 4 + 16 * 8 + 4)
        assert everything[:8] == b"10111213"
        assert gdb.ask(b"G" + everything) == b"OK"
        assert gdb.ask(b"g") == everything
        assert gdb.ask(b"p99") == b"E0e"
        assert gdb.ask(b"P0=00") == b"E01"
        assert gdb.ask(b"G00") == b"E01"
        assert gdb.ask(b"pzz") == b"E01"


def test_memory() -> None:
    image = load_image(probe_image("echo"))
    with debugging("echo") as (gdb, _):
        assert gdb.read(FLASH, 64) == image.flash[:64]
        place = SRAM + 0x10000
        assert gdb.ask(b"M%x,4:01020304" % place) == b"OK"
        assert gdb.ask(b"X%x,2:\x05}\x03" % (place + 4)) == b"OK"  # an escaped '#'
        assert gdb.read(place, 6) == b"\x01\x02\x03\x04\x05#"
        assert gdb.ask(b"X%x,0:" % place) == b"OK"
        # GPIO2's output register, and the lights of the board behind it
        assert gdb.ask(b"M%x,4:07000000" % 0x40080418) == b"OK"
        assert gdb.read(0x40080418, 4) == b"\x07\x00\x00\x00"
        for request in (b"m0,4", b"m60000000,4", b"m%x,4" % 0x40042FF0, b"M%x,1:00" % FLASH):
            assert gdb.ask(request) == b"E0e"
        for request in (b"m", b"mxx,4", b"M%x,4:01" % place, b"M%x,1:zz" % place):
            assert gdb.ask(request) == b"E01"


def test_descriptions() -> None:
    with debugging("echo") as (gdb, _):
        target = whole(gdb, b"qXfer:features:read:target.xml:")
        names = [item.get("name") for item in target.iter("reg")]
        assert names[:17] == [*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr"]
        assert names[17:] == [*(f"d{n}" for n in range(16)), "fpscr"]
        memory = whole(gdb, b"qXfer:memory-map:read::")
        flash = next(item for item in memory if item.get("type") == "flash")
        assert (flash.get("start"), flash.get("length")) == ("0x10000000", "0x80000")


def whole(gdb: Client, request: bytes) -> ET.Element:
    """A document read in small parts."""
    text = b""
    while True:
        part = gdb.ask(b"%b%x,64" % (request, len(text)))
        text += part[1:]
        if part[:1] == b"l":
            return ET.fromstring(text)


def test_a_fault_is_shown_where_it_happens() -> None:
    with debugging("unmapped_read") as (gdb, board):
        gdb.monitor("reset")
        board.faults.clear()  # of the run before the debugger came
        assert gdb.ask(b"c") == SEGV
        assert "0x60000000" in gdb.console
        place = gdb.register(PC)
        assert gdb.ask(b"s") == SEGV  # it stays there
        assert gdb.register(PC) == place
        assert board.faults == []
        assert gdb.ask(b"D") == b"OK"
        board.wait_for(State.LOCKED_UP)
        assert board.faults


def test_a_breakpoint_instruction_stops_like_a_breakpoint() -> None:
    code = SRAM + 0x10000
    with debugging("echo") as (gdb, _):
        assert gdb.ask(b"M%x,4:00bf00be" % code) == b"OK"  # nop; bkpt 0
        assert gdb.ask(b"P%x=%b" % (PC, (code | 1).to_bytes(4, "little").hex().encode())) == b"OK"
        assert gdb.ask(b"c") == TRAP
        assert gdb.register(PC) == code + 2


def test_programming_a_blank_board() -> None:
    image = load_image(probe_image("echo")).flash[:0x4000]
    with debugging(None) as (gdb, board):
        board.port.drain(quiet_seconds=0.1)
        assert gdb.ask(b"vFlashWrite:%x:abc" % FLASH) == b"E0e"  # not erased
        assert gdb.ask(b"vFlashErase:%x,100" % FLASH) == b"E0e"  # not whole pages
        assert gdb.ask(b"vFlashErase:%x,4000" % FLASH) == b"OK"
        for start in range(0, len(image), 3000):
            data = re.sub(
                rb"[$#}*]", lambda m: b"}" + bytes([m[0][0] ^ 0x20]), image[start:][:3000]
            )
            assert gdb.ask(b"vFlashWrite:%x:%b" % (FLASH + start, data)) == b"OK"
        assert gdb.read(FLASH, 8) == b"\xff" * 8
        assert gdb.ask(b"vFlashDone") == b"OK"
        assert gdb.read(FLASH, 64) == image[:64]
        gdb.monitor("reset")
        gdb.send(b"c")
        board.expect(b"ready\n")


def test_power_off_and_bootloader_end_the_session() -> None:
    with debugging("echo") as (gdb, board):
        board.control.reset(bootloader=True)
        with pytest.raises(EOFError):
            gdb.answer()
        with Client(board.gdb).socket as refused:  # nothing to debug while the ROM runs
            assert refused.recv(1) == b""
        board.control.reset()
        with Client(board.gdb).socket as second:
            board.wait_for(State.HALTED)
            with Client(board.gdb).socket as third:
                assert third.recv(1) == b""  # one at a time
            board.control.power(on=False)
            assert second.recv(1) == b""


def test_a_locked_chip_has_no_debug_port() -> None:
    with bench("echo") as board:
        board.control.reset(bootloader=True)
        board.expect(b"ULDR> ")
        board.port.write(b"LOCK\r\nQ\r\n")
        board.expect(b"ready\n")
        with Client(board.gdb).socket as refused:
            assert refused.recv(1) == b""
        board.control.reset(bootloader=True)
        assert board.expect(b"LLDR> ").endswith(b"LLDR> ")


@pytest.mark.parametrize("packet", [b"", b"zz", b"vMustReplyEmpty", b"Z2,0,4", b"qWhat", b"!"])
def test_unknown_packets_have_an_empty_answer(packet: bytes) -> None:
    with debugging("echo") as (gdb, _):
        assert gdb.ask(packet) == b""
        assert gdb.ask(b"QStartNoAckMode") == b"OK"
        assert gdb.ask(b"qAttached") == b"1"
