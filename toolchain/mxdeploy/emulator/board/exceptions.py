"""Exception entry and return: the frames that the Cortex-M4F pushes and pops by itself.

unicorn has neither; both are done here between two instructions. Floating-point state is always
saved at once (the architecture's lazy variant stores the same values later).
"""

from __future__ import annotations

import struct

from mxdeploy.emulator.board import architecture as arm
from mxdeploy.emulator.board.engine import FLOAT, GENERAL, Engine
from mxdeploy.emulator.board.findings import (
    BoardFault,
    bad_exception_return,
    exception_unhandled,
    unmapped,
)
from mxdeploy.emulator.board.nvic import Nvic

_BASIC = struct.Struct("<8I")
_FLOAT = struct.Struct("<18I")


class Exceptions:
    """Moves the core into and out of handlers."""

    def __init__(self, engine: Engine, nvic: Nvic) -> None:
        """Work on this core and this interrupt controller."""
        self._engine = engine
        self._nvic = nvic
        self.vector_table = 0
        self.automatic_fpu_state = True
        """FPCCR.ASPEN: save floating-point registers when they are in use."""
        self.entered = 0

    def masks(self) -> tuple[int, int, int]:
        """PRIMASK, BASEPRI and FAULTMASK."""
        primask, basepri, faultmask = self._engine.get_all(("PRIMASK", "BASEPRI", "FAULTMASK"))
        return primask & 1, basepri & 0xFF, faultmask & 1

    def deliver(self) -> bool:
        """Enter the strongest pending exception if it may run now."""
        if not self._nvic.pending:
            return False
        number = self._nvic.next_exception(*self.masks())
        if number is None:
            return False
        self.enter(number)
        return True

    def enter(self, number: int) -> None:
        """Push the frame and continue at the handler."""
        engine = self._engine
        handler = self._handler(number)
        general = engine.get_all(GENERAL)
        control = engine.get("CONTROL")
        in_handler = bool(general[7] & arm.XPSR_EXCEPTION_MASK)
        process = bool(control & arm.CONTROL_SPSEL) and not in_handler
        extended = bool(control & arm.CONTROL_FPCA) and self.automatic_fpu_state
        stack = "PSP" if process else "MSP"
        pointer = engine.get(stack)
        size = arm.EXTENDED_FRAME_BYTES if extended else arm.BASIC_FRAME_BYTES
        aligned = pointer & 4
        frame = (pointer - size) & ~7 & 0xFFFF_FFFF
        words = (*general[:7], general[7] & ~arm.XPSR_ALIGNED | (aligned and arm.XPSR_ALIGNED))
        content = _BASIC.pack(*words)
        if extended:
            content += _FLOAT.pack(*engine.get_all(FLOAT), 0)
        self._push(frame, content)
        engine.set(stack, frame)
        link = arm.RETURN_BASE | (0 if extended else arm.RETURN_BASIC)
        link |= 0 if in_handler else arm.RETURN_THREAD
        link |= arm.RETURN_PROCESS if process else 0
        engine.set("XPSR", general[7] & 0xF800_0000 | arm.XPSR_THUMB | number)
        engine.set("CONTROL", control & ~(arm.CONTROL_FPCA | arm.CONTROL_SPSEL))
        engine.set("LR", link)
        engine.set("PC", handler & ~1)
        self._nvic.enter(number)
        self.entered += 1

    def _handler(self, number: int) -> int:
        try:
            vector = self._engine.read(self.vector_table + 4 * number, 4)
        except LookupError as error:
            finding = unmapped("vector fetch", self.vector_table + 4 * number, 4)
            raise BoardFault(finding) from error
        handler = int.from_bytes(vector, "little")
        if not handler & 1:
            raise BoardFault(exception_unhandled(arm.exception_name(number)))
        return handler

    def _push(self, address: int, content: bytes) -> None:
        try:
            self._engine.write(address, content)
        except LookupError as error:
            finding = unmapped("exception frame (stack overflow?)", address, len(content))
            raise BoardFault(finding) from error

    def leave(self, value: int) -> None:
        """Pop the frame that ``value`` (an EXC_RETURN) describes.

        Raises:
            BoardFault: there is no handler to leave, or the frame lies outside memory.
        """
        engine = self._engine
        number = engine.get("XPSR") & arm.XPSR_EXCEPTION_MASK
        to_thread = bool(value & arm.RETURN_THREAD)
        process = bool(value & arm.RETURN_PROCESS)
        impossible = process and not to_thread
        if number not in self._nvic.active or value >> 5 != arm.RETURN_BASE >> 5 or impossible:
            raise BoardFault(bad_exception_return(value))
        stack = "PSP" if process else "MSP"
        frame = engine.get(stack)
        extended = not value & arm.RETURN_BASIC
        size = arm.EXTENDED_FRAME_BYTES if extended else arm.BASIC_FRAME_BYTES
        try:
            content = engine.read(frame, size)
        except LookupError as error:
            raise BoardFault(unmapped("exception frame", frame, size)) from error
        words = _BASIC.unpack_from(content)
        self._nvic.leave(number)
        if number != arm.NMI:
            engine.set("FAULTMASK", 0)
        if extended:
            engine.set_all(FLOAT, _FLOAT.unpack_from(content, arm.BASIC_FRAME_BYTES)[:17])
        shift = 4 if words[7] & arm.XPSR_ALIGNED else 0
        engine.set(stack, frame + size + shift)
        engine.set("XPSR", words[7] & ~arm.XPSR_ALIGNED)
        control = engine.get("CONTROL") & ~(arm.CONTROL_SPSEL | arm.CONTROL_FPCA)
        control |= arm.CONTROL_SPSEL if process else 0
        control |= arm.CONTROL_FPCA if extended else 0
        engine.set("CONTROL", control)
        engine.set_all(GENERAL[:6], words[:6])
        engine.set("PC", words[6] & ~1)
