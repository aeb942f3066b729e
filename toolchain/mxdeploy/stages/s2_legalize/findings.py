"""Why a model cannot run on the chip: findings that no single constraint words."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits
from mxdeploy.errors import Diagnostic
from mxdeploy.ops.constraint import Constraint, Op, Shape
from mxdeploy.stages.s2_legalize.advice import ADVICE, advice_for


def broken_constraint(
    where: str, constraint: Constraint[Op], found: str, description: str
) -> Diagnostic:
    """A limit of the chip."""
    return Diagnostic(
        code=constraint.code,
        where=where,
        what=f"{description} has {found}",
        why=constraint.text,
        fix=constraint.fix,
    )


def unsupported(where: str, op_type: str, detail: str) -> Diagnostic:
    """An operator without a counterpart."""
    found = f" ({detail})" if detail else ""
    return Diagnostic(
        code="MX2001",
        where=where,
        what=f"the operator {op_type} is not supported{found}",
        why="the chip computes convolutions, fully connected layers, poolings, element-wise "
        "additions, ReLU and absolute values",
        fix=advice_for(op_type),
    )


def different_operands(where: str, function: str, shapes: tuple[Shape, ...]) -> Diagnostic:
    """An element-wise operation on values of different shapes."""
    text = " and ".join(str(list(s)) for s in dict.fromkeys(shapes))
    return Diagnostic(
        code="MX2002",
        where=where,
        what=f"element-wise {function} of computed values of shapes {text}",
        why=limits.MAX_OPERANDS.text + " Nothing is repeated along an axis.",
        fix="bring the values to one shape: pool both, or enlarge the smaller one",
    )


def no_join(where: str, axis: int, shapes: tuple[Shape, ...]) -> Diagnostic:
    """Values that cannot lie side by side."""
    text = ", ".join(str(list(s)) for s in shapes)
    return Diagnostic(
        code="MX2003",
        where=where,
        what=f"values of shapes {text} are joined along axis {axis} (without the batch)",
        why="every channel has a place of its own, so channels of maps of one size come together "
        "by themselves; rows and columns do not",
        fix="join along the channels (axis 1 with the batch) in front of a convolution or a fully "
        "connected layer, or at the end of the network",
    )


def moves_data(where: str, what: str, before: Shape, after: Shape) -> Diagnostic:
    """A reshape or transposition between layers that would move data between channels."""
    return Diagnostic(
        code="MX2004",
        where=where,
        what=f"this {what} from {list(before)} to {list(after)} moves data between channels",
        why="every channel has a processor and a memory of its own; between layers data stay "
        "where they are, and only rows and columns may be counted anew",
        fix="keep channels channels: flatten only in front of a Linear, reshape only rows and "
        "columns, or do it behind the network",
    )


def only_at_end(where: str, what: str) -> Diagnostic:
    """A function for the CPU in the middle of the network."""
    return Diagnostic(
        code="MX2005",
        where=where,
        what=f"this {what} is not at the end of the network: layers stand behind it",
        why="it is computed on the CPU behind the last layers",
        fix=ADVICE.get(what, f"use ReLU inside the network, {what} only at its end"),
    )


def linear_rank(where: str, shape: Shape) -> Diagnostic:
    """A matrix product over part of a value."""
    return Diagnostic(
        code="MX2006",
        where=where,
        what=f"a matrix product over the last axis of a value of shape {list(shape)}",
        why="a fully connected layer reads a whole value, flattened channel by channel",
        fix="flatten the value first, or use a 1x1 convolution over the channels",
    )


def no_layer(where: str) -> Diagnostic:
    """Nothing to compute."""
    return Diagnostic(
        code="MX2007",
        where=where,
        what="the network contains no convolution, fully connected layer or pooling",
        why="there is nothing for the accelerator to do",
        fix="give a trained network",
    )


def constant_input(where: str, origin: str) -> Diagnostic:
    """What is done to the input leaves nothing of it."""
    return Diagnostic(
        code="MX2017",
        where=f"{where}: {origin}",
        what="what reaches the first layer is the same for every input",
        why="the input is multiplied by 0, or clipped to a single value",
        fix="remove the input's preparation, or correct its constants",
    )


def too_many_layers(where: str, count: int) -> Diagnostic:
    """More layers than the chip has register sets."""
    return Diagnostic(
        code="MX2008",
        where=where,
        what=f"the network needs {count} hardware layers",
        why=limits.MAX_LAYERS.text,
        fix=f"use at most {limits.MAX_LAYERS} (poolings in front of convolutions are free)",
    )


def not_a_layer(where: str, what: str, shape: Shape) -> Diagnostic:
    """A node of a known kind that no rule could place."""
    return Diagnostic(
        code="MX2009",
        where=where,
        what=f"{what} on a value of shape {list(shape)} cannot be made a layer",
        why="values have channels and at most two more axes, rows and columns",
        fix="use 2-D or 1-D data with the channels first",
    )


def leaves_out_rows(where: str, before: Shape, after: Shape) -> Diagnostic:
    """A range of rows or columns that no layer can cut out."""
    return Diagnostic(
        code="MX2080",
        where=where,
        what=f"only part of the rows and columns is taken: {list(before)} becomes {list(after)}",
        why="layers that copy a map leave out a few rows and columns at its ends, a pooling takes "
        "every n-th of both",
        fix="take the same steps along rows and columns, or leave out rows and columns behind the "
        "network",
    )


def no_arrangement(where: str, described: str, channels: tuple[int, int]) -> Diagnostic:
    """A convolution that takes more layers than fit."""
    return Diagnostic(
        code="MX2051",
        where=where,
        what=f"a convolution from {channels[0]} to {channels[1]} channels ({described}) takes "
        "further layers, which copy its input, and these do not fit",
        why=f"{limits.MAX_CHANNELS.text} {limits.KERNEL_MEMORY_WORDS.text} "
        f"{limits.DATA_MEMORY_BYTES.text}",
        fix="use 3x3 kernels with padding 1, or fewer channels",
    )
