"""Generate ``docs/registers.md``, the register and memory reference, from the chip description.

``python -m mxdeploy.chip.reference`` writes the page to standard output, with ``--write`` to its
place in the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mxdeploy.chip.bits import Bits, Register
from mxdeploy.chip.max78000 import clocks, errata, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import peripherals as per
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.pages import page_command, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "registers.md"

INTRODUCTION = """\
# MAX78000 registers and memories

Generated from the chip description (`mxdeploy.chip`) by `python -m mxdeploy.chip.reference
--write`; do not edit. `mxdeploy explain ADDRESS [VALUE]` decodes any address and word of this page.

All registers have 32 bits. Bits that are not listed are reserved: the generator never writes them,
the accelerator model refuses them. Access: `rw` where nothing is said; `r` read only; `w` write
only. Field names follow the user guide where it agrees with programs known to run; where they
contradict each other, the programs win and the text says so.
"""

KERNEL_LAYOUT = """\
The bytes of a processor's kernel memory form a stream: stream byte `B` is `W[8 - B % 9]` of word
`B // 9`, where `W[0]` are bits 71:64 of the 72-bit word. For a layer with kernels of `K` elements,
`q`-bit weights and `P` input passes, output slot `o` and pass `k` read, with `m = MCNT.mcnt_sad +
(o * P + k) * q`, the kernel `n = m >> 3` at bit `b = m & 7`: element `K - 1 - j` is the signed
`q`-bit field at bits `b ..` of stream byte `n * K + ONED.oned_sad + j`.

| view | address | content |
|---|---|---|
| 128-bit (`CTRL.mexpress` = 0) | base + 16 * word | `W[0]` in bits 7:0 |
| | + 4 | `W[1]` .. `W[4]`, lower index in the higher bits |
| | + 8 | `W[5]` .. `W[8]`, likewise |
| | + 12 | any value: executes the write of the word |
| packed (`CTRL.mexpress` = 1) | base + 4 * word + 1 | one-byte store of 1: next word to fill |
| | base ... | 32-bit stores, most significant byte first: `W[0]` .. `W[8]`, next word |

Reading always uses the 128-bit view.
"""

DATA_LAYOUT = """\
Processor `P` reads byte lane `P & 3` of data memory `P >> 2`. Channel `c` is in pass `c // T` on
the `c % T`-th processor of the layer's mask (`T` processors, `E` passes). The word of pixel `p` and
pass `e` is

| data | word | byte lane |
|---|---|---|
| HWC, 8 bit | offset / 4 + (p * E + e) * (gap + 1) | P & 3 |
| CHW, 8 bit (first layer) | offset / 4 + (p // 4) * E + e | p % 4 |
| 32 bit | offset / 4 + (p * E + e) * 4 * (gap + 1) + (P & 3) | whole word |

`gap` is the number of words left free between a tensor's words: N - 1 for an operand of an
N-operand element-wise layer. Pointer registers count words over all memories: memory * 8192 + word.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [
        INTRODUCTION,
        _accelerator_map(),
        "## Kernel memory\n\n" + KERNEL_LAYOUT,
        "## Data memory\n\n" + DATA_LAYOUT,
        _layer_summary(),
        _registers("Registers of a quadrant", reg.QUADRANT_REGISTERS),
        _registers("Registers of a layer", reg.LAYER_REGISTERS),
        _registers("Registers of a stream", reg.STREAM_REGISTERS),
        _registers("Registers of the whole block", reg.BLOCK_REGISTERS),
        _limits(),
        _errata(),
        _clocks(),
        _regions(),
        _interrupts(),
        _instances(),
        *(_block(block) for block in per.BLOCKS if block.registers),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _hex(address: int) -> str:
    digits = f"{address:08X}"
    return f"0x{digits[:4]}_{digits[4:]}"


def _accelerator_map() -> str:
    places = (
        ("registers", 0, "see below"),
        ("bias memory", mem.BIAS_OFFSET, f"{mem.BIAS_BYTES} entries, one byte per 32-bit word"),
        (
            "TRAM of processor p", mem.TRAM_OFFSET,
            f"+ p * 0x{mem.TRAM_STRIDE:X}: {mem.TRAM_ENTRIES} entries, 16 bits per 32-bit word",
        ),
        (
            "kernel memory of processor p", mem.KERNEL_OFFSET,
            f"+ p * 0x{mem.KERNEL_STRIDE:X}: {mem.KERNEL_WORDS} words of 72 bits",
        ),
        (
            "data memory i", mem.DATA_OFFSET,
            f"+ i * 0x{mem.DATA_STRIDE:X}: {mem.DATA_WORDS} words of 32 bits",
        ),
    )  # fmt: skip
    rows = [
        (
            name, f"0x{offset:06X}",
            *(_hex(mem.quadrant_base(q) + offset) for q in range(mem.QUADRANTS)), text,
        )
        for name, offset, text in places
    ]  # fmt: skip
    head = ("content", "offset", *(f"quadrant {q}" for q in range(mem.QUADRANTS)), "size")
    return (
        "## Accelerator memory map\n\n"
        f"{mem.QUADRANTS} quadrants of {mem.PROCESSORS_PER_QUADRANT} processors; "
        f"{mem.PROCESSORS_PER_MEMORY} processors share a data memory ({mem.DATA_MEMORIES} "
        f"memories); {mem.LAYERS} layers, the first {mem.STREAMS} of them can stream.\n\n"
        + table(head, rows)
    )


def _layer_summary() -> str:
    rows = []
    for register in (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS):
        summary = _summary(register)
        rows.append((register.mnemonic, register.__name__, f"0x{register.offset_of(0):03X}",
                     f"0..{register.count - 1}", summary))  # fmt: skip
    return (
        "## Layer registers at a glance\n\n"
        "Address = quadrant base + offset + 4 * layer.\n\n"
        + table(("register", "class", "offset of layer 0", "layers", "content"), rows)
    )


def _summary(described: type) -> str:
    return (described.__doc__ or "").strip().splitlines()[0]


def _description(described: type) -> str:
    lines = (line.strip() for line in (described.__doc__ or "").strip().splitlines())
    return "\n".join(lines)


def _where(register: type[Register]) -> str:
    if issubclass(register, reg.QuadrantRegister):
        return f"Quadrant base + 0x{register.offset:04X}"
    if issubclass(register, reg.LayerRegister):
        last = register.count - 1
        first, end = _hex(register.address(0, 0)), _hex(register.address(0, last))
        return (
            f"Quadrant base + 0x{register.offset_of(0):03X} + 4 * layer, layers 0..{last} "
            f"(quadrant 0: {first}..{end})"
        )
    if issubclass(register, reg.BlockRegister):
        return f"Address {_hex(register.address())}"
    raise TypeError(f"{register.__name__} has no place")


def _registers(title: str, registers: Iterable[type[Register]]) -> str:
    return f"## {title}\n\n" + "\n".join(_register(register) for register in registers)


def _register(register: type[Register]) -> str:
    head = f"### {register.mnemonic}: {register.__name__}\n\n{_description(register)}\n\n"
    reset = f"{_where(register)}; reset 0x{register.reset_word():08X}; source: {register.source}.\n"
    fields = list(_fields(register))
    if not fields:
        return head + reset
    return head + reset + "\n" + table(("bits", "field", "reset", "access", "meaning"), fields)


def _fields(register: type[Register]) -> Iterator[tuple[object, ...]]:
    for name, spec in _high_first(register):
        yield f"{spec.span}", f"`{name}`", spec.reset, spec.access, _meaning(spec)


def _high_first(register: type[Register]) -> list[tuple[str, Bits]]:
    return sorted(register.bit_fields().items(), key=lambda item: -item[1].low)


def _meaning(spec: Bits) -> str:
    values = ", ".join(f"{number} {name}" for number, name in spec.values)
    return f"{spec.doc}: {values}" if values else spec.doc


def _limits() -> str:
    parts = ["## Limits\n"]
    for group in dict.fromkeys(limit.group for limit in limits.LIMITS):
        rows = (
            (f"`{limit.name}`", limit, limit.basis, limit.text, limit.source)
            for limit in limits.LIMITS
            if limit.group == group
        )
        title = group[0].upper() + group[1:]
        parts.append(f"### {title}\n")
        parts.append(table(("name", "limit", "basis", "rule", "source"), rows))
    return "\n".join(parts)


def _errata() -> str:
    rows = ((q.name, q.what, q.remedy, q.evidence, q.source) for q in errata.QUIRKS)
    return "## Quirks\n\n" + table(
        (
            "name",
            "what the chip does or what is not known",
            "what a generator should do",
            "evidence",
            "source",
        ),
        rows,
    )


def _clocks() -> str:
    rows = (
        ("IPO", clocks.IPO_HZ, "internal primary oscillator; the Arm core in generated firmware"),
        ("ISO", clocks.ISO_HZ, "internal secondary oscillator; the system clock after a reset"),
        ("IBRO", clocks.IBRO_HZ, "baud-rate oscillator"),
        ("ERTCO", clocks.ERTCO_HZ, "crystal oscillator of the real-time clock"),
        ("INRO", clocks.INRO_HZ, "nano-ring oscillator"),
        ("PCLK", clocks.PCLK_HZ, "peripheral clock, half the system clock (with IPO)"),
        ("CNN", clocks.CNN_CLOCK_HZ, "accelerator clock in generated firmware; its maximum"),
    )
    return "## Clocks\n\n" + table(
        ("clock", "Hz", "use"), ((n, f"{hz:,}", text) for n, hz, text in rows)
    )


def _regions() -> str:
    rows = (
        (_hex(r.base), _hex(r.base + r.size_bytes - 1), r.name, r.kind, r.text)
        for r in sorted(per.REGIONS, key=lambda r: r.base)
    )
    return "## Memory map of the microcontroller\n\n" + table(
        ("first", "last", "name", "kind", "content"), rows
    )


def _interrupts() -> str:
    rows = (
        (i.name, i.number, i.vector, f"0x{i.vector_offset:03X}",
         "-" if i.riscv_number is None else i.riscv_number)
        for i in per.INTERRUPTS
    )  # fmt: skip
    return "## Interrupts\n\n" + table(
        ("source", "NVIC line", "exception", "vector offset", "RISC-V line"), rows
    )


def _instances() -> str:
    rows = (
        (i.name, _hex(i.base), f"0x{i.size_bytes:X}", per.block_of(i).title)
        for i in per.INSTANCES
    )  # fmt: skip
    return "## Peripherals\n\n" + table(("name", "base", "window", "what it is"), rows)


def _block(block: per.Block) -> str:
    places = ", ".join(f"{i.name} {_hex(i.base)}" for i in per.INSTANCES if i.block == block.name)
    rows: list[tuple[object, ...]] = []
    for register in block.registers:
        rows.append((_offsets(register), f"**{register.mnemonic}**", "", "", register.access,
                     _description(register).replace("\n", " ")))  # fmt: skip
        rows += [("", *fields) for fields in _fields(register)]
    head = ("offset", "register, bits", "field", "reset", "access", "meaning")
    return f"### {block.name}: {block.title}\n\n{places}\n\n" + table(head, rows)


def _offsets(register: type[per.PeripheralRegister]) -> str:
    first = f"0x{register.offset:03X}"
    if register.count == 1:
        return first
    return f"{first} + 0x{register.stride:X} * n, n = 0..{register.count - 1}"


def main(arguments: Sequence[str]) -> int:
    """Write the page to standard output, or with ``--write`` to its place."""
    return page_command("mxdeploy.chip.reference", arguments, page, PAGE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
