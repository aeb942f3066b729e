"""Will the chip take the network? Asked before anything is trained."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mxdeploy.builds import write_file
from mxdeploy.errors import Diagnostic, MxdeployError
from mxdeploy.options import ProjectOptions

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.network import Trainable


def mapping_warnings(network: Trainable, shape: tuple[int, ...]) -> tuple[Diagnostic, ...]:
    """What ``mxdeploy check`` says against an untrained network, by the names of its modules.

    Weights decide nothing about the placement, so the finding is worth as much before the training
    as after it; only it costs seconds instead of hours.

    Args:
        network: the module, normalization included.
        shape: of one input.

    Returns:
        Warnings; none if it fits.
    """
    from mxdeploy.pipeline import placement_of
    from mxdeploy.stages.s0_train.export import export_onnx
    from mxdeploy.trace import Trace

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "network.onnx"
        try:
            write_file(model, export_onnx(network, shape))
            placement_of(model, ProjectOptions(), Trace())
        except MxdeployError as error:
            return tuple(_as_warning(diagnostic, model) for diagnostic in error.diagnostics)
    return ()


def _as_warning(diagnostic: Diagnostic, model: Path) -> Diagnostic:
    """About a module of the user's network instead of a node of a file that is gone."""
    from mxdeploy.stages.s0_train.export import module_of

    where = diagnostic.where.replace(str(model), "network")
    if where.startswith("/"):
        where = module_of(where)
    return replace(diagnostic, where=where, severity="warning")
