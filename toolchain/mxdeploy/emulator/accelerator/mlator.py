"""The Mlator: a quadrant's read port that gathers four successive bytes of one lane.

As the user guide describes it: a 0 -> 1 change of CTRL.mlat_ld loads the address from layer 0's
WPTR_BASE and fetches four bytes; each read of MLAT returns four bytes and fetches the next four.
Nobody has confirmed the order of the bytes (first one lowest) or the step on silicon, and programs
read once before the first word that they use.
"""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.errors import impossible, not_modelled
from mxdeploy.emulator.accelerator.memory import Words
from mxdeploy.emulator.accelerator.registers import RegisterFile
from mxdeploy.emulator.accelerator.unmodelled import MLATOR_STEP, MLATOR_STEP_PASSES

_MEMORIES = mem.DATA_MEMORIES // mem.QUADRANTS
_WORDS = _MEMORIES * mem.DATA_WORDS
BYTES_PER_READ = 4


@dataclass(slots=True)
class Mlator:
    """The read port of one quadrant.

    Attributes:
        quadrant: 0..3.
        word: next word in the quadrant's data memories; None before the first load.
    """

    quadrant: int
    word: int | None = None

    def load(self, file: RegisterFile) -> None:
        """CTRL.mlat_ld went from 0 to 1."""
        pointer = file.get(reg.WritePointerBase, reg.WritePointerBase.address(self.quadrant, 0))
        owner, memory = divmod(pointer.instance, _MEMORIES)
        if owner not in (0, self.quadrant):
            where = f"Mlator of quadrant {self.quadrant}"
            why = "the Mlator reads the data memories of its own quadrant"
            raise impossible(where, reg.WritePointerBase, "instance", pointer.instance, why)
        self.word = memory * mem.DATA_WORDS + pointer.word

    def read(self, file: RegisterFile, data: Words) -> int:
        """The next four bytes, first one lowest.

        Args:
            file: registers.
            data: the data memories, uint32 (16, 8192).

        Raises:
            NotModelledError: the accelerator is enabled, the address was not loaded, it leaves the
                memories, or layer 0's LCTRL1 asks for a step that is not known.
        """
        where = f"Mlator of quadrant {self.quadrant}"
        control = file.get(reg.Ctrl, reg.Ctrl.address(self.quadrant))
        if control.cnn_en:
            raise impossible(where, reg.Ctrl, "cnn_en", 1, "MLAT is read with cnn_en = 0")
        if not control.mlat_ld or self.word is None:
            raise impossible(where, reg.Ctrl, "mlat_ld", 0, "no address was loaded")
        step = file.get(reg.LayerControl1, reg.LayerControl1.address(self.quadrant, 0))
        for refusal in (MLATOR_STEP_PASSES, MLATOR_STEP):
            if getattr(step, refusal.field):
                raise not_modelled(where, refusal, getattr(step, refusal.field))
        if self.word + BYTES_PER_READ > _WORDS:
            why = "the Mlator reads past the last word of the quadrant"
            raise impossible(where, reg.WritePointerBase, "word", self.word % mem.DATA_WORDS, why)
        words = data.reshape(mem.QUADRANTS, -1)[self.quadrant]
        lane = words[self.word : self.word + BYTES_PER_READ] >> 8 * control.mlatch_sel & 0xFF
        self.word += BYTES_PER_READ
        return int.from_bytes(lane.astype("u1").tobytes(), "little")
