"""s6: Program -> Project, the C sources of the firmware."""

from __future__ import annotations

from mxdeploy.stages.s6_emit.emit import emit
from mxdeploy.stages.s6_emit.findings import left_out, sample_fits, sample_too_large
from mxdeploy.stages.s6_emit.options import EmitOptions

__all__ = ["EmitOptions", "emit", "left_out", "sample_fits", "sample_too_large"]
