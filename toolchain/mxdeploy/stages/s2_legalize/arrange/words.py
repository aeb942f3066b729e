"""What was done to a convolution, in words for the report."""

from __future__ import annotations

from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s2_legalize.arrange.convolution import Task
from mxdeploy.stages.s2_legalize.arrange.plan import Plan


def described(op: Conv | ConvTranspose) -> str:
    """The convolution with what is not ordinary about it."""
    parts = [f"{by(op.weight.shape[2:])} kernel"]
    if set(op.strides) != {1}:
        parts.append(f"stride {by(op.strides)}")
    if set(op.dilations) != {1}:
        parts.append(f"dilation {by(op.dilations)}")
    if any(op.pads):
        parts.append(f"padding {list(op.pads)}")
    if isinstance(op, ConvTranspose):
        parts.append(f"output padding {list(op.output_padding)}")
    return ", ".join(parts)


def by(numbers: tuple[int, ...]) -> str:
    """3x3."""
    return "x".join(str(n) for n in numbers)


def kernel_of(plan: Plan) -> str:
    """The kernel that the chip uses, and its padding."""
    pads = tuple(way.pad for way in plan.ways)
    padding = f" with padding {list(pads)}" if any(pads) else ""
    return f"{by(tuple(way.taps for way in plan.ways))}{padding}"


def copies_of(task: Task, plan: Plan) -> str:
    """The copies that the convolution reads."""
    shifts = " and ".join(
        f"{', '.join(str(shift) for shift in way.shifts)} {name}"
        for way, name in zip(plan.ways, axis_names(plan), strict=True)
    )
    many = "copy" if plan.copies == 1 else f"{plan.copies} copies"
    return f"{many} of the {task.problem.inputs} channels, moved by {shifts}"


def axis_names(plan: Plan) -> tuple[str, ...]:
    """Names of the directions."""
    return ("rows", "columns") if len(plan.ways) > 1 else ("positions",)


def steps(plan: Plan) -> str:
    """How strides are taken."""
    taken = []
    if plan.inner > 1:
        taken.append(f"every {ordinal(plan.inner)} pixel is read")
    if plan.outer > 1:
        taken.append(f"computed at stride 1, the reader takes every {ordinal(plan.outer)} pixel")
    return "; ".join(taken)


def ordinal(number: int) -> str:
    """2nd, 3rd, 4th."""
    return f"{number}{ {2: 'nd', 3: 'rd'}.get(number, 'th') }".replace(" ", "")
