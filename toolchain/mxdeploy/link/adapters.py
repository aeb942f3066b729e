"""Which debug adapter belongs to the board that is to be programmed."""

from __future__ import annotations

from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.flash import FlashTarget
from mxdeploy.link.ports import Inventory, Probe

VIRTUAL_BOARD = "a virtual board has no debug adapter"


def choose_adapter(target: FlashTarget, found: Inventory) -> Probe:
    """The adapter the user named, the one that owns the port, or the only one there is.

    The evaluation kit's port is a bridge on a cable of its own and tells nothing of its adapter.

    Raises:
        DeviceError: none is plugged in, or it is not clear which is meant.
    """
    if target.virtual is not None:
        raise DeviceError(_none(target, VIRTUAL_BOARD))
    if target.probe:
        named = found.probe(target.probe)
        return named or Probe(unique_id=target.probe.lower(), text="named by the user")
    if target.usb is not None and target.usb.probe_of and target.usb.serial_number:
        owner = found.probe(target.usb.serial_number)
        if owner is not None:
            return owner
    if not found.probes:
        raise DeviceError(_none(target, "no debug adapter is plugged in"))
    if len(found.probes) > 1:
        raise DeviceError(_several(target, found.probes))
    return found.probes[0]


def reason(error: DeviceError) -> str:
    """The first diagnostic as a sentence, for the list of methods that were missed."""
    first = error.diagnostics[0]
    return f"{first.what} ({first.fix})" if first.fix else first.what


def _none(target: FlashTarget, what: str) -> Diagnostic:
    return Diagnostic(
        code="MX7450",
        where=target.url,
        what=what,
        fix="use its serial port" if target.virtual else "plug it in, or see `mxdeploy ports`",
    )


def _several(target: FlashTarget, probes: tuple[Probe, ...]) -> Diagnostic:
    return Diagnostic(
        code="MX7451",
        where=target.url,
        what=f"{len(probes)} debug adapters are plugged in, and nothing tells which is meant",
        why=", ".join(probe.unique_id for probe in probes),
        fix="name one with --probe",
    )
