"""``mxdeploy board``."""

from __future__ import annotations

from pathlib import Path

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output


@click.command(name="board")
@click.argument("name")
@click.option("--image", type=click.Path(path_type=Path), help="ELF, .bin file or build folder.")
@click.option(
    "--socket", "port", type=click.IntRange(0, 65535), help="Serve socket://localhost:PORT."
)
@click.option("--port-file", type=click.Path(path_type=Path), help="Write the port's name here.")
@talking
def command(
    output: Output, name: str, *, image: Path | None, port: int | None, port_file: Path | None
) -> None:
    """Run a virtual board NAME (max78000fthr, max78000evkit) behind a serial port.

    Its UART is a pty, or with --socket a TCP port that pyserial opens as socket://localhost:PORT.
    Ends with Ctrl-C.
    """
    raise NotImplementedError
