"""A debugger's way into the virtual board: GDB's remote serial protocol over TCP.

Source of the protocol: the manual of GDB, appendix "GDB Remote Serial Protocol".
"""

from mxdeploy.emulator.board.gdb.server import GdbServer

__all__ = ["GdbServer"]
