"""What is told when the program fails: where it was, how it got there, what it did last."""

from __future__ import annotations

from mxdeploy.emulator.board.backtrace import Frame, backtrace
from mxdeploy.emulator.board.engine import CORE
from mxdeploy.emulator.board.findings import BoardFault, Finding
from mxdeploy.emulator.board.machine import Machine
from mxdeploy.errors import DeviceError, Diagnostic, ModelError, MxdeployError

UART_TAIL_CHARACTERS = 400


def describe(machine: Machine, fault: BoardFault | MxdeployError, output: bytes) -> MxdeployError:
    """The error for the user: the finding with the program's state."""
    registers = dict(zip(CORE, machine.engine.get_all(CORE), strict=True))
    frames = backtrace(machine.image.elf, registers, machine.engine.read)
    where = f"firmware at 0x{registers['PC']:08x}" + _source(frames)
    state = _state(machine, frames, output)
    notes = tuple(dict.fromkeys(note(finding, "before that") for finding in machine.notes))
    if isinstance(fault, BoardFault):
        return DeviceError((_diagnostic(fault.finding, where, state), *notes))
    first, *others = fault.diagnostics
    told = Diagnostic(
        code=first.code,
        where=f"{first.where}, {where}",
        what=first.what,
        why="\n".join(part for part in (first.why, state) if part),
        fix=first.fix,
        severity=first.severity,
    )
    kind = ModelError if isinstance(fault, ModelError) else DeviceError
    return kind((told, *others, *notes))


def note(finding: Finding, board: str) -> Diagnostic:
    """A warning of the board as a diagnostic."""
    return Diagnostic(
        code=finding.code,
        where=board,
        what=finding.what,
        why=finding.why,
        fix=finding.fix,
        severity="warning",
    )


def _diagnostic(finding: Finding, where: str, state: str) -> Diagnostic:
    why = "\n".join(part for part in (finding.why, state) if part)
    return Diagnostic(code=finding.code, where=where, what=finding.what, why=why, fix=finding.fix)


def _source(frames: tuple[Frame, ...]) -> str:
    top = frames[0] if frames else None
    if top is None or not top.function:
        return ""
    place = f", {top.file}:{top.line}" if top.file else ""
    return f" ({top.function}{place})"


def _state(machine: Machine, frames: tuple[Frame, ...], output: bytes) -> str:
    lines = []
    if frames:
        lines.append("backtrace:")
        lines += [f"  #{n} {frame}" for n, frame in enumerate(frames)]
    accesses = machine.bus.last_accesses()
    if accesses:
        lines.append("last register accesses:")
        lines += [f"  {access}" for access in accesses]
    text = output.decode("utf-8", "replace")[-UART_TAIL_CHARACTERS:]
    if text:
        lines.append("serial output so far ends with:")
        lines += [f"  {line}" for line in text.splitlines()]
    return "\n".join(lines)
