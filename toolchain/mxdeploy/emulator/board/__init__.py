"""The virtual board: the real firmware image on an emulated Cortex-M4F with its peripherals.

``engine`` executes instructions, ``cpu`` adds what the core does between them, ``bus`` leads
register accesses to the models in ``peripherals`` and to the accelerator (``cnn``), ``clock``
keeps virtual time. ``board`` is what others use. ``live`` is a board on a desk, with power switch,
``rom``, flash file, ``control`` port and debugger (``gdb``); ``serve`` puts its serial port on a
pty or socket.
"""

from mxdeploy.emulator.board.board import StopReason, VirtualBoard

__all__ = ["StopReason", "VirtualBoard"]
