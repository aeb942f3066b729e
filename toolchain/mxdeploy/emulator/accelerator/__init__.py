"""Register-level model of the CNN accelerator.

It computes from registers and memories and never sees a network. ``machine`` is the bus,
``sequencer`` starts and completes runs, ``decode`` turns registers into a ``LayerDescription``,
``execute`` turns a description and the memories into results, ``timing`` says how long they take.

What it does, and who judges that, is stated in ``capabilities``; what it refuses by name in
``unmodelled``; what it computes although the chip may not, as warnings, in ``doubts``. The page
docs/accelerator-model.md is generated from these three.
"""

from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.errors import AcceleratorAccessError, NotModelledError
from mxdeploy.emulator.accelerator.machine import Accelerator
from mxdeploy.emulator.accelerator.timing import LayerResult, RunTime

__all__ = [
    "Accelerator",
    "AcceleratorAccessError",
    "LayerDescription",
    "LayerResult",
    "NotModelledError",
    "RunTime",
]
