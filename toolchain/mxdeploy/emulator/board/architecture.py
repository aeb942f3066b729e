"""Facts of the Armv7-M architecture that the board needs. Source: Armv7-M reference manual."""

from __future__ import annotations

from mxdeploy.chip.max78000.peripherals.core import NVIC_LINES, PRIORITY_BITS

RESET = 1
NMI = 2
HARD_FAULT = 3
SVCALL = 11
PENDSV = 14
SYSTICK = 15
FIRST_INTERRUPT = 16
EXCEPTIONS = FIRST_INTERRUPT + NVIC_LINES
PRIORITY_MASK = 0xFF & ~(0xFF >> PRIORITY_BITS)
"""Only the upper bits of a priority byte exist."""

EXCEPTION_NAMES = {
    RESET: "Reset",
    NMI: "NMI",
    HARD_FAULT: "HardFault",
    4: "MemManage",
    5: "BusFault",
    6: "UsageFault",
    SVCALL: "SVCall",
    12: "DebugMonitor",
    PENDSV: "PendSV",
    SYSTICK: "SysTick",
}

CONTROL_SPSEL = 2
CONTROL_FPCA = 4
XPSR_THUMB = 1 << 24
XPSR_ALIGNED = 1 << 9
"""Bit of the stacked xPSR: the stack pointer was moved down by four for alignment."""
XPSR_EXCEPTION_MASK = 0x1FF

RETURN_BASE = 0xFFFF_FFE1
"""EXC_RETURN: bit 4 = basic frame, bit 3 = return to thread mode, bit 2 = process stack."""
RETURN_BASIC = 1 << 4
RETURN_THREAD = 1 << 3
RETURN_PROCESS = 1 << 2
BASIC_FRAME_BYTES = 32
EXTENDED_FRAME_BYTES = 104


def exception_name(number: int) -> str:
    """Name of an exception for people."""
    if number >= FIRST_INTERRUPT:
        return f"interrupt {number - FIRST_INTERRUPT}"
    return EXCEPTION_NAMES.get(number, f"exception {number}")
