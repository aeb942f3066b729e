"""One layer's registers as the participating quadrants hold them, and how they are refused."""

from __future__ import annotations

from typing import TypeVar, cast

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.errors import NotModelledError, impossible, not_modelled
from mxdeploy.emulator.accelerator.registers import RegisterFile
from mxdeploy.emulator.accelerator.unmodelled import Unmodelled

L = TypeVar("L", bound=reg.LayerRegister)


class LayerView:
    """Registers of one layer in the quadrants that take part; the first one leads.

    Attributes:
        number: the layer.
        quadrants: participating quadrants, the leading one first.
    """

    def __init__(self, file: RegisterFile, number: int, quadrants: tuple[int, ...]) -> None:
        """Look at layer ``number`` in ``quadrants``."""
        self._file = file
        self.number = number
        self.quadrants = quadrants
        self._common: dict[tuple[type[Register], tuple[str, ...]], Register] = {}

    def of(self, register: type[L], quadrant: int) -> L:
        """The register in one quadrant."""
        return self._file.get(register, register.address(quadrant, self.number))

    def leading(self, register: type[L]) -> L:
        """The register in the leading quadrant."""
        return self.of(register, self.quadrants[0])

    def common(self, register: type[L], *, apart_from: tuple[str, ...] = ()) -> L:
        """The register, which must be the same in all participating quadrants.

        Args:
            register: which one.
            apart_from: fields that may differ; the leading quadrant's are returned.

        Raises:
            NotModelledError: another field differs.
        """
        known = self._common.get((register, apart_from))
        if known is None:
            known = self._compare(register, apart_from)
            self._common[register, apart_from] = known
        return cast("L", known)

    def _compare(self, register: type[L], apart_from: tuple[str, ...]) -> L:
        leader = self.quadrants[0]
        address = register.address(leader, self.number)
        word = self._file.word(register, address)
        first = self._file.decoded(register, word)
        for quadrant in self.quadrants[1:]:
            elsewhere = address + (quadrant - leader) * mem.QUADRANT_STRIDE
            other_word = self._file.word(register, elsewhere)
            if other_word == word:
                continue
            other = self._file.decoded(register, other_word)
            for name in register.bit_fields().keys() - set(apart_from):
                value, wanted = getattr(other, name), getattr(first, name)
                if value != wanted:
                    why = f"quadrant {leader} has {wanted}"
                    raise impossible(self.where(quadrant), register, name, value, why)
        return first

    def where(self, quadrant: int | None = None) -> str:
        """Where a diagnostic points."""
        place = f"layer {self.number}"
        return place if quadrant is None else f"{place}, quadrant {quadrant}"

    def not_modelled(
        self, refusal: Unmodelled, value: Register, detail: str = ""
    ) -> NotModelledError:
        """A register value that is not modelled."""
        return not_modelled(self.where(), refusal, getattr(value, refusal.field), detail)

    def impossible(self, value: Register, field: str, why: str) -> NotModelledError:
        """A register value that contradicts others."""
        return impossible(self.where(), type(value), field, getattr(value, field), why)

    def require(self, refusal: Unmodelled, value: Register, wanted: int) -> None:
        """Refuse a field that has not the only modelled value."""
        if getattr(value, refusal.field) != wanted:
            raise self.not_modelled(refusal, value)
