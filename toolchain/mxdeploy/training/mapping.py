"""Will the chip take the network? Asked before anything is trained."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mxdeploy.builds import write_file
from mxdeploy.chip.max78000.clocks import CNN_CLOCK_HZ
from mxdeploy.errors import Diagnostic, MxdeployError, UsageError
from mxdeploy.options import ProjectOptions
from mxdeploy.text import count

if TYPE_CHECKING:
    from mxdeploy.data import FloatArray
    from mxdeploy.stages.s0_train.network import Trainable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Whether a network fits.

    Attributes:
        layers: of the hardware; None if it does not fit.
        cycles: of one inference, estimated; None if it does not fit.
        warnings: why it does not fit.
    """

    layers: int | None = None
    cycles: int | None = None
    warnings: tuple[Diagnostic, ...] = ()

    def to_text(self) -> str:
        """In a few words; empty if it does not fit."""
        if self.layers is None or self.cycles is None:
            return ""
        time = self.cycles / CNN_CLOCK_HZ * 1e3
        layers = count(self.layers, "hardware layer")
        return f"{layers}, {self.cycles:,} cycles = {time:.3f} ms (estimated)"


def mapping_of(network: Trainable, shape: tuple[int, ...], examples: FloatArray) -> Mapped:
    """What ``mxdeploy check`` says against an untrained network, by the names of its modules.

    Weights decide nothing about the placement, so the finding is worth as much before the training
    as after it; only it costs seconds instead of hours.

    Args:
        network: the module, normalization included.
        shape: of one input.
        examples: some inputs, float32 (n, *shape).

    Raises:
        MismatchError: what is exported computes something else than the module.
    """
    from mxdeploy.pipeline import placement_of
    from mxdeploy.stages.s0_train.export import export_onnx
    from mxdeploy.trace import Trace
    from mxdeploy.training.export import require_equal

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "network.onnx"
        try:
            write_file(model, export_onnx(network, shape))
        except UsageError as error:
            return Mapped(warnings=tuple(_as_warning(d, model) for d in error.diagnostics))
        require_equal(network, shape, model, examples)
        try:
            _, plan = placement_of(model, ProjectOptions(), Trace())
        except MxdeployError as error:
            return Mapped(warnings=tuple(_as_warning(d, model) for d in error.diagnostics))
    return Mapped(layers=len(plan.layers), cycles=plan.cycles)


def _as_warning(diagnostic: Diagnostic, model: Path) -> Diagnostic:
    """About a module of the user's network instead of a node of a file that is gone."""
    from mxdeploy.stages.s0_train.export import module_of

    where = diagnostic.where.replace(str(model), "network")
    if where.startswith("/"):
        where = module_of(where)
    return replace(diagnostic, where=where, severity="warning")
