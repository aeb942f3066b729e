"""Register-level model of the CNN accelerator.

It computes from registers and memories and never sees a network. ``machine`` is the bus,
``decode`` turns registers into a ``LayerDescription``, ``execute`` turns a description and the
memories into results.
"""

from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.errors import AcceleratorAccessError, NotModelledError
from mxdeploy.emulator.accelerator.machine import Accelerator
from mxdeploy.emulator.accelerator.run import LayerResult

__all__ = [
    "Accelerator",
    "AcceleratorAccessError",
    "LayerDescription",
    "LayerResult",
    "NotModelledError",
]
