"""Two register programs compared as the chip sees them.

``state`` plays a program up to its start, ``flow`` and ``network`` recover the network from
addresses and memories, ``layers``, ``numbers``, ``registers``, ``memories`` and ``stores`` compare
one thing each, ``compare`` gives the verdict. ``program`` lets a program of ours take part.
"""

from mxdeploy.emulator.diff.compare import ProgramDiff, Verdict, compare
from mxdeploy.emulator.diff.document import document

__all__ = ["ProgramDiff", "Verdict", "compare", "document"]
