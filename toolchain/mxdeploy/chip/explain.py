"""Say what any address of the chip is, and what a word means there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mxdeploy.chip.bits import WORD_BITS
from mxdeploy.chip.explanation import Explanation, Kind, field_values, undeclared
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import peripherals as per
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.readings import read_word
from mxdeploy.text import agreeing

Place = tuple[tuple[str, int], ...]
Declared = type[reg.QuadrantRegister | reg.LayerRegister | reg.BlockRegister]


def explain(address: int, value: int | None = None) -> Explanation:
    """What lies at ``address``, and what ``value`` means there.

    Args:
        address: any 32-bit bus address.
        value: a 32-bit word written to or read from it.

    Raises:
        ValueError: the address or the value has more than 32 bits.
    """
    for number in (address, value or 0):
        if not 0 <= number < 1 << WORD_BITS:
            raise ValueError(f"{number:#x} does not fit {WORD_BITS} bits")
    for attempt in (_accelerator_register, _accelerator_memory, _peripheral, _memory):
        found = attempt(address, value)
        if found is not None:
            return found
    return _unmapped(address, value)


@cache
def _registers() -> dict[int, tuple[Declared, Place]]:
    """Every register of the accelerator by its address."""
    known: dict[int, tuple[Declared, Place]] = {}
    for block in reg.BLOCK_REGISTERS:
        known[block.address()] = block, ()
    for quadrant in range(mem.QUADRANTS):
        for single in reg.QUADRANT_REGISTERS:
            known[single.address(quadrant)] = single, (("quadrant", quadrant),)
        for layered in (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS):
            for layer in range(layered.count):
                place = (("quadrant", quadrant), ("layer", layer))
                known[layered.address(quadrant, layer)] = layered, place
    return known


def _signed_bytes(value: int) -> list[int]:
    """The four bytes of a word, lowest first, as signed numbers."""
    return [(value >> 8 * n & 0xFF ^ 0x80) - 0x80 for n in range(mem.WORD_BYTES)]


def _where(place: Place) -> str:
    return ", ".join(f"{name} {number}" for name, number in place)


def _doc(described: type) -> str:
    return "\n".join(line.strip() for line in (described.__doc__ or "").splitlines())


def _accelerator_register(address: int, value: int | None) -> Explanation | None:
    found = _registers().get(address - address % mem.WORD_BYTES)
    if found is None:
        return None
    register, place = found
    meaning: tuple[str, ...] = ()
    if value is not None:
        meaning = read_word(register.decode(value, lenient=True), dict(place).get("quadrant", 0))
    of = f" of {_where(place[::-1])}" if place else ""
    return Explanation(
        address=address,
        kind=Kind.REGISTER,
        name=f"{register.mnemonic}{of}: {register.__name__}{_byte_note(address)}",
        text=_doc(register),
        value=value,
        mnemonic=register.mnemonic,
        place=place,
        fields=field_values(register, value),
        undeclared_bits=undeclared(register, value),
        meaning=meaning,
    )


def _byte_note(address: int) -> str:
    return f" (byte {address % mem.WORD_BYTES} of the word)" if address % mem.WORD_BYTES else ""


def _accelerator_memory(address: int, value: int | None) -> Explanation | None:
    quadrant, offset = divmod(address - mem.QUADRANT_BASE, mem.QUADRANT_STRIDE)
    if not 0 <= quadrant < mem.QUADRANTS:
        return None
    local = offset - mem.BIAS_OFFSET
    if 0 <= local < mem.BIAS_BYTES * mem.WORD_BYTES:
        return _bias(address, value, quadrant, local // mem.WORD_BYTES)
    local = offset - mem.TRAM_OFFSET
    if 0 <= local < mem.TRAM_STRIDE * mem.PROCESSORS_PER_QUADRANT:
        return _tram(address, value, quadrant, local)
    local = offset - mem.KERNEL_OFFSET
    if 0 <= local < mem.KERNEL_STRIDE * mem.PROCESSORS_PER_QUADRANT:
        return _kernel(address, value, quadrant, local)
    local = offset - mem.DATA_OFFSET
    if 0 <= local < mem.DATA_STRIDE * (mem.DATA_MEMORIES // mem.QUADRANTS):
        return _data(address, value, quadrant, local)
    return None


def _bias(address: int, value: int | None, quadrant: int, entry: int) -> Explanation:
    meaning: tuple[str, ...] = ()
    if value is not None:
        meaning = (f"bias {_signed_bytes(value)[0]} (adds 128 times this to the accumulator)",)
    return Explanation(
        address=address,
        kind=Kind.BIAS_MEMORY,
        name=f"bias {entry} of quadrant {quadrant}",
        text="One signed byte per 32-bit word; only bits 7:0 exist.",
        value=value,
        place=(("quadrant", quadrant), ("entry", entry)),
        undeclared_bits=tuple(b for b in range(8, WORD_BITS) if (value or 0) >> b & 1),
        meaning=meaning,
    )


def _tram(address: int, value: int | None, quadrant: int, local: int) -> Explanation | None:
    number, inside = divmod(local, mem.TRAM_STRIDE)
    if inside >= mem.TRAM_ENTRIES * mem.WORD_BYTES:
        return None
    processor = quadrant * mem.PROCESSORS_PER_QUADRANT + number
    entry = inside // mem.WORD_BYTES
    return Explanation(
        address=address,
        kind=Kind.TRAM,
        name=f"TRAM entry {entry} of processor {processor}",
        text="Row cache of the 3x3 window, 16 bits per 32-bit word; not loaded by programs.",
        value=value,
        place=(("quadrant", quadrant), ("processor", processor), ("entry", entry)),
    )


def _kernel(address: int, value: int | None, quadrant: int, local: int) -> Explanation | None:
    number, inside = divmod(local, mem.KERNEL_STRIDE)
    processor = quadrant * mem.PROCESSORS_PER_QUADRANT + number
    if inside >= mem.KERNEL_WORDS * mem.KERNEL_WORD_ADDRESS_BYTES:
        return None
    place = (("quadrant", quadrant), ("processor", processor))
    loader = inside // mem.WORD_BYTES
    if inside % mem.WORD_BYTES == 1 and loader < mem.KERNEL_WORDS:
        return Explanation(
            address=address,
            kind=Kind.KERNEL_MEMORY,
            name=f"packed loader of processor {processor}, word {loader}",
            text="With CTRL.mexpress = 1 a one-byte store of 1 here points the packed loader at "
            "this kernel word;\n32-bit stores to the processor's kernel memory then fill it and "
            "the words behind it.",
            value=value,
            place=(*place, ("word", loader)),
        )
    word, byte = divmod(inside, mem.KERNEL_WORD_ADDRESS_BYTES)
    part = byte // mem.WORD_BYTES
    return Explanation(
        address=address,
        kind=Kind.KERNEL_MEMORY,
        name=f"kernel word {word} of processor {processor}, part {part}{_byte_note(address)}",
        text="128-bit view: part 0 is W[0], part 1 W[1..4], part 2 W[5..8], part 3 executes the "
        "write.\nWith CTRL.mexpress = 1, 32-bit stores feed the packed loader instead, most "
        "significant byte first.",
        value=value,
        place=(*place, ("word", word), ("part", part)),
        meaning=() if value is None else _kernel_bytes(value, part),
    )


def _kernel_bytes(value: int, part: int) -> tuple[str, ...]:
    high_first = _signed_bytes(value)[::-1]
    packed = f"packed loader: bytes {', '.join(map(str, high_first))}"
    if part == 0:
        return (f"W[0] = {high_first[-1]}", packed)
    if part == mem.KERNEL_WORD_STORES - 1:
        return ("executes the write of the word", packed)
    first = part * mem.WORD_BYTES - 3
    named = ", ".join(f"W[{first + n}] = {byte}" for n, byte in enumerate(high_first))
    return (named, packed)


def _data(address: int, value: int | None, quadrant: int, local: int) -> Explanation:
    number, inside = divmod(local, mem.DATA_STRIDE)
    memory = quadrant * (mem.DATA_MEMORIES // mem.QUADRANTS) + number
    word, lane = divmod(inside, mem.WORD_BYTES)
    first = memory * mem.PROCESSORS_PER_MEMORY
    place = (
        ("quadrant", quadrant), ("memory", memory), ("word", word), ("lane", lane),
        ("processor", first + lane), ("offset", mem.WORD_BYTES * word),
        ("pointer", memory * mem.DATA_WORDS + word),
    )  # fmt: skip
    meaning: tuple[str, ...] = ()
    if value is not None:
        lanes = enumerate(_signed_bytes(value))
        meaning = (
            "HWC: " + ", ".join(f"processor {first + n}: {byte}" for n, byte in lanes),
            f"32-bit output: {(value ^ 1 << 31) - (1 << 31)}",
        )
    return Explanation(
        address=address,
        kind=Kind.DATA_MEMORY,
        name=f"word {word}, lane {lane} of data memory {memory} (processors {first}-"
        f"{first + mem.PROCESSORS_PER_MEMORY - 1})",
        text="8192 words; a word holds one byte of each of four processors (HWC), or four pixels "
        "of the first one (CHW).",
        value=value,
        place=place,
        meaning=meaning,
    )


def _peripheral(address: int, value: int | None) -> Explanation | None:
    found = per.find(address)
    if found is None:
        return None
    block = per.block_of(found.instance)
    place = (("offset", found.offset),)
    register = found.register
    if register is None:
        what = "no register is described at this offset" if block.registers else (
            "its registers are not described here"
        )  # fmt: skip
        return Explanation(
            address=address,
            kind=Kind.UNDESCRIBED,
            name=f"{found.instance.name} + 0x{found.offset:x}",
            text=f"{block.title[0].upper()}{block.title[1:]}: {what}.",
            value=value,
            place=place,
            nearest=_nearest(address) if block.registers else "",
        )
    number = f"[{found.index}]" if register.count > 1 else ""
    meaning: tuple[str, ...] = ()
    if value is not None:
        meaning = read_word(register.decode(value, lenient=True), found.index)
    return Explanation(
        address=address,
        kind=Kind.PERIPHERAL,
        name=f"{register.mnemonic}{number} of {found.instance.name}: {register.__name__}"
        f"{_byte_note(address)}",
        text=_doc(register),
        value=value,
        mnemonic=register.mnemonic,
        place=(*place, ("index", found.index)) if number else place,
        fields=field_values(register, value),
        undeclared_bits=undeclared(register, value),
        meaning=meaning,
    )


_REGION_KINDS = {
    "rom": Kind.ROM, "flash": Kind.FLASH, "sram": Kind.SRAM, "alias": Kind.ALIAS,
}  # fmt: skip


def _memory(address: int, value: int | None) -> Explanation | None:
    region = per.find_region(address)
    if region is None or region.kind not in _REGION_KINDS:
        return None
    offset = address - region.base
    place: Place = (("offset", offset),)
    meaning: tuple[str, ...] = ()
    if region.name == "flash":
        page, inside = divmod(offset, mem.FLASH_PAGE_BYTES)
        place += (("page", page), ("page_offset", inside))
    if region.kind == "alias":
        target, bit = divmod(offset // mem.WORD_BYTES, 8)
        target += region.base & 0xF000_0000
        meaning = (f"bit {target % mem.WORD_BYTES * 8 + bit} of the word at 0x{target & ~3:08x}",)
    return Explanation(
        address=address,
        kind=_REGION_KINDS[region.kind],
        name=f"{region.name} + 0x{offset:x}",
        text=region.text[0].upper() + region.text[1:] + ".",
        value=value,
        place=place,
        meaning=meaning,
    )


def _unmapped(address: int, value: int | None) -> Explanation:
    region = per.find_region(address)
    inside = f" inside {region.name} ({region.text})" if region else ""
    slot = _missing_stream(address)
    return Explanation(
        address=address,
        kind=Kind.UNMAPPED,
        name="nothing known",
        text=f"No register or memory is known at this address{inside}.{slot}",
        value=value,
        nearest=_nearest(address),
    )


def _missing_stream(address: int) -> str:
    """Programs that clear all registers of all layers also store zeros where no stream is."""
    quadrant, offset = divmod(address - mem.QUADRANT_BASE, mem.QUADRANT_STRIDE)
    for register in reg.STREAM_REGISTERS if 0 <= quadrant < mem.QUADRANTS else ():
        layer = (offset - register.offset_of(0)) // mem.WORD_BYTES
        if register.count <= layer < mem.LAYERS:
            return (
                f"\n{register.mnemonic} of layer {layer} would be here, but only layers 0 to "
                f"{register.count - 1} can stream."
            )
    return ""


def _nearest(address: int) -> str:
    def distance(span: tuple[int, int, str]) -> int:
        start, end, _ = span
        return start - address if address < start else max(0, address - end + 1)

    start, end, name = min(_spans(), key=distance)
    last = "" if end - start == mem.WORD_BYTES else f"-0x{end - 1:08x}"
    far = distance((start, end, name))
    return f"{name} at 0x{start:08x}{last}, 0x{far:x} {agreeing(far, 'byte')} away"


@cache
def _spans() -> tuple[tuple[int, int, str], ...]:
    """Start, end (exclusive) and name of everything known."""
    return tuple(_accelerator_spans()) + tuple(_other_spans())


def _accelerator_spans() -> Iterator[tuple[int, int, str]]:
    for address, (register, place) in _registers().items():
        of = f" of {_where(place[::-1])}" if place else ""
        yield address, address + mem.WORD_BYTES, f"{register.mnemonic}{of}"
    for quadrant in range(mem.QUADRANTS):
        start = mem.bias_address(quadrant, 0)
        yield start, start + mem.BIAS_BYTES * mem.WORD_BYTES, f"bias memory of quadrant {quadrant}"
    for processor in range(mem.PROCESSORS):
        start = mem.tram_address(processor, 0)
        yield start, start + mem.TRAM_ENTRIES * mem.WORD_BYTES, f"TRAM of processor {processor}"
        start = mem.kernel_address(processor)
        end = start + mem.KERNEL_WORDS * mem.KERNEL_WORD_ADDRESS_BYTES
        yield start, end, f"kernel memory of processor {processor}"
    for memory in range(mem.DATA_MEMORIES):
        start = mem.data_address(memory)
        yield start, start + mem.DATA_BYTES, f"data memory {memory}"


def _other_spans() -> Iterator[tuple[int, int, str]]:
    for place in per.INSTANCES:
        registers = per.block_of(place).registers
        if not registers:
            yield place.base, place.base + place.size_bytes, place.name
        for register in registers:
            for index in range(register.count):
                start = register.address(place.base, index)
                yield start, start + mem.WORD_BYTES, f"{register.mnemonic} of {place.name}"
    for region in per.REGIONS:
        if region.kind != "window":
            yield region.base, region.base + region.size_bytes, region.name
