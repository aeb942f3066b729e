"""Plays the stores of a recorded program to the accelerator model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.peripherals import dma, gcr, instance, power
from mxdeploy.emulator.accelerator import Accelerator, NotModelledError
from mxdeploy.emulator.trace import Burst, Phase, TraceFile
from mxdeploy.errors import Diagnostic

_GCFR, _GCR = instance("GCFR").base, instance("GCR").base
POWER_REGISTERS: Mapping[int, str] = MappingProxyType(
    {
        power.CnnPower.address(_GCFR): "power",
        power.CnnRamPower.address(_GCFR): "ram",
        power.CnnIsolation.address(_GCFR): "isolation",
        power.CnnReset.address(_GCFR): "reset",
    }
)
CLOCK_GATE = gcr.PeripheralClockDisable0.address(_GCR)
FAST_FIFO = range(reg.FastFifoControl.address(), reg.FastFifoDma.address() + 4)
"""Registers of the fast FIFO, which lie outside the accelerator's own addresses."""
UNRELATED = frozenset(
    {gcr.PeripheralClockDivider.address(_GCR), dma.Semaphore.address(instance("SEMA").base)}
)
"""Clock divider and semaphore: no effect on results."""
CONTROLS = frozenset(reg.Ctrl.address(quadrant) for quadrant in range(mem.QUADRANTS))
MLATOR_PORTS = frozenset(reg.Mlat.address(quadrant) for quadrant in range(mem.QUADRANTS))


class Player:
    """Plays a trace's stores to an accelerator, power and clock registers included.

    Attributes:
        accelerator: the model.
        runs: starts that ran to their end.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        """A new accelerator without power."""
        self.accelerator = Accelerator(lenient=lenient)
        self.runs = 0
        self._power = dict.fromkeys(POWER_REGISTERS.values(), 0)
        self._clock = False

    def play(self, bursts: Iterable[Burst]) -> None:
        """Play stores in order.

        A run is complete when the program acknowledges it, when it goes on to anything else than
        CTRL (a store to CTRL may also stop a run and let it go on), or at the end.
        """
        for burst in bursts:
            if burst.phase is Phase.INTERRUPT or burst.address not in CONTROLS:
                self._complete()
            if burst.address >= mem.CNN_BASE or burst.address in FAST_FIFO:
                self.accelerator.write_block(
                    burst.address, burst.values, burst.stride_bytes, size=burst.size
                )
            else:
                for index, value in enumerate(burst.values.tolist()):
                    self._microcontroller(burst.address + index * burst.stride_bytes, value)
        self._complete()

    def _complete(self) -> None:
        if self.accelerator.busy_cycles is not None:
            self.accelerator.complete()
            self.runs += 1

    def unload(self, trace: TraceFile) -> tuple[Diagnostic, ...]:
        """Play what a program does after its interrupt, with its reads of the Mlator.

        Nothing that the program compares depends on those reads, so that one which is not modelled
        is a warning.
        """
        later = [burst for burst in trace.afterwards if burst.phase is not Phase.INTERRUPT]
        reads = [(after, address) for after, address in trace.reads if address in MLATOR_PORTS]
        done = len(trace.afterwards) - len(later)
        refused: dict[str, Diagnostic] = {}
        for burst in (None, *later):
            if burst is not None:
                self.play([burst])
                done += 1
            for after, address in reads:
                if after == done:
                    try:
                        self.accelerator.read(address)
                    except NotModelledError as error:
                        refused |= {d.what: d for d in error.diagnostics}
        return tuple(replace(found, severity="warning") for found in refused.values())

    def _microcontroller(self, address: int, value: int) -> None:
        """A store to a register outside the accelerator."""
        if address in UNRELATED:
            return
        if address == CLOCK_GATE:
            self._clock = not gcr.PeripheralClockDisable0.decode(value).cnn
        elif address in POWER_REGISTERS:
            self._power[POWER_REGISTERS[address]] = value
        else:
            self.accelerator.write(address, value)  # answers with an error that names the address
        self.accelerator.set_power(**self._power, clock=self._clock)
