"""What the firmware can hold: outputs in the SRAM, the sample and its answer in flash."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories
from mxdeploy.ir.program import Program
from mxdeploy.link.protocol.description import SRAM_RESERVE_BYTES
from mxdeploy.stages.s6_emit.options import EmitOptions
from mxdeploy.stages.s6_emit.view_network import OutputView

CODE_BYTES = 48 * 1024
"""Flash for the code, texts and tables of any network, ample."""
_WRITE_BYTES = 8
"""A register write in its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What is held where.

    Attributes:
        outputs: the accelerator's outputs have a place in the SRAM; otherwise they are read bit by
            bit where the accelerator left them.
        sram_bytes: SRAM left beside them, the stack and what the program needs otherwise.
        answer: the sample's answer is stored, element by element; otherwise its checksums are.
        sample: the sample's input is stored; otherwise it is generated.
    """

    outputs: bool
    sram_bytes: int
    answer: bool
    sample: bool


def storage_of(program: Program, outputs: tuple[OutputView, ...], options: EmitOptions) -> Storage:
    """What the firmware of a program can hold."""
    network = program.plan.network
    sram = memories.SRAM_BYTES - options.stack_bytes - SRAM_RESERVE_BYTES
    size = sum(output.elements * output.bits // 8 for output in outputs)
    held = size <= sram
    flash = memories.FLASH_BYTES - CODE_BYTES - _program_bytes(program)
    answer = held and size <= flash
    channels, rows, columns = network.value(network.input).shape
    stored = channels * rows * columns <= flash - (size if answer else 0)
    return Storage(
        outputs=held, sram_bytes=sram - (size if held else 0), answer=answer, sample=stored
    )


def _program_bytes(program: Program) -> int:
    """Flash for what the accelerator is told."""
    writes = (program.init, program.configure, program.start, program.acknowledge)
    kernels = sum(image.words.array.nbytes for image in program.kernels)
    biases = sum(image.data.array.size for image in program.biases)
    return kernels + biases + _WRITE_BYTES * sum(len(table) for table in writes)
