"""``mxdeploy board``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, UsageError


@click.command(name="board")
@click.argument("name", default="max78000fthr")
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    required=True,
    help="What is in its flash: a build folder, an ELF file, or a .bin file.",
)
@click.option("--socket", "port", type=click.IntRange(0, 65535), help="TCP port; 0 takes any.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Write the port's name here.")
@click.option("--lenient", is_flag=True, help="Note and ignore accesses that are not declared.")
@talking
def command(
    output: Output,
    name: str,
    *,
    image: Path,
    port: int | None,
    port_file: Path | None,
    lenient: bool,
) -> None:
    """Run the virtual board NAME (max78000fthr, max78000evkit) behind a serial port.

    Its console is a pseudo-terminal, or with --socket a TCP port that pyserial opens as
    socket://localhost:PORT. It runs until Ctrl-C; lights and faults are shown as they happen.
    """
    from mxdeploy.emulator.board import VirtualBoard
    from mxdeploy.emulator.board.serve import serve_pty, serve_socket

    board = VirtualBoard(name, _image(image), lenient=lenient)

    def ready(url: str, _stop: Callable[[], None]) -> None:
        output.result = {"board": name, "port": url}
        output.say(f"{board.board.title} at {url} (Ctrl-C ends it)")
        output.say(f"  for example: python -m serial.tools.miniterm {url} 115200")

    if port is None:
        reason = serve_pty(board, port_file=port_file, on_ready=ready)
    else:
        reason = serve_socket(board, port, port_file=port_file, on_ready=ready)
    output.report(board.diagnostics)
    output.result["stopped"] = reason.value
    output.result["leds"] = board.leds
    output.say(f"{reason.value}; {board.seconds:.3f} s of board time")


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
