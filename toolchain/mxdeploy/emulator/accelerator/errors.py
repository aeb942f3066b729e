"""What stops the accelerator model: a setting it does not model, or an access the bus refuses."""

from __future__ import annotations

from mxdeploy.chip.bits import Register, UndeclaredBitsError
from mxdeploy.emulator.accelerator.unmodelled import Unmodelled
from mxdeploy.errors import DeviceError, Diagnostic, ModelError
from mxdeploy.text import count


class NotModelledError(ModelError):
    """The program uses something the model does not implement.

    Attributes:
        register: mnemonic of the register (or name of the unit).
        field: field of the register.
        value: the field's value.
    """

    def __init__(self, diagnostic: Diagnostic, *, register: str, field: str, value: int) -> None:
        """Keep the register, field and value that are not modelled."""
        super().__init__(diagnostic)
        self.register = register
        self.field = field
        self.value = value


class AcceleratorAccessError(DeviceError):
    """An access that the accelerator does not answer, or a word with undeclared bits.

    Attributes:
        address: bus address of the access.
    """

    def __init__(self, diagnostic: Diagnostic, *, address: int) -> None:
        """Keep the address."""
        super().__init__(diagnostic)
        self.address = address


def not_modelled(where: str, refusal: Unmodelled, value: int, detail: str = "") -> NotModelledError:
    """A register field has a value whose effect is not modelled; ``detail`` says more."""
    name = refusal.register.mnemonic
    what = f"{name} ({refusal.register.__name__}) has {refusal.field} = {value}"
    return NotModelledError(
        Diagnostic(
            code="MX7001",
            where=where,
            what=f"{what}, which is not modelled",
            why=f"{refusal.why} ({detail})" if detail else refusal.why,
        ),
        register=name,
        field=refusal.field,
        value=value,
    )


def impossible(
    where: str, register: type[Register], field: str, value: int, why: str
) -> NotModelledError:
    """Register fields contradict each other or lead outside the memories."""
    name = register.mnemonic
    return NotModelledError(
        Diagnostic(
            code="MX7002",
            where=where,
            what=f"{name} ({register.__name__}) has {field} = {value}, which cannot work here",
            why=why,
            fix="correct the register; the model does not guess what the chip would do",
        ),
        register=name,
        field=field,
        value=value,
    )


def no_access(address: int, why: str) -> AcceleratorAccessError:
    """The quadrant or the whole block has no power, no clock, or is in reset."""
    return AcceleratorAccessError(
        Diagnostic(
            code="MX7003",
            where=f"0x{address:08x}",
            what="this part of the accelerator does not answer; on the chip the bus would hang",
            why=why,
            fix="power up, release isolation and reset, and start the clock before any access",
        ),
        address=address,
    )


def undeclared_address(address: int) -> AcceleratorAccessError:
    """Nothing lies at the address."""
    return AcceleratorAccessError(
        Diagnostic(
            code="MX7004",
            where=f"0x{address:08x}",
            what="no register and no memory of the accelerator lies at this address",
        ),
        address=address,
    )


def undeclared_bits(address: int, error: UndeclaredBitsError) -> AcceleratorAccessError:
    """A register was written with bits that no field declares."""
    return AcceleratorAccessError(
        Diagnostic(code="MX7005", where=f"0x{address:08x}", what=str(error)), address=address
    )


def undeclared_memory_bits(address: int, value: int, bits: int) -> AcceleratorAccessError:
    """A memory entry was written with more bits than it has."""
    return AcceleratorAccessError(
        Diagnostic(
            code="MX7006",
            where=f"0x{address:08x}",
            what=f"0x{value:x} does not fit the entry",
            why=f"the entries of this memory have {bits} bits",
        ),
        address=address,
    )


def wrong_access(address: int, size: int, kind: str) -> AcceleratorAccessError:
    """The access has a width or an alignment that the accelerator does not support."""
    return AcceleratorAccessError(
        Diagnostic(
            code="MX7007",
            where=f"0x{address:08x}",
            what=f"{kind} of {count(size, 'byte')}",
            why="the accelerator takes aligned 32-bit accesses; the one exception is the byte "
            "store that sets the address of the packed kernel loader",
        ),
        address=address,
    )


def loader_overrun(address: int, why: str) -> AcceleratorAccessError:
    """The packed kernel loader was fed past the end of a kernel memory."""
    return AcceleratorAccessError(
        Diagnostic(
            code="MX7008",
            where=f"0x{address:08x}",
            what="the packed kernel loader runs past the last kernel word",
            why=why,
        ),
        address=address,
    )
