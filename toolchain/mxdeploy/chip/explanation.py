"""The answer to "what is this address, and what does this word mean there?"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mxdeploy.chip.bits import WORD_BITS, Register
from mxdeploy.text import agreeing

BYTE_MAXIMUM = 0xFF
"""Larger field values are also shown in hexadecimal."""


class Kind(StrEnum):
    """What lies at an address."""

    REGISTER = "register"
    KERNEL_MEMORY = "kernel memory"
    TRAM = "TRAM"
    BIAS_MEMORY = "bias memory"
    DATA_MEMORY = "data memory"
    PERIPHERAL = "peripheral register"
    UNDESCRIBED = "undescribed peripheral"
    FLASH = "flash"
    SRAM = "SRAM"
    ROM = "ROM"
    ALIAS = "bit-band alias"
    UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValue:
    """One field of a register, with its value if a word was given.

    Attributes:
        name: as declared.
        span: bit positions, ``high:low``.
        doc: meaning.
        access: ``rw``, ``r`` or ``w``.
        reset: value after a reset.
        value: value in the word, None without a word.
        value_name: name of the value, empty when it has none.
    """

    name: str
    span: str
    doc: str
    access: str
    reset: int
    value: int | None
    value_name: str

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.name,
            "bits": self.span,
            "value": self.value,
            "value_name": self.value_name,
            "reset": self.reset,
            "access": self.access,
            "doc": self.doc,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What an address is, and what a word means there.

    Attributes:
        address: bus address.
        kind: what lies there.
        name: title, e.g. ``Ly_RCNT of layer 4, quadrant 2``.
        text: what it is, in a sentence or two.
        value: the word, None when none was given.
        mnemonic: of the register, empty elsewhere.
        place: named numbers: quadrant, layer, processor, word, lane, offset ...
        fields: of the register.
        undeclared_bits: bit numbers set in the word that no field declares.
        meaning: the word in words.
        nearest: for unmapped addresses, the nearest known thing.
    """

    address: int
    kind: Kind
    name: str
    text: str
    value: int | None = None
    mnemonic: str = ""
    place: tuple[tuple[str, int], ...] = ()
    fields: tuple[FieldValue, ...] = ()
    undeclared_bits: tuple[int, ...] = ()
    meaning: tuple[str, ...] = ()
    nearest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "address": self.address,
            "address_hex": f"0x{self.address:08x}",
            "value": self.value,
            "value_hex": None if self.value is None else f"0x{self.value:08x}",
            "kind": str(self.kind),
            "name": self.name,
            "text": self.text,
            "mnemonic": self.mnemonic,
            "place": dict(self.place),
            "fields": [field.to_dict() for field in self.fields],
            "undeclared_bits": list(self.undeclared_bits),
            "meaning": list(self.meaning),
            "nearest": self.nearest,
        }

    def to_text(self) -> str:
        """For people, several lines."""
        lines = [f"0x{self.address:08x}  {self.name} ({self.kind})"]
        lines += [f"  {line.strip()}" for line in self.text.splitlines() if line.strip()]
        if self.place:
            lines.append("  " + ", ".join(f"{k} {v}" for k, v in self.place))
        if self.value is not None:
            lines.append(f"  value 0x{self.value:08x} ({self.value})")
        lines += self._field_lines()
        if self.undeclared_bits:
            listed = ", ".join(map(str, self.undeclared_bits))
            noun = agreeing(len(self.undeclared_bits), "bit")
            lines.append(f"  WARNING: undeclared {noun} set: {listed}")
        lines += [f"  = {line}" for line in self.meaning]
        if self.nearest:
            lines.append(f"  nearest: {self.nearest}")
        return "\n".join(lines)

    def _field_lines(self) -> list[str]:
        width = max((len(field.name) for field in self.fields), default=0)
        lines = []
        for field in self.fields:
            shown = field.reset if field.value is None else field.value
            value = f"{shown}" if shown <= BYTE_MAXIMUM else f"{shown} = 0x{shown:x}"
            label = "reset" if field.value is None else "="
            name = f" ({field.value_name})" if field.value_name else ""
            lines.append(
                f"    {field.span:>5}  {field.name:<{width}} {label} {value}{name}  -- {field.doc}"
            )
        return lines


def field_values(register: type[Register], value: int | None) -> tuple[FieldValue, ...]:
    """The register's fields, lowest bit first, with their values in ``value``."""
    found = []
    for name, spec in sorted(register.bit_fields().items(), key=lambda item: item[1].low):
        number = None if value is None else value >> spec.low & spec.maximum
        shown = spec.reset if number is None else number
        found.append(
            FieldValue(
                name=name,
                span=spec.span,
                doc=spec.doc,
                access=spec.access,
                reset=spec.reset,
                value=number,
                value_name=dict(spec.values).get(shown, ""),
            )
        )
    return tuple(found)


def undeclared(register: type[Register], value: int | None) -> tuple[int, ...]:
    """Numbers of the bits set in ``value`` that the register does not declare."""
    stray = (value or 0) & ~register.declared_mask()
    return tuple(bit for bit in range(WORD_BITS) if stray >> bit & 1)
