"""The sample and the way results are shown, as the templates see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mxdeploy.ir.program import Program
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ArgMax, Sigmoid, Softmax
from mxdeploy.outputs import checksum, model_outputs
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.escape import c_string
from mxdeploy.stages.s6_emit.storage import Storage
from mxdeploy.stages.s6_emit.view_network import OutputView
from mxdeploy.stages.s6_emit.view_tail import TailView

_MAX_ROWS = 10
_MAX_NAME_WIDTH = 32
_WORDS_PER_LINE = 8
_BYTES_PER_LINE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedView:
    """The known answer of one output: its elements, where they are stored, and their CRC-32."""

    member: str
    lines: tuple[str, ...]
    crc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """The sample and its known answer."""

    source_literal: str
    label_literal: str | None
    input_lines: tuple[str, ...]
    is_generated: bool
    outputs: tuple[ExpectedView, ...]
    model_crcs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsView:
    """The table for people.

    ``kind``: ``softmax`` (classes by probability), ``sigmoid`` (a probability for each element),
    ``values`` (real values) or ``ranges`` (smallest and largest number of every output of the
    model).
    """

    kind: str
    elements: int
    rows_shown: int
    name_width: int
    names: tuple[str, ...]


def sample_view(
    program: Program,
    answer: KnownAnswer,
    outputs: tuple[OutputView, ...],
    tail: TailView,
    storage: Storage,
) -> SampleView:
    """The sample and its known answer.

    Raises:
        ValueError: the answer is not one of this network, or there is no room for its input.
    """
    network = program.plan.network
    if answer.input.shape != network.value(network.input).shape:
        raise ValueError(f"the sample has shape {answer.input.shape}, not the input's")
    if not (storage.sample or answer.is_generated):
        raise ValueError("the sample does not fit the flash memory")
    known = dict(answer.outputs)
    expected = []
    for region, output in zip(program.plan.outputs, outputs, strict=True):
        array = known[region.value].array
        if array.shape != network.value(region.value).shape:
            raise ValueError(f"the answer's {region.value} has shape {array.shape}")
        per_line = _BYTES_PER_LINE if region.bits == 8 else _WORDS_PER_LINE  # noqa: PLR2004 - bits
        flat = array.reshape(-1).astype(int)
        crc = tables.hex32(checksum(array))
        lines = tables.lines(flat, per_line) if storage.answer else ()
        expected.append(ExpectedView(member=output.member, lines=lines, crc=crc))
    return SampleView(
        source_literal=c_string(answer.source),
        label_literal=None if answer.label is None else c_string(answer.label),
        input_lines=()
        if answer.is_generated
        else tables.lines(answer.input.array.reshape(-1).astype(int), _BYTES_PER_LINE),
        is_generated=answer.is_generated,
        outputs=tuple(expected),
        model_crcs=_model_crcs(program, known, tail),
    )


def _model_crcs(program: Program, known: Mapping[str, Tensor], tail: TailView) -> tuple[str, ...]:
    """CRC-32 of the model's outputs as the firmware computes them."""
    chip = {name: tensor.array[np.newaxis] for name, tensor in known.items()}
    numbers = model_outputs(program.plan.network, chip).values()
    return tuple(
        tables.hex32(checksum(array)) if output.computed else "0u"
        for array, output in zip(numbers, tail.outputs, strict=True)
    )


def results_view(program: Program, outputs: tuple[OutputView, ...]) -> ResultsView:
    """How the answer is shown: classes where the model (or the user) speaks of classes."""
    network = program.plan.network
    elements = outputs[0].elements
    if len(outputs) > 1 or outputs[0].pixels > 1:
        return ResultsView(kind="ranges", elements=0, rows_shown=0, name_width=0, names=())
    names = tuple(
        network.classes[i] if i < len(network.classes) else str(i) for i in range(elements)
    )
    return ResultsView(
        kind=_kind(program, elements),
        elements=elements,
        rows_shown=min(elements, _MAX_ROWS),
        name_width=min(max(len(name) for name in (*names, "output")), _MAX_NAME_WIDTH),
        names=tuple(c_string(name) for name in names),
    )


def _kind(program: Program, elements: int) -> str:
    network = program.plan.network
    if any(isinstance(step.op, Sigmoid) for step in network.tail):
        return "sigmoid"
    speaks_of_classes = any(isinstance(step.op, Softmax | ArgMax) for step in network.tail)
    if elements > 1 and (speaks_of_classes or network.classes):
        return "softmax"
    return "values"
