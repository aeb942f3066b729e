"""Register writes, kernels and biases as the templates see them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from mxdeploy.chip.max78000 import memories
from mxdeploy.ir.program import BiasImage, KernelImage, Program, Write
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.escape import c_comment


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteView:
    """One row of a table of register writes; ``heading`` where a new part begins."""

    address: str
    value: str
    text: str
    heading: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramView:
    """The tables of register writes."""

    init: tuple[WriteView, ...]
    configure: tuple[WriteView, ...]
    start: tuple[WriteView, ...]
    acknowledge: tuple[WriteView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelsView:
    """One row of the table of kernels."""

    loader: str
    port: str
    first: int
    words: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasRunView:
    """One row of the table of biases."""

    address: str
    first: int
    count: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasesView:
    """All biases and their places."""

    lines: tuple[str, ...]
    runs: tuple[BiasRunView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsView:
    """The file of kernel words."""

    content: bytes
    words: int
    digest: str


def program_view(program: Program) -> ProgramView:
    """The tables of register writes."""
    return ProgramView(
        init=_writes(program.init),
        configure=_writes(program.configure),
        start=_writes(program.start),
        acknowledge=_writes(program.acknowledge),
    )


def kernel_views(program: Program) -> tuple[KernelsView, ...]:
    """The table of kernels: which words of the weights go where."""
    views, first = [], 0
    for image in program.kernels:
        views.append(_kernels(image, first))
        first += image.words.array.size
    return tuple(views)


def weights_view(program: Program) -> WeightsView:
    """All kernel words as one little-endian file."""
    arrays = [image.words.array.astype("<u4") for image in program.kernels]
    content = b"".join(a.tobytes() for a in arrays)
    return WeightsView(
        content=content,
        words=len(content) // memories.WORD_BYTES,
        digest=hashlib.sha256(content).hexdigest(),
    )


def biases_view(program: Program) -> BiasesView:
    """All biases one after the other, and the table of their places."""
    runs, first = [], 0
    for image in program.biases:
        runs.append(_bias_run(image, first))
        first += image.data.array.size
    data = [image.data.array.astype(np.uint8) for image in program.biases]
    joined = np.concatenate(data) if data else np.zeros(0, np.uint8)
    return BiasesView(lines=tables.lines(joined), runs=tuple(runs))


def _writes(writes: tuple[Write, ...]) -> tuple[WriteView, ...]:
    views, origin = [], None
    for write in writes:
        views.append(
            WriteView(
                address=tables.hex32(write.address),
                value=tables.hex32(write.value),
                text=c_comment(write.text),
                heading=c_comment(write.origin) if write.origin != origin else "",
            )
        )
        origin = write.origin
    return tuple(views)


def _kernels(image: KernelImage, first: int) -> KernelsView:
    last = image.start_word + image.kernel_words - 1
    place = f"processor {image.processor}, kernel words {image.start_word} to {last}"
    return KernelsView(
        loader=tables.hex32(memories.kernel_loader_address(image.processor, image.start_word)),
        port=tables.hex32(memories.kernel_address(image.processor)),
        first=first,
        words=image.words.array.size,
        text=c_comment(f"{place}: {', '.join(image.layers)}"),
    )


def _bias_run(image: BiasImage, first: int) -> BiasRunView:
    count = image.data.array.size
    last = image.start_byte + count - 1
    return BiasRunView(
        address=tables.hex32(memories.bias_address(image.quadrant, image.start_byte)),
        first=first,
        count=count,
        text=f"quadrant {image.quadrant}, bytes {image.start_byte} to {last}",
    )
