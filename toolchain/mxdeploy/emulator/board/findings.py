"""What can go wrong on the virtual board: one function per finding, one code each.

A finding becomes a full diagnostic (with program counter, source line, backtrace, last register
accesses and UART text) in ``report``; warnings are kept by the board for the caller to print.
"""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.text import count

BREAKPOINT_CODE = "MX7056"
"""With a debugger, a breakpoint instruction is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found, before it is known where the program was."""

    code: str
    what: str
    why: str = ""
    fix: str = ""


class BoardFault(Exception):  # noqa: N818 - the program's fault, not an error of this package
    """Raised inside the board; becomes a ``DeviceError`` at its public functions."""

    def __init__(self, finding: Finding) -> None:
        """Keep the finding."""
        super().__init__(finding.what)
        self.finding = finding


def missing_emulator(reason: str) -> Diagnostic:
    """The package that executes instructions cannot be imported."""
    return Diagnostic(
        code="MX7050",
        where="virtual board",
        what=f"the CPU emulator is not installed ({reason})",
        why="the virtual board runs the real firmware on an emulated Cortex-M4F (unicorn)",
        fix='pip install "mxdeploy[firmware]"',
    )


def bad_image(what: str) -> Diagnostic:
    """The firmware image cannot be loaded."""
    return Diagnostic(
        code="MX7051",
        where="firmware image",
        what=what,
        why="the board boots an ELF file for 32-bit little-endian Arm, or a raw flash image",
        fix="build the firmware again",
    )


def unmapped(kind: str, address: int, size: int) -> Finding:
    """No memory and no peripheral there, or a write to flash."""
    return Finding(
        code="MX7052",
        what=f"{kind} of {count(size, 'byte')} at 0x{address:08x}, where there is nothing",
        why=f"flash is at 0x{mem.FLASH_BASE:08x} ({mem.FLASH_BYTES >> 10} KB), "
        f"SRAM at 0x{mem.SRAM_BASE:08x} ({mem.SRAM_BYTES >> 10} KB)",
        fix="look at the pointer used in the source line above; a null or stray pointer is likely",
    )


def flash_store(address: int, size: int) -> Finding:
    """A store to flash."""
    return Finding(
        code="MX7053",
        what=f"store of {count(size, 'byte')} to flash at 0x{address:08x}",
        why="flash is written through the flash controller only",
    )


def undefined_instruction(opcode: int) -> Finding:
    """Not an instruction of the Cortex-M4F."""
    return Finding(
        code="MX7054",
        what=f"undefined instruction 0x{opcode:04x}",
        why="the core executes Thumb-2 code for Armv7E-M only",
        fix="a damaged function pointer, a corrupted stack or an explicit trap in the source",
    )


def execution_outside(address: int) -> Finding:
    """The program jumped to where there is no code."""
    return Finding(
        code="MX7055",
        what=f"jump to 0x{address:08x}, where there is no code",
        fix="look for a null function pointer or a corrupted stack",
    )


def breakpoint_hit(number: int) -> Finding:
    """BKPT without a debugger: the chip would stop in a hard fault."""
    return Finding(
        code=BREAKPOINT_CODE,
        what=f"breakpoint instruction {number} without a debugger",
        why="without a debugger attached a breakpoint is a hard fault",
    )


def fpu_disabled() -> Finding:
    """A floating-point instruction before CPACR enables the FPU."""
    return Finding(
        code="MX7057",
        what="floating-point instruction while the FPU is disabled",
        why="coprocessors 10 and 11 must be enabled in CPACR (0xE000ED88, bits 23:20) first",
        fix="enable the FPU at the start of the reset handler",
    )


def gated(peripheral: str, field: str) -> Finding:
    """A peripheral is accessed while its clock is off."""
    return Finding(
        code="MX7058",
        what=f"access to {peripheral} while its clock is off",
        why=f"{field} = 1 stops the clock and makes the registers inaccessible",
        fix=f"clear {field} first",
    )


def unknown_register(kind: str, where: str, address: int) -> Finding:
    """An address in the peripheral space that is not modelled."""
    return Finding(
        code="MX7059",
        what=f"{kind} of an unknown register at 0x{address:08x} ({where})",
        why="the virtual board models only what is declared in the chip description",
        fix="use --lenient to log and ignore such accesses",
    )


def undeclared_bits(text: str) -> Finding:
    """A write sets bits that the register does not declare."""
    return Finding(
        code="MX7060",
        what=text,
        why="the meaning of undeclared bits is unknown; writing them may harm the real chip",
        fix="write declared fields only, or use --lenient",
    )


def not_modelled(what: str, why: str = "") -> Finding:
    """A function of a known peripheral that the virtual board does not have."""
    return Finding(code="MX7061", what=f"not modelled: {what}", why=why)


def accelerator_unpowered(address: int, reason: str) -> Finding:
    """The accelerator is accessed while it is not powered or clocked."""
    return Finding(
        code="MX7062",
        what=f"access to the CNN accelerator at 0x{address:08x} while {reason}",
        why="on the chip such an access hangs the bus",
        fix="power the quadrants (GCFR REG0..REG3) and clear PCLKDIS0.cnn first",
    )


def accelerator_busy(address: int) -> Finding:
    """The data memories are accessed during an inference."""
    return Finding(
        code="MX7063",
        what=f"access to CNN memory at 0x{address:08x} while the accelerator is running",
        why="the memories have one port; the CPU must wait for the interrupt",
    )


def exception_unhandled(name: str) -> Finding:
    """An exception without a usable vector."""
    return Finding(
        code="MX7065",
        what=f"{name} has no handler",
        why="its entry in the vector table does not point to Thumb code",
    )


def svc_masked() -> Finding:
    """SVC at a priority that cannot run."""
    return Finding(
        code="MX7066",
        what="SVC while exceptions are masked or a handler of higher priority runs",
        why="the core escalates it to a hard fault",
    )


def asleep_for_ever() -> Finding:
    """WFI, and nothing is left that could wake the core."""
    return Finding(
        code="MX7067",
        what="WFI with no interrupt left that could wake the core",
        why="no timer is running, the accelerator is idle and no enabled interrupt can come",
        fix="enable the interrupt in the NVIC before sleeping",
    )


def bad_exception_return(value: int) -> Finding:
    """EXC_RETURN outside a handler or with an impossible value."""
    return Finding(
        code="MX7068",
        what=f"exception return 0x{value:08x} is not possible here",
        fix="a corrupted stack is likely",
    )


def uart_baud(uart: str, actual: float, expected: int) -> Finding:
    """The UART does not run at the speed of the other end."""
    return Finding(
        code="MX7069",
        what=f"{uart} sends at {actual:.0f} baud, the console listens at {expected}",
        why="more than 3 % off: the other end receives garbage",
        fix="check the clock source, CLKDIV and OSR",
    )


def uart_format(uart: str, what: str) -> Finding:
    """The UART's frame is not 8N1."""
    return Finding(
        code="MX7070",
        what=f"{uart} sends {what}, the console expects 8 data bits, no parity",
        why="the other end receives garbage",
    )


def uart_pins(uart: str, pin: str) -> Finding:
    """The UART's pin is not switched to it."""
    return Finding(
        code="MX7071",
        what=f"{uart} sends, but pin {pin} is not switched to it: nothing leaves the chip",
        fix=f"select alternate function 1 on {pin} (EN0, EN1 and EN2 = 0)",
    )


def uart_overrun(uart: str) -> Finding:
    """A received byte found the FIFO full."""
    return Finding(
        code="MX7072",
        what=f"{uart} lost a received byte: its 8-byte FIFO was full",
        why="the program did not read the FIFO within 8 character times",
    )


def watchdog_reset() -> Finding:
    """The watchdog ran out."""
    return Finding(code="MX7073", what="the watchdog timer ran out and reset the board")


def lenient_note(finding: Finding) -> Finding:
    """What strict mode would have refused, as a note."""
    return Finding(code=finding.code, what=f"ignored: {finding.what}", why=finding.why)


def never_happens(what: str) -> Finding:
    """The program waits for something that cannot happen."""
    return Finding(
        code="MX7074",
        what=f"the program waits for ever: {what}",
        why="no event that could change the polled register is on its way",
    )


def flash_locked(what: str) -> Finding:
    """The flash controller refuses an operation."""
    return Finding(
        code="MX7075",
        what=f"flash controller: {what}",
        why="unlock with CTRL.unlock = 2, set CLKDIV for 1 MHz, write erased 16-byte cells only",
    )
