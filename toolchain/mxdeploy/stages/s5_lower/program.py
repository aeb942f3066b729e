"""The lowering: a plan becomes a register program."""

from __future__ import annotations

from mxdeploy.ir.plan import Plan
from mxdeploy.ir.program import Program
from mxdeploy.stages.s5_lower import sequences
from mxdeploy.stages.s5_lower.configure import configure
from mxdeploy.stages.s5_lower.images import bias_images, kernel_images


def lower(plan: Plan) -> Program:
    """Everything a host writes to the accelerator to run ``plan``.

    Args:
        plan: a verified plan.

    Returns:
        Register writes of each step in order, and the images of kernel and bias memories.

    Raises:
        FieldRangeError: a value does not fit its register field; the plan breaks a limit.
        ValueError: weights or biases do not fit their width, or the program does not hold
            together.
    """
    program = Program(
        plan=plan,
        init=sequences.init(plan),
        kernels=kernel_images(plan),
        biases=bias_images(plan),
        configure=configure(plan),
        start=sequences.start(plan),
        acknowledge=sequences.acknowledge(plan),
    )
    program.verify()
    return program
