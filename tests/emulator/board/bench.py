"""A board on a bench: served on a thread of its own, reached only through its ports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.control import ControlPort
from mxdeploy.emulator.board.flash_store import FlashStore
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
    port: Transport
    control: Control
    url: str
    faults: list[Diagnostic] = field(default_factory=list)
    lights: list[dict[str, bool]] = field(default_factory=list)

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
    scenario: str | None = None, *, flash: Path | None = None, **settings: Any
) -> Iterator[Bench]:
    """A running board with the scenario in its flash, None for nothing."""
    image = load_image(probe_image(scenario)) if scenario else None
    with ExitStack() as stack:
        listener, control_url = listen(stack, 0)
        control_port = ControlPort(listener)
        stack.callback(control_port.close)
        board = LiveBoard(
            "max78000fthr",
            FlashStore(flash, image=image),
            image=image,
            settings=Settings(**settings),
            control=control_port,
        )
        yield from _served(board, control_url)


def _served(board: LiveBoard, control_url: str) -> Iterator[Bench]:
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
        with Transport(state["url"]) as port, Control(control_url) as control:
            yield Bench(
                board=board, port=port, control=control, url=state["url"],
                faults=faults, lights=lights,
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
