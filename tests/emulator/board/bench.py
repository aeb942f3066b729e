"""A board on a bench: served on a thread of its own, reached only through its ports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.control import ControlPort
from mxdeploy.emulator.board.flash_store import FlashStore
from mxdeploy.emulator.board.gdb import GdbServer
from mxdeploy.emulator.board.image import Image, load_image
from mxdeploy.emulator.board.live import LiveBoard, Settings
from mxdeploy.emulator.board.serve import listen, serve_socket
from mxdeploy.errors import Diagnostic
from mxdeploy.link.control import Control, State
from mxdeploy.link.transport import Transport
from tests.emulator.board.probe import probe_image

PATIENCE_SECONDS = 10.0


@dataclass(kw_only=True)
class Bench:
    """What is on the table."""

    board: LiveBoard
    control: Control
    url: str
    gdb: tuple[str, int]
    faults: list[Diagnostic] = field(default_factory=list)
    lights: list[dict[str, bool]] = field(default_factory=list)
    stack: ExitStack

    @cached_property
    def port(self) -> Transport:
        """The serial port, opened by the first use: closing it takes pyserial 0.3 s."""
        return self.stack.enter_context(Transport(self.url))

    def expect(self, text: bytes) -> bytes:
        """All that comes, up to the text."""
        return self.port.read_until(text, timeout_seconds=PATIENCE_SECONDS)

    def wait_for(self, state: State) -> None:
        """Until the board is in this state."""
        for _ in range(500):
            if self.control.status().state is state:
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"{self.control.status()} instead of {state}")


@contextmanager
def bench(
    scenario: str | None = None,
    *,
    flash: Path | None = None,
    lazy: bool = False,
    **settings: Any,
) -> Iterator[Bench]:
    """A running board with the scenario in its flash, None for nothing.

    ``lazy``: the serial port is not opened before the test uses it. Opening throws away what had
    come before.
    """
    image = load_image(probe_image(scenario)) if scenario else None
    with ExitStack() as stack:
        listener, control_url = listen(stack, 0)
        control_port = ControlPort(listener)
        stack.callback(control_port.close)
        listener, gdb_url = listen(stack, 0)
        debugger = GdbServer(listener)
        stack.callback(debugger.close)
        board = LiveBoard(
            "max78000fthr",
            FlashStore(flash, image=image),
            image=image,
            settings=Settings(**settings),
            control=control_port,
            debugger=debugger,
        )
        with _served(board, control_url, int(gdb_url.rpartition(":")[2])) as found:
            if not lazy:
                assert found.port
            yield found


@contextmanager
def _served(board: LiveBoard, control_url: str, gdb_port: int) -> Iterator[Bench]:
    ready, state = threading.Event(), dict[str, Any]()
    faults: list[Diagnostic] = []
    lights: list[dict[str, bool]] = []
    board.on_fault = faults.extend
    board.on_leds = lights.append

    def on_ready(url: str, stop: Callable[[], None]) -> None:
        state.update(url=url, stop=stop)
        ready.set()

    def run() -> None:
        try:
            state["reason"] = serve_socket(board, on_ready=on_ready)
        except BaseException as error:  # noqa: BLE001 - shown by the test's thread
            state["error"] = error
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        with ExitStack() as stack, Control(control_url) as control:
            yield Bench(
                board=board, stack=stack, control=control, url=state["url"],
                gdb=("localhost", gdb_port), faults=faults, lights=lights,
            )  # fmt: skip
    finally:
        state["stop"]()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert "error" not in state, state["error"]


def s_records(image: Image) -> bytes:
    """The used part of an image as an S-record file, by hand."""
    size = -(-image.used_bytes // 16) * 16
    lines = [
        _record(b"3", mem.FLASH_BASE + place, image.flash[place : place + 16])
        for place in range(0, size, 16)
    ]
    return b"".join([*lines, _record(b"7", mem.FLASH_BASE, b"")])


def _record(kind: bytes, address: int, data: bytes) -> bytes:
    body = bytes([len(data) + 5]) + address.to_bytes(4, "big") + data
    return b"S" + kind + (body + bytes([~sum(body) & 0xFF])).hex().upper().encode() + b"\r\n"
