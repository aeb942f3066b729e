"""``mxdeploy ports``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output

if TYPE_CHECKING:
    from mxdeploy.link.ports import Inventory, Probe


@click.command(name="ports")
@talking
def command(output: Output) -> None:
    """List serial ports, debug adapters and running virtual boards, and say what they are.

    Nothing is opened and nothing is sent. The first column is what --port takes.
    """
    from mxdeploy.link.ports import look

    found = look()
    output.result = found.to_dict()
    if not (found.ports or found.probes or found.virtual_boards):
        output.say("nothing is plugged in: no serial port, no debug adapter, no virtual board")
        output.say("  start a virtual board with: mxdeploy board max78000fthr")
        return
    _show(output, found)


def _show(output: Output, found: Inventory) -> None:
    for port in found.ports:
        usb = f" [{port.usb}]" if port.usb else ""
        output.say(f"{port.device}{usb}  {port.text or 'a serial port; no board is known by it'}")
    for board in found.virtual_boards:
        output.say(
            f"{board.port}  virtual {board.board}, process {board.pid}, control {board.control}"
        )
    for probe in found.probes:
        output.say(f"adapter {probe.unique_id}: {_adapter(probe)}")


def _adapter(probe: Probe) -> str:
    parts = [probe.text]
    parts.append(f"port {probe.port}" if probe.port else "no serial port")
    parts.append(f"drive {probe.volume}" if probe.volume else "its drive is not mounted")
    if probe.firmware:
        parts.append(f"firmware {probe.firmware}")
    if probe.maintenance:
        parts.append("in MAINTENANCE mode: what is copied there replaces its own firmware")
    return "; ".join(parts)
