"""Register-level model of the CNN accelerator.

It computes from registers and memories and never sees a network. ``machine`` is the bus,
``decode`` turns registers into a ``LayerDescription``, ``execute`` turns a description and the
memories into results.

Modelled: 3x3, 1x1 and 1-D convolutions, transposed convolution, pass-through, element-wise
operators, pooling, all weight widths, multi-pass, flatten, 8- and 32-bit output, standard and fast
FIFO, streaming (as layers that follow each other, through endless rings), four independent
quadrants, both kernel loaders, self-tests, power and clock. Not modelled, and refused by name:
one-shot mode, global pooling and CHW switches, processors or quadrants that share fields, padding
of columns alone, 1-bit logic, the Mlator's reads, another leader than quadrant 0. Of streaming
only the data are modelled: STRM0, STRM1 and the size of the ring are not checked.
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
