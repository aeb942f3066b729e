"""Registers that differ at the start: which fields, what they mean, whether it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mxdeploy.chip.bits import Register
from mxdeploy.chip.explanation import field_values
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.readings import read_word
from mxdeploy.emulator.accelerator.decode import RunMode, describe_layer
from mxdeploy.emulator.accelerator.errors import NotModelledError
from mxdeploy.emulator.accelerator.registers import RegisterFile, Slot, register_slots
from mxdeploy.emulator.accelerator.view import LayerView
from mxdeploy.emulator.diff.layers import effective
from mxdeploy.emulator.diff.state import State
from mxdeploy.text import ranges


class Effect(StrEnum):
    """What a difference changes."""

    RESULT = "decides what is computed or where"
    CHIP = "only the chip sees it"
    NONE = "no effect on results"


class Part(StrEnum):
    """In which of the programs the register takes part."""

    BOTH = "both"
    A = "A"
    B = "B"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDiff:
    """A field that differs; see ``chip.explanation.FieldValue``."""

    name: str
    span: str
    doc: str
    a: int
    b: int
    a_name: str
    b_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDiff:
    """The same difference of a register in one or more quadrants.

    Attributes:
        mnemonic: of the register.
        name: of its class.
        layer: layer or stream, None for a register that exists once per quadrant or at all.
        quadrants: those with this difference; empty for a register of the whole accelerator.
        address: in the first of the quadrants.
        a: word in A, in the first of the quadrants.
        b: word in B.
        fields: those that differ.
        meaning_a: A's word in words.
        meaning_b: B's word in words.
        part: in which program it takes part: quadrant enabled, layer run.
        effect: what the difference changes.
        why: the reason when that is not the result.
    """

    mnemonic: str
    name: str
    layer: int | None
    quadrants: tuple[int, ...]
    address: int
    a: int
    b: int
    fields: tuple[FieldDiff, ...]
    meaning_a: tuple[str, ...]
    meaning_b: tuple[str, ...]
    part: Part
    effect: Effect
    why: str


_QUIET: dict[type[Register], tuple[frozenset[str], str]] = {
    reg.Sram: (frozenset(reg.Sram.bit_fields()), "timing and sleep of the memories"),
    reg.AlwaysOnControl: (frozenset(reg.AlwaysOnControl.bit_fields()), "wait states and sleep"),
    reg.Test: (frozenset(reg.Test.bit_fields()), "self-tests, over before the start"),
    reg.Ctrl: (
        frozenset(("rdy_sel", "apbclk_en", "mlat_ld", "mlatch_sel", "mexpress", "fclk_dly")),
        "wait states, clock delay, kernel loader or read-out",
    ),
    reg.FifoControl: (
        frozenset(reg.FifoControl.bit_fields()) - {"fifo_cpl", "fifo_en"},
        "wait states, thresholds and interrupts of the FIFOs",
    ),
    reg.FastFifoControl: (frozenset(("threshold",)), "threshold of the fast FIFO"),
}
"""Fields that have no effect on results, whatever else is set."""
_STREAMS = (reg.Stream0, reg.Stream1, reg.StreamBuffer)
_FAST = (reg.FastFifoControl, reg.FastFifoInterruptEnable)
_CHIP_ONLY = "when a layer that does not stream may begin to read from the FIFO"


def compare_registers(a: State, b: State) -> tuple[RegisterDiff, ...]:
    """All registers that differ, those of the accelerator first, then layer by layer."""
    groups: dict[tuple[object, ...], list[Slot]] = {}
    for slot in register_slots().values():
        words = a.registers.get(slot.address, 0), b.registers.get(slot.address, 0)
        if words[0] != words[1]:
            fields = _fields(slot.register, *words)
            key = (slot.register, slot.layer, fields, _part(slot, a, b))
            groups.setdefault(key, []).append(slot)
    judge = _Judge(a, b)
    found = [_diff(slots, a, b, judge) for slots in groups.values()]
    order = [slot.register for slot in register_slots().values()]
    first = {register.mnemonic: number for number, register in reversed(list(enumerate(order)))}
    found.sort(key=lambda d: (-1 if d.layer is None else d.layer, first[d.mnemonic], d.quadrants))
    return tuple(found)


def _diff(slots: list[Slot], a: State, b: State, judge: _Judge) -> RegisterDiff:
    slot = slots[0]
    words = a.registers[slot.address], b.registers[slot.address]
    fields = _fields(slot.register, *words)
    part = _part(slot, a, b)
    effect, why = judge.effect(slots, tuple(field.name for field in fields), part)
    readings = [
        read_word(slot.register.decode(word, lenient=True), slot.quadrant or 0) for word in words
    ]
    return RegisterDiff(
        mnemonic=slot.register.mnemonic,
        name=slot.register.__name__,
        layer=slot.layer,
        quadrants=tuple(s.quadrant for s in slots if s.quadrant is not None),
        address=slot.address,
        a=words[0],
        b=words[1],
        fields=fields,
        meaning_a=tuple(line for line in readings[0] if line not in readings[1]),
        meaning_b=tuple(line for line in readings[1] if line not in readings[0]),
        part=part,
        effect=effect,
        why=why,
    )


def _fields(register: type[Register], a: int, b: int) -> tuple[FieldDiff, ...]:
    pairs = zip(field_values(register, a), field_values(register, b), strict=True)
    return tuple(
        FieldDiff(
            name=x.name,
            span=x.span,
            doc=x.doc,
            a=x.value or 0,
            b=y.value or 0,
            a_name=x.value_name,
            b_name=y.value_name,
        )
        for x, y in pairs
        if x.value != y.value
    )


def _part(slot: Slot, a: State, b: State) -> Part:
    takes = [_takes_part(slot, state) for state in (a, b)]
    if all(takes):
        return Part.BOTH
    if not any(takes):
        return Part.NEITHER
    return Part.A if takes[0] else Part.B


def _takes_part(slot: Slot, state: State) -> bool:
    if slot.quadrant is not None and slot.quadrant not in state.quadrants:
        return False
    return slot.layer is None or slot.layer <= state.last_layer


class _Judge:
    """Says what a difference changes: by a list, or by decoding A with B's word in its place."""

    def __init__(self, a: State, b: State) -> None:
        self._a = a
        self._b = b
        self._decoded = bool(a.layers and b.layers)
        self._file = a.file()
        leader = reg.Ctrl.decode(a.registers[reg.Ctrl.address(a.quadrants[0])])
        self._mode = RunMode(
            rounding=bool(leader.poolrnd),
            streaming=bool(leader.stream_en),
            independent=bool(leader.qupac),
        )

    def effect(self, slots: list[Slot], fields: tuple[str, ...], part: Part) -> tuple[Effect, str]:
        """What a difference of some fields changes, and the reason when not the result."""
        slot = slots[0]
        why = self._unused(slot, part)
        quiet, reason = _QUIET.get(slot.register, (frozenset(), ""))
        if not why and quiet.issuperset(fields):
            why = reason
        if not why and slot.register in _STREAMS and self._waits(slot):
            return Effect.CHIP, _CHIP_ONLY
        if not why and self._decoded and part is Part.BOTH:
            why = self._without_effect(slots, set(fields) - quiet)
        return (Effect.NONE, why) if why else (Effect.RESULT, "")

    def _unused(self, slot: Slot, part: Part) -> str:
        """Why a register takes no part, empty when it does."""
        if part is Part.NEITHER:
            outside = slot.layer is not None and slot.layer > self._a.last_layer
            return "the layer does not run" if outside else "the quadrant is idle"
        if not self._decoded or self._fifo:
            return ""
        if slot.register in _STREAMS and not self._streams:
            return "nothing streams"
        if slot.register in (reg.InputFrame, reg.FifoControl, *_FAST):
            return "no FIFO is used"
        return ""

    def _without_effect(self, slots: list[Slot], fields: set[str]) -> str:
        """Why fields that could decide something decide nothing here; empty when they do."""
        if slots[0].register is reg.Ctrl:
            return self._control(fields)
        # TPTR is no part of a description; the model accepts the one value that belongs to it.
        layered = slots[0].layer is not None and slots[0].register is not reg.TramPointer
        if layered and self._same_layer(slots):
            return "what the layer does makes no use of it"
        return ""

    @property
    def _fifo(self) -> bool:
        return self._a.frame is not None or self._b.frame is not None

    def _waits(self, slot: Slot) -> bool:
        """Whether layer 0 reads from a FIFO without streaming, in one of the programs."""
        first = [s.layers[0] for s in (self._a, self._b) if s.layers and s.frame is not None]
        return slot.layer == 0 and any(not layer.streaming for layer in first)

    @property
    def _streams(self) -> bool:
        return any(layer.streaming for s in (self._a, self._b) for layer in s.layers)

    def _control(self, fields: set[str]) -> str:
        pools = [layer.pooling for state in (self._a, self._b) for layer in state.layers]
        average = any(pooling is not None and pooling.kind == "average" for pooling in pools)
        return "nothing is averaged" if fields == {"poolrnd"} and not average else ""

    def _same_layer(self, slots: list[Slot]) -> bool:
        """Whether the layer of A stays what it is with B's words in these registers."""
        number = slots[0].layer or 0
        if number >= len(self._a.layers):
            return False
        for slot in slots:
            self._file.force(slot.register, slot.address, self._b.registers[slot.address])
        try:
            changed = self._describe(self._file, number)
        except NotModelledError:
            return False
        finally:
            for slot in slots:
                self._file.force(slot.register, slot.address, self._a.registers[slot.address])
        return changed == effective(self._a.layers[number])

    def _describe(self, file: RegisterFile, number: int) -> tuple[object, ...]:
        return effective(describe_layer(LayerView(file, number, self._a.quadrants), self._mode))


def only_sides(diffs: Iterable[RegisterDiff], part: Part) -> tuple[str, int]:
    """What takes part in one program alone, in words, and how many registers that are."""
    alone = [diff for diff in diffs if diff.part is part]
    count = sum(max(1, len(diff.quadrants)) for diff in alone)
    layers = sorted({diff.layer for diff in alone if diff.layer is not None})
    quadrants = sorted({q for diff in alone if diff.layer is None for q in diff.quadrants})
    if quadrants:
        return f"quadrants {ranges(quadrants)}", count
    return f"layers {ranges(layers)}", count
