"""The register language: a register is a frozen class whose fields are named bit ranges.

A register is described once. The generator *constructs* it (``RowCount(last_row=29, pad=1)``, every
field range-checked), the emulator *decodes* the same class from the same bits, ``mxdeploy explain``
and the generated documentation print it.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field, fields
from typing import Any, ClassVar, Never, Self, dataclass_transform

from mxdeploy.text import agreeing, count

WORD_BITS = 32


class FieldRangeError(ValueError):
    """A value does not fit the bits of its field."""


class UndeclaredBitsError(ValueError):
    """A word has bits set that the register does not declare."""

    def __init__(self, register: type[Register], word: int) -> None:
        """Name the register and the offending bits."""
        self.register = register
        self.word = word
        self.undeclared = word & ~register.declared_mask()
        positions = ", ".join(str(b) for b in range(WORD_BITS) if self.undeclared >> b & 1)
        super().__init__(
            f"{register.__name__} ({register.mnemonic}): 0x{word:08x} sets undeclared "
            f"{agreeing(self.undeclared.bit_count(), 'bit')} {positions}"
        )


@dataclass(frozen=True, slots=True)
class Bits:
    """Position and meaning of one field."""

    high: int
    low: int
    reset: int
    doc: str
    values: tuple[tuple[int, str], ...] = ()
    access: str = "rw"

    @property
    def width(self) -> int:
        """Number of bits."""
        return self.high - self.low + 1

    @property
    def maximum(self) -> int:
        """Largest value that fits."""
        return (1 << self.width) - 1

    @property
    def mask(self) -> int:
        """The field's bits in place."""
        return self.maximum << self.low

    @property
    def span(self) -> str:
        """``high:low`` as the user guide writes it, or a single bit number."""
        return str(self.high) if self.high == self.low else f"{self.high}:{self.low}"


def bits(
    high: int,
    low: int | None = None,
    *,
    doc: str,
    default: int = 0,
    values: dict[int, str] | None = None,
    access: str = "rw",
) -> Any:  # noqa: ANN401 - stands where the field's int value will be
    """Declare the field at bits ``high:low`` (one bit when ``low`` is left out).

    ``default`` is the reset value. ``values`` names enumerated values for people.
    """
    bottom = high if low is None else low
    if not 0 <= bottom <= high < WORD_BITS:
        raise ValueError(f"bits {high}:{bottom} do not lie in a {WORD_BITS}-bit word")
    spec = Bits(high, bottom, default, doc, tuple((values or {}).items()), access)
    return field(default=default, metadata={"bits": spec})


# `bits` is not named as a field specifier, so that each call counts as a default value.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class Register:
    """Base of all registers; a subclass's annotated ``bits(...)`` attributes are its fields.

    Subclasses are frozen, keyword-only dataclasses. Construction, comparison and printing are
    written here once, because generating them for each of some 250 classes costs import time.
    """

    mnemonic: ClassVar[str]
    source: ClassVar[str]
    _bits: ClassVar[dict[str, Bits]]
    _mask: ClassVar[int]

    def __init_subclass__(cls, *, mnemonic: str = "", source: str = "", **kwargs: object) -> None:
        """Turn the subclass into a frozen dataclass and check that its fields do not overlap."""
        super().__init_subclass__(**kwargs)
        cls.mnemonic = mnemonic
        cls.source = source
        dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
        cls._bits = {f.name: f.metadata["bits"] for f in fields(cls)}  # type: ignore[arg-type]
        taken = 0
        for name, spec in cls._bits.items():
            if taken & spec.mask:
                raise TypeError(f"{cls.__name__}.{name} overlaps another field")
            taken |= spec.mask
        cls._mask = taken

    def __init__(self, **values: int) -> None:
        """Set the fields; those left out have their reset value.

        Raises:
            FieldRangeError: a value does not fit: an error, never a mask.
            TypeError: there is no such field.
        """
        place = self.__dict__
        for name, spec in self._bits.items():
            value = values.pop(name, spec.reset)
            if not 0 <= value <= spec.maximum:
                raise FieldRangeError(
                    f"{type(self).__name__}.{name} = {value} does not fit "
                    f"{count(spec.width, 'bit')} (0..{spec.maximum})"
                )
            place[name] = value
        if values:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(values)}")

    def __setattr__(self, name: str, value: object) -> Never:
        """Refuse: registers are values."""
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> Never:
        """Refuse: registers are values."""
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        """Same register, same fields."""
        if type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        """Hash of register and fields."""
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        """``Name(field=value, …)`` with all fields."""
        parts = ", ".join(f"{n}={getattr(self, n)!r}" for n in self._bits)
        return f"{type(self).__qualname__}({parts})"

    @classmethod
    def bit_fields(cls) -> dict[str, Bits]:
        """Field name -> position and meaning, in declaration order."""
        return dict(cls._bits)

    @classmethod
    def declared_mask(cls) -> int:
        """All bits that belong to a field."""
        return cls._mask

    @classmethod
    def reset_word(cls) -> int:
        """The word after a reset."""
        return sum(spec.reset << spec.low for spec in cls._bits.values())

    def encode(self) -> int:
        """The 32-bit word."""
        return sum(int(getattr(self, n)) << spec.low for n, spec in self._bits.items())

    @classmethod
    def decode(cls, word: int, *, lenient: bool = False) -> Self:
        """The register whose word this is.

        Raises:
            UndeclaredBitsError: a bit outside all fields is set (ignored when ``lenient``).
        """
        if word & ~cls._mask and not lenient:
            raise UndeclaredBitsError(cls, word)
        return cls(**{n: (word >> s.low) & s.maximum for n, s in cls._bits.items()})

    def __str__(self) -> str:
        """``Name(field=value, …)`` with the fields that differ from zero."""
        parts = ", ".join(f"{n}={v}" for n in self._bits if (v := getattr(self, n)))
        return f"{type(self).__name__}({parts})"
