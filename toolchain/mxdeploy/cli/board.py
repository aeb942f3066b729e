"""``mxdeploy board``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.console_lines import ConsoleLines
from mxdeploy.cli.output import Output
from mxdeploy.errors import DeviceError, Diagnostic, UsageError

if TYPE_CHECKING:
    from mxdeploy.emulator.board.live import LiveBoard, Settings

_PORT = click.IntRange(0, 65535)
_FILE = click.Path(path_type=Path)


@click.command(name="board")
@click.argument("name", default="max78000fthr")
@click.option("--image", type=_FILE, help="Programmed first: a build folder, ELF or .bin file.")
@click.option("--flash", type=_FILE, help="File that keeps the flash from run to run.")
@click.option("--socket", "port", type=_PORT, help="Serial port as a TCP port; 0 takes any.")
@click.option("--port-file", type=_FILE, help="Write the port's name here.")
@click.option("--control", "control", type=_PORT, default=0, help="TCP port for commands.")
@click.option("--bootloader", is_flag=True, help="Start in the ROM bootloader.")
@click.option("--realtime", is_flag=True, help="Timers and UART keep to the wall clock.")
@click.option("--gdb", type=_PORT, help="TCP port for a debugger; 0 takes any.")
@click.option("--leds", is_flag=True, help="Show the lights as they change.")
@click.option("--console", "shown", is_flag=True, help="Show the text that the board sends.")
@click.option("--lenient", is_flag=True, help="Note and ignore accesses that are not declared.")
@talking
def command(  # noqa: PLR0913 - one per option
    output: Output,
    name: str,
    *,
    image: Path | None,
    flash: Path | None,
    port: int | None,
    port_file: Path | None,
    control: int,
    bootloader: bool,
    realtime: bool,
    gdb: int | None,
    leds: bool,
    shown: bool,
    lenient: bool,
) -> None:
    """Run the virtual board NAME (max78000fthr, max78000evkit) behind a serial port.

    Its console is a pseudo-terminal, or with --socket a TCP port that pyserial opens as
    socket://localhost:PORT. It runs until Ctrl-C. Without --image and --flash its flash is blank.
    Firmware that fails locks the core up, as on a real board; a reset starts it again.
    """
    from mxdeploy.emulator.board.live import Settings

    settings = Settings(realtime=realtime, lenient=lenient, bootloader=bootloader)
    with ExitStack() as stack:
        board, control_url, gdb_url = _board(
            stack, name, image, flash, ports=(control, gdb), settings=settings
        )
        _talk(output, board, leds=leds, text=shown)
        reason = _serve(output, board, port, port_file, control_url, gdb_url)
    output.report(board.diagnostics)
    output.result |= {"stopped": reason, "leds": board.leds, "state": board.status().state.value}
    output.say(f"{reason}; {board.seconds:.3f} s of board time")
    if board.failed:
        output.finish(DeviceError.exit_code)


def _board(
    stack: ExitStack,
    name: str,
    image: Path | None,
    flash: Path | None,
    *,
    ports: tuple[int, int | None],
    settings: Settings,
) -> tuple[LiveBoard, str, str]:
    """The board, switched on, and the URLs of its control port and its debugger's port."""
    from mxdeploy.emulator.board.control import ControlPort
    from mxdeploy.emulator.board.flash_store import FlashStore
    from mxdeploy.emulator.board.gdb import GdbServer
    from mxdeploy.emulator.board.image import load_image
    from mxdeploy.emulator.board.live import LiveBoard
    from mxdeploy.emulator.board.serve import listen

    loaded = None if image is None else load_image(_image(image))
    store = FlashStore(flash, image=loaded)
    listener, url = listen(stack, ports[0])
    control = ControlPort(listener)
    stack.callback(control.close)
    debugger, gdb_url = None, ""
    if ports[1] is not None:
        listener, gdb_url = listen(stack, ports[1])
        debugger = GdbServer(listener)
        stack.callback(debugger.close)
    board = LiveBoard(
        name, store, image=loaded, settings=settings, control=control, debugger=debugger
    )
    return board, url, gdb_url


def _talk(output: Output, board: LiveBoard, *, leds: bool, text: bool) -> None:
    """Say what happens while it runs."""

    def show(lights: dict[str, bool]) -> None:
        shown = "  ".join(f"{'●' if lit else '○'} {name}" for name, lit in lights.items())
        output.say(f"{board.seconds:10.3f} s  {shown}")

    board.on_fault = output.report
    if leds:
        board.on_leds = show
    if text:
        lines = ConsoleLines()

        def show_text(data: bytes) -> None:
            for line in lines.feed(data):
                output.say(line)

        board.on_sent = show_text


def _serve(
    output: Output,
    board: LiveBoard,
    port: int | None,
    port_file: Path | None,
    control_url: str,
    gdb_url: str,
) -> str:
    """Serve until something ends it; why it ended."""
    from mxdeploy.emulator.board.serve import serve_pty, serve_socket
    from mxdeploy.link.virtual import announce

    def known_as(url: str) -> AbstractContextManager[object]:
        return announce(board=board.board.name, port=url, control=control_url)

    def ready(url: str, _stop: Callable[[], None]) -> None:
        output.result = {"board": board.board.name, "port": url, "control": control_url}
        output.say(f"{board.board.title} at {url} (Ctrl-C ends it)")
        output.say(f"  control port: {control_url}")
        if gdb_url:
            place = gdb_url.removeprefix("socket://")
            output.result["gdb"] = place
            where = f"-d BUILD/firmware -ex 'target remote {place}' BUILD/NAME.elf"
            output.say(f"  debugger: arm-none-eabi-gdb {where}")
        output.say(f"  for example: python -m serial.tools.miniterm {url} 115200")
        if why := board.status().why:
            output.say(f"  {why}")

    if port is None:
        return serve_pty(board, port_file=port_file, on_ready=ready, known_as=known_as).value
    return serve_socket(board, port, port_file=port_file, on_ready=ready, known_as=known_as).value


def _image(path: Path) -> bytes:
    """The firmware named by a build folder or an image file."""
    from mxdeploy.builds import open_build

    file = open_build(path).elf if path.is_dir() else path
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX8052",
                where=str(file),
                what=f"cannot be read: {error.strerror or error}",
                fix="name an ELF file, a .bin file, or a build folder that was compiled",
            )
        ) from error
