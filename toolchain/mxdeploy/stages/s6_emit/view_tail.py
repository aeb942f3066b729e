"""The model's outputs as the templates see them: functions made of statements."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mxdeploy.ir.program import Program
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import graph as ops
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.escape import (
    c_comment,
    c_identifier,
    c_string,
    markdown_text,
    wire_name,
)
from mxdeploy.stages.s6_emit.moves import MAX_AXES, Axis, Move
from mxdeploy.stages.s6_emit.storage import Storage
from mxdeploy.stages.s6_emit.tail_plan import TailPlan, plan_tail
from mxdeploy.stages.s6_emit.tail_statements import (
    Apply,
    Choose,
    Combine,
    Copy,
    Place,
    Statement,
)
from mxdeploy.stages.s6_emit.view_network import OutputView

_NUMBER_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOutputView:
    """One output of the model.

    ``computed`` is false when there is not enough memory for it.
    """

    index: int
    comment: str
    markdown: str
    identifier: str
    name_literal: str
    wire_literal: str
    shape: str
    elements: int
    positions: bool
    computed: bool
    moves: tuple[str, ...]
    constants: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TailView:
    """All outputs of the model; the largest one that is computed, and the workspace."""

    outputs: tuple[ModelOutputView, ...]
    largest: int
    real_numbers: int
    position_numbers: int

    @property
    def largest_bytes(self) -> int:
        """SRAM of the largest output that is computed."""
        return _NUMBER_BYTES * self.largest

    @property
    def workspace_bytes(self) -> int:
        """SRAM of the workspace."""
        return _NUMBER_BYTES * (self.real_numbers + self.position_numbers)


def tail_view(program: Program, outputs: tuple[OutputView, ...], storage: Storage) -> TailView:
    """How the model's outputs are computed, as far as the SRAM can hold them."""
    network = program.plan.network
    plans = tail_plans(network)
    fits = [is_computed(plan, storage) for plan in plans]
    members = dict(zip(network.outputs, outputs, strict=True))
    computed = [plan for plan, good in zip(plans, fits, strict=True) if good]
    return TailView(
        outputs=tuple(
            _Writer(plan, index, members).view(computed=good)
            for index, (plan, good) in enumerate(zip(plans, fits, strict=True))
        ),
        largest=max((plan.elements for plan in computed), default=0),
        real_numbers=max((plan.real_numbers for plan in computed), default=0),
        position_numbers=max((plan.position_numbers for plan in computed), default=0),
    )


def tail_plans(network: QuantNetwork) -> tuple[TailPlan, ...]:
    """How every output of the model is computed, in the model's order."""
    shapes = {name: network.value(name).model_shape for name in network.outputs}
    return tuple(plan_tail(network.tail, result, shapes) for result in network.model_results)


def output_bytes(plan: TailPlan) -> int:
    """SRAM that computing an output takes beside the accelerator's outputs."""
    return _NUMBER_BYTES * (plan.elements + plan.real_numbers + plan.position_numbers)


def is_computed(plan: TailPlan, storage: Storage) -> bool:
    """Whether there is memory for the accelerator's outputs, the model's one, and the workspace."""
    return storage.outputs and output_bytes(plan) <= storage.sram_bytes


class _Writer:
    """Writes the C code of one output."""

    def __init__(self, plan: TailPlan, index: int, members: dict[str, OutputView]) -> None:
        self._plan = plan
        self._index = index
        self._members = members
        self._moves: list[str] = []
        self._constants: list[tuple[str, str]] = []

    def view(self, *, computed: bool) -> ModelOutputView:
        """The output; without code when it is not computed."""
        plan = self._plan
        lines = tuple(self._lines()) if computed else ()
        shape = " x ".join(str(n) for n in plan.shape) or "one number"
        return ModelOutputView(
            index=self._index,
            comment=c_comment(plan.result.name),
            markdown=markdown_text(plan.result.name),
            identifier=c_identifier(plan.result.name, f"output{self._index}"),
            name_literal=c_string(plan.result.name),
            wire_literal=c_string(wire_name(plan.result.name)),
            shape=shape,
            elements=plan.elements,
            positions=plan.positions,
            computed=computed,
            moves=tuple(self._moves),
            constants=tuple(self._constants),
            statements=lines,
        )

    def _lines(self) -> Iterator[str]:
        for statement in self._plan.statements:
            if isinstance(statement, Apply) and isinstance(statement.op, ops.PerElement):
                yield from self._per_element(statement, statement.op)
            else:
                yield self._line(statement)

    def _line(self, statement: Statement) -> str:
        match statement:
            case Copy():
                return self._copy(statement)
            case Apply():
                return self._apply(statement)
            case Combine():
                return self._combine(statement)
            case Choose():
                return self._choose(statement)

    def _per_element(self, statement: Apply, op: ops.PerElement) -> Iterator[str]:
        to, shape = self._place(statement.to), statement.shape
        count = math.prod(shape)
        for tensor, function in ((op.scale, "multiply"), (op.offset, "add")):
            if tensor is not None:
                numbers = Tensor(np.broadcast_to(tensor.array, shape).reshape(-1))
                yield f"tail_{function}({to}, {self._constant(numbers, count)}, {count}u);"

    def _copy(self, statement: Copy) -> str:
        source, to = statement.source, self._place(statement.to)
        moves = self._moves_of(statement.moves)
        if isinstance(source, int) and self._positions(source) and self._positions(statement.to):
            return f"tail_copy_positions({to}, {self._place(source)}, {moves});"
        return f"tail_copy({to}, {self._source(source)}, {moves});"

    def _apply(self, statement: Apply) -> str:
        op, to, shape = statement.op, self._place(statement.to), statement.shape
        count = math.prod(shape)
        match op:
            case ops.Softmax() | ops.LogSoftmax():
                name = "softmax" if isinstance(op, ops.Softmax) else "log_softmax"
                outer, inner = math.prod(shape[: op.axis]), math.prod(shape[op.axis + 1 :])
                return f"tail_{name}({to}, {outer}u, {shape[op.axis]}u, {inner}u);"
            case ops.Affine():
                channels = max(op.scale.array.size, op.offset.array.size)
                scales = self._constant(op.scale, channels)
                offsets = self._constant(op.offset, channels)
                return f"tail_affine({to}, {channels}u, {count // channels}u, {scales}, {offsets});"
            case ops.Clip():
                low, high = _real(op.low), _real(op.high)
                return f"tail_clip({to}, {count}u, {low}, {high});"
            case ops.HardSigmoid():
                alpha, beta = _real(op.alpha), _real(op.beta)
                return f"tail_hard_sigmoid({to}, {count}u, {alpha}, {beta});"
            case _:
                return f"tail_{_FUNCTIONS[type(op)]}({to}, {count}u);"

    def _combine(self, statement: Combine) -> str:
        op = statement.op
        function = "multiply" if isinstance(op, ops.Multiply) else _PAIRS[op.function]
        count = self._plan.buffers[statement.to].size
        to, other = self._place(statement.to), self._place(statement.other)
        return f"tail_{function}({to}, {other}, {count}u);"

    def _choose(self, statement: Choose) -> str:
        op, to = statement.op, self._place(statement.to)
        kept = op.count if isinstance(op, ops.TopK) else 1
        row = f"(tail_row_t){{{statement.length}u, {statement.step}, {kept}u, {statement.apart}u}}"
        arguments = f"{to}, {self._source(statement.source)}, {self._moves_of(statement.moves)}"
        match op:
            case ops.ArgMax():
                which = "last" if op.last else "first"
                return f"tail_{which}_largest({arguments}, {row});"
            case ops.Reduce():
                return f"tail_{op.function}({arguments}, {row});"
            case ops.TopK():
                function = "top_positions" if op.indices else "top"
                largest = "true" if op.largest else "false"
                return f"tail_{function}({arguments}, {row}, {largest});"

    # --- operands -------------------------------------------------------------------------------

    def _positions(self, buffer: int) -> bool:
        return self._plan.buffers[buffer].positions

    def _place(self, buffer: int) -> str:
        found = self._plan.buffers[buffer]
        room = "to" if found.in_output else ("positions" if found.positions else "reals")
        return room if found.first == 0 else f"&{room}[{found.first}]"

    def _source(self, place: Place) -> str:
        if isinstance(place, int):
            kind = "TAIL_WORDS" if self._positions(place) else "TAIL_REALS"
            return f"(tail_source_t){{{self._place(place)}, {kind}, 1.0f}}"
        output = self._members[place]
        kind = "TAIL_BYTES" if output.c_type == "int8_t" else "TAIL_WORDS"
        return f"(tail_source_t){{outputs->{output.member}, {kind}, {output.scale}}}"

    def _moves_of(self, moves: tuple[Move, ...]) -> str:
        first = len(self._moves)
        self._moves += [_move(move) for move in moves]
        return f"&moves{self._index}[{first}], {len(moves)}u"

    def _constant(self, tensor: Tensor, channels: int) -> str:
        name = f"constant{self._index}_{len(self._constants)}"
        values = np.broadcast_to(tensor.array.reshape(-1), (channels,))
        self._constants.append((name, ", ".join(_real(float(v)) for v in values)))
        return name


_FUNCTIONS = {
    ops.Abs: "abs",
    ops.Exp: "exp",
    ops.Relu: "relu",
    ops.Sigmoid: "sigmoid",
    ops.Tanh: "tanh",
}
_PAIRS = {"add": "add", "sub": "subtract"}


def _real(value: float) -> str:
    if math.isinf(value):
        return "-TAIL_INFINITY" if value < 0 else "TAIL_INFINITY"
    return tables.c_float(value)


def _move(move: Move) -> str:
    once = Axis(size=1, source=0, target=0)
    axes = (*(once,) * (MAX_AXES - len(move.axes)), *move.axes)
    loops = ", ".join(f"{{{a.size}u, {a.source}, {a.target}}}" for a in axes)
    return f"{{{move.source}u, {move.target}u, {{{loops}}}}}"
