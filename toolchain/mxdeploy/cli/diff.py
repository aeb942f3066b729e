"""``mxdeploy diff``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import PIPE_WIDTH, Output
from mxdeploy.errors import Diagnostic, MismatchError, ModelError
from mxdeploy.text import agreeing, count, ranges

if TYPE_CHECKING:
    from rich.table import Table

    from mxdeploy.emulator.accelerator import RunTime
    from mxdeploy.emulator.diff import ProgramDiff
    from mxdeploy.emulator.diff.layers import LayerDiff
    from mxdeploy.emulator.diff.memories import UnitDiff
    from mxdeploy.emulator.diff.numbers import NumberDiff
    from mxdeploy.emulator.diff.registers import RegisterDiff
    from mxdeploy.emulator.diff.state import State
    from mxdeploy.emulator.trace import TraceFile

FEW = 10
"""Entries of a list that are shown without ``--all``."""


@click.command(name="diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Show long lists to their end, as -v does.")
@click.option("--strict-order", is_flag=True, help="Other stores, or another order: status 6 too.")
@talking
def command(output: Output, a: Path, b: Path, *, everything: bool, strict_order: bool) -> None:
    """Compare two register programs as the chip sees them.

    A and B are recorded programs (.npz) or build folders. Says whether they do the same, and if
    not: which layers compute something else, whose weights differ (by channel, wherever they
    lie), what lies elsewhere, and which registers differ and what they mean. Exit status 0 when
    both have the same effect, 6 when not, 3 when a program uses what is not modelled.
    """
    from mxdeploy.emulator.diff import compare, document

    difference = compare(_load(a), _load(b))
    output.result = document(difference)
    report = _Report(output, difference, everything=everything or output.verbosity > 0)
    report.show()
    _judge(difference, a, b, strict_order=strict_order)


def _load(path: Path) -> TraceFile:
    """A recorded program, or the program of a build folder with its sample input."""
    if not path.is_dir():
        from mxdeploy.emulator.trace import load_trace

        return load_trace(path)
    from mxdeploy.builds import open_build
    from mxdeploy.emulator.diff.program import as_trace
    from mxdeploy.stages.s5_lower import lower

    folder = open_build(path)
    return as_trace(lower(folder.plan), folder.sample_input, folder.info.name)


def _judge(difference: ProgramDiff, a: Path, b: Path, *, strict_order: bool) -> None:
    from mxdeploy.emulator.diff import Verdict

    if difference.same and not (strict_order and difference.verdict is not Verdict.IDENTICAL):
        return
    if difference.verdict is Verdict.UNKNOWN:
        raise ModelError(
            Diagnostic(
                code="MX8221",
                where=str(path),
                what=f"cannot be decoded: {state.refusals[0]}",
                fix="only registers and memories were compared; mxdeploy explain says more",
            )
            for path, state in ((a, difference.a), (b, difference.b))
            if not state.layers
        )
    raise MismatchError(
        Diagnostic(
            code="MX8220",
            where=f"{a} and {b}",
            what=difference.text,
        )
    )


class _Report:
    """The differences for people, from the verdict down."""

    def __init__(self, output: Output, difference: ProgramDiff, *, everything: bool) -> None:
        self._output = output
        self._difference = difference
        self._everything = everything

    def show(self) -> None:
        """All sections; those without a difference are one line or none."""
        from mxdeploy.emulator.diff import Verdict

        difference = self._difference
        for label, state in (("A", difference.a), ("B", difference.b)):
            self._output.say(f"{label}: {_program(state)}")
        self._output.say(f"\n{difference.text}")
        if difference.verdict is not Verdict.IDENTICAL:
            self._layers()
            self._registers()
            self._section("memories", _memory_lines(difference))
            self._section("input and known answers", _data_lines(difference))
            self._way()
        elif not (difference.answers.same_addresses and difference.answers.same_values):
            self._section("known answers", _data_lines(difference))

    def _section(self, title: str, lines: list[str]) -> None:
        if lines:
            self._output.say(f"\n{title}")
            self._list(lines)

    def _list(self, entries: list[str]) -> None:
        """Entries of one or more lines, cut unless everything is wanted."""
        shown = entries if self._everything else entries[:FEW]
        for entry in shown:
            for line in entry.splitlines():
                self._output.say(_wrapped(line))
        if left := len(entries) - len(shown):
            self._output.say(f"  ... and {left} more; --all shows them")

    def _layers(self) -> None:
        layers = self._difference.layers
        if not layers:
            return
        if self._difference.same and not self._everything:
            self._output.say(
                f"\nall {count(len(layers), 'layer')}: the same operations, weights and places"
            )
            return
        self._output.show(_table(layers))
        self._section("what is computed", _part_lines(layers, "computed"))
        self._section("weights and biases, by channel of the network", _number_lines(layers))
        self._section("where it lies", _place_lines(self._difference))

    def _registers(self) -> None:
        from mxdeploy.emulator.diff.registers import Effect, Part, only_sides

        registers = self._difference.registers
        if not registers:
            return
        both = [diff for diff in registers if diff.part is Part.BOTH]
        quiet = [diff for diff in registers if diff.effect is Effect.NONE]
        loud = [diff for diff in both if diff.effect is not Effect.NONE]
        share = f"{_count(quiet)} of them" if loud else "all of them"
        note = f", {share} without effect on results" if quiet else ""
        self._output.say(f"\nregisters: {_count(registers)} differ{note}")
        entries = _register_texts([*loud, *quiet] if self._everything or not loud else loud)
        self._list(entries)
        if loud and quiet and not self._everything:
            self._output.say(f"  {_count(quiet)} without effect; --all shows them")
        for part in (Part.A, Part.B):
            where, number = only_sides(registers, part)
            if number:
                self._output.say(f"  {number} of {where}, which only {part} uses")

    def _way(self) -> None:
        from mxdeploy.emulator.diff.stores import habits

        stores = self._difference.stores
        title = f"the way there: {stores.a.total:,} stores in A, {stores.b.total:,} in B"
        lines = list(habits(stores))
        if lines or stores.a.total != stores.b.total:
            self._output.say(f"\n{title}")
            self._list(lines)


# --- text ---------------------------------------------------------------------------------------


def _time(time: RunTime) -> str:
    estimate = " (estimate: layers stream)" if time.estimated else ""
    return f", {time.cycles:,} cycles{estimate}"


def _program(state: State) -> str:
    parts = [f"{state.trace.name}: "]
    if state.layers:
        noun = agreeing(len(state.quadrants), "quadrant")
        parts.append(f"{count(len(state.layers), 'layer')}, {noun} {ranges(state.quadrants)}")
        parts.append(_time(state.time) if state.time else "")
        parts.append(", input through a FIFO" if state.frame else "")
    for refusal in state.refusals:
        parts.append(f"{'' if parts[-1].endswith(': ') else '; '}{refusal}")
    return "".join(parts)


def _table(layers: Iterable[LayerDiff]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    headings = ("A", "B", "layer", "computes", "weights", "bias", "place", "cycles A", "B")
    rows = [
        (
            *("" if number is None else str(number) for number in (layer.a, layer.b)),
            layer.short,
            *_words(layer),
            *("" if n is None else f"{n:,}" for n in (layer.cycles_a, layer.cycles_b)),
        )
        for layer in layers
    ]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, *cells in zip(headings, *rows, strict=True):
        # Where the table is too wide, the description of the layer gives way.
        table.add_column(
            heading,
            justify="right" if heading in {"A", "B", "cycles A"} else "left",
            no_wrap=heading != "layer",
            min_width=None if heading == "layer" else max(map(len, (heading, *cells))),
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _words(layer: LayerDiff) -> tuple[str, str, str, str]:
    if not layer.paired:
        return "only A" if layer.b is None else "only B", "", "", ""
    return (
        _same(equal=layer.computes_same),
        "none" if layer.weights is None else _same(equal=not layer.weights.different),
        "none" if layer.bias is None else _same(equal=not layer.bias.different),
        _same(equal=not layer.placement),
    )


def _same(*, equal: bool) -> str:
    return "same" if equal else "differs"


def _part_lines(layers: Iterable[LayerDiff], which: str) -> list[str]:
    """``layers 0-4: weight bits 8 in A, 4 in B``: what differs alike is said once."""
    alike: dict[tuple[str, str, str], list[int]] = {}
    for layer in layers:
        parts = layer.placement if which == "placement" else (*layer.geometry, *layer.operation)
        for part in parts:
            alike.setdefault((part.name, part.a, part.b), []).append(layer.a or 0)
    return [
        f"{_many('layer', numbers, ranges(numbers))}: {name} {a} in A, {b} in B"
        for (name, a, b), numbers in sorted(alike.items(), key=lambda item: item[1][0])
    ]


def _place_lines(difference: ProgramDiff) -> list[str]:
    inputs = [_input_path(state) for state in (difference.a, difference.b)]
    lines = [] if inputs[0] == inputs[1] else [f"input {inputs[0]} in A, {inputs[1]} in B"]
    return [*lines, *_part_lines(difference.layers, "placement")]


def _input_path(state: State) -> str:
    from mxdeploy.emulator.accelerator.fifo import FAST

    frame = state.frame
    if frame is None:
        return "from data memory"
    which = "the fast FIFO" if FAST in frame.queues else f"FIFO {ranges(frame.queues)}"
    return f"through {which}, {frame.words} words into memory {ranges(frame.memories)}"


def _many(noun: str, numbers: Iterable[int], text: str) -> str:
    return f"{noun}{'s' if len(list(numbers)) > 1 else ''} {text}"


def _number_lines(layers: Iterable[LayerDiff]) -> list[str]:
    lines = []
    for layer in layers:
        for name, numbers in (("weights", layer.weights), ("biases", layer.bias)):
            # Shapes that differ follow from the geometry, which was said before.
            if (
                numbers is not None
                and numbers.different
                and not (numbers.shapes and layer.geometry)
            ):
                lines.append(f"layer {layer.a}: {_number_text(name, numbers)}")
    return lines


def _number_text(name: str, numbers: NumberDiff) -> str:
    if numbers.first is None:
        return f"{name} cannot be compared: {numbers.shapes}"
    first = numbers.first
    where = f"output {first.output}"
    if first.input is not None and first.tap is not None:
        where += f", input {first.input}, tap {first.tap[0]},{first.tap[1]}"
    note = f"; the same but for the order of {numbers.permuted}" if numbers.permuted else ""
    return (
        f"{numbers.different:,} of {numbers.count:,} {name} differ, in "
        f"{count(numbers.channels, 'output channel')}; first {where}: {first.a} in A, {first.b} in "
        f"B{note}"
    )


def _count(registers: Iterable[RegisterDiff]) -> int:
    """Single registers: one for each quadrant."""
    return sum(max(1, len(diff.quadrants)) for diff in registers)


def _register_texts(registers: Iterable[RegisterDiff]) -> list[str]:
    """What differs alike in several layers is said once."""
    alike: dict[tuple[object, ...], list[RegisterDiff]] = {}
    for diff in registers:
        key = (diff.mnemonic, diff.fields, diff.quadrants, diff.effect, diff.why)
        alike.setdefault(key, []).append(diff)
    return [_register_text(diffs) for diffs in alike.values()]


def _register_text(diffs: list[RegisterDiff]) -> str:
    """A register in a few lines: where, both words, each field, the meaning."""
    from mxdeploy.emulator.diff.registers import Effect

    diff = diffs[0]
    layers = [each.layer for each in diffs if each.layer is not None]
    place = [_many("layer", layers, ranges(layers))] if layers else []
    if diff.quadrants:
        place.append(_many("quadrant", diff.quadrants, ranges(diff.quadrants)))
    first = "first " if _count(diffs) > 1 else ""
    head = f"{', '.join([diff.mnemonic, *place])}: {first}0x{diff.address:08x} has "
    lines = [f"{head}0x{diff.a:08x} in A, 0x{diff.b:08x} in B"]
    if diff.effect is not Effect.RESULT:
        lines.append(f"  [{diff.effect}: {diff.why}]")
    width = max((len(field.name) for field in diff.fields), default=0)
    for field in diff.fields:
        a = f"{field.a}{f' ({field.a_name})' if field.a_name else ''}"
        b = f"{field.b}{f' ({field.b_name})' if field.b_name else ''}"
        lines.append(f"  {field.span:>5}  {field.name:<{width}}  {a} -> {b}  -- {field.doc}")
    if len({(each.meaning_a, each.meaning_b) for each in diffs}) == 1:
        for label, meaning in (("A", diff.meaning_a), ("B", diff.meaning_b)):
            lines += [f"  {label} = {line}" for line in meaning]
    return "\n".join(lines)


def _wrapped(line: str) -> str:
    """An indented line of a section, folded at the width of a pipe."""
    from textwrap import fill

    indent = " " * (len(line) - len(line.lstrip()) + 2)
    rest = f"{indent}    "
    return fill(
        line.lstrip(),
        PIPE_WIDTH,
        initial_indent=indent,
        subsequent_indent=rest,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _memory_lines(difference: ProgramDiff) -> list[str]:
    memories = difference.memories
    return [
        *_unit_lines("kernel memory", "processor", "word", memories.kernels),
        *_unit_lines("bias memory", "quadrant", "byte", memories.biases),
        *_unit_lines("data memory at the start", "memory", "word", memories.data),
    ]


def _unit_lines(name: str, unit: str, word: str, units: tuple[UnitDiff, ...]) -> list[str]:
    if not units:
        return []
    numbers = [diff.unit for diff in units]
    where = f"{agreeing(len(numbers), unit)} {ranges(numbers)}"
    total, first = sum(diff.count for diff in units), units[0]
    text = f"{name}: {count(total, word)} differ in {where}; "
    text += f"first {unit} {first.unit} {word} {first.first}: {first.a} in A, {first.b} in B"
    return [text]


def _data_lines(difference: ProgramDiff) -> list[str]:
    data, answers = difference.input, difference.answers
    lines = [f"input: {'the same' if data.same else data.text or 'differs'}"]
    compared = [layer.outputs_same for layer in difference.layers if layer.outputs_same is not None]
    if compared:
        equal = sum(compared)
        share = "every layer" if equal == len(compared) else f"{equal} of {len(compared)} layers"
        lines.append(f"outputs: {share} computed the same values")
    if not (answers.a or answers.b):
        return lines
    text = f"known answers: {answers.a:,} words in A, {answers.b:,} in B"
    if answers.different:
        text += f"; {answers.different:,} of {answers.common:,} at common addresses expect other"
        text += f" values, first at 0x{answers.first or 0:08x}"
    elif answers.same_addresses:
        text += ", the same ones"
    elif answers.same_values:
        text += ", the same values at other addresses"
    elif answers.common:
        text += f"; the {answers.common:,} at common addresses agree"
    else:
        text += ", at other addresses"
    return [*lines, text]
