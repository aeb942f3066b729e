"""The C header with addresses and bit masks of the microcontroller, generated from ``chip``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mxdeploy.chip.max78000 import peripherals
from mxdeploy.chip.max78000.peripherals import Block, Instance, PeripheralRegister
from mxdeploy.stages.s6_emit.escape import c_comment
from mxdeploy.stages.s6_emit.tables import hex32

_HEAD = """\
/* Registers of the microcontroller. Generated.
 *
 * MXC_<instance>_<register> is an address, MXC_<instance>_<register>_<field> the mask of a field,
 * MXC_IRQ_<source> the number of an interrupt.
 */
#ifndef MXC_REGISTERS_H
#define MXC_REGISTERS_H
"""


@cache
def registers_header() -> str:
    """The text of ``mxc_registers.h``."""
    parts = [_HEAD, *_interrupts()]
    blocks = {block.name: block for block in peripherals.BLOCKS}
    for instance in peripherals.INSTANCES:
        block = blocks[instance.block]
        if block.registers:
            parts += ["", *_instance(instance, block)]
    parts += ["", "#endif", ""]
    return "\n".join(parts)


def _interrupts() -> Iterator[str]:
    for interrupt in peripherals.INTERRUPTS:
        yield f"#define MXC_IRQ_{interrupt.name.upper()} {interrupt.number}"
    yield f"#define MXC_IRQ_COUNT {max(i.number for i in peripherals.INTERRUPTS) + 1}"


def _instance(instance: Instance, block: Block) -> Iterator[str]:
    yield f"/* {instance.name}: {c_comment(block.title)} */"
    yield f"#define {_symbol(instance)}_BASE {hex32(instance.base)}"
    for register in block.registers:
        yield from _register(instance, register)


def _symbol(instance: Instance) -> str:
    return f"MXC_{instance.name.upper()}"


def _register(instance: Instance, register: type[PeripheralRegister]) -> Iterator[str]:
    suffix = register.mnemonic.removeprefix(f"{register.block}_")
    name = f"{_symbol(instance)}_{suffix}"
    if register.count == 1:
        yield f"#define {name} {hex32(register.address(instance.base))}"
    else:
        first = hex32(register.address(instance.base))
        yield f"#define {name}(index) ({first} + {register.stride}u * (index))"
    for field, spec in register.bit_fields().items():
        if not field.startswith("reserved"):
            yield f"#define {name}_{field.upper()} {hex32(spec.mask)}"
