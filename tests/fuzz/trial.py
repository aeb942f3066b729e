"""Steps on the accelerator's bus that mean no harm and may mean nothing, and their outcome.

Whatever a step says, it has results, or it is refused: with a register that exists, a field of it,
and the value that the register really holds, or with the address that does not answer.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import numpy as np

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator, AcceleratorAccessError, NotModelledError
from mxdeploy.ir.program import Program
from mxdeploy.stages.s5_lower import lower
from tests.fuzz.case import Case, Pasteable

MOST_SECONDS = 2.0
"""Processor time that a step may take."""

PORTS = (reg.FifoWrite0, reg.FifoWrite1, reg.FifoWrite2, reg.FifoWrite3, reg.FastFifoData)
BY_MNEMONIC: dict[str, type[Register]] = {
    cls.mnemonic: cls
    for cls in (
        *reg.BLOCK_REGISTERS,
        *reg.QUADRANT_REGISTERS,
        *reg.LAYER_REGISTERS,
        *reg.STREAM_REGISTERS,
    )
}
EVERY_QUADRANT = tuple(range(mem.QUADRANTS))


@dataclass(frozen=True, kw_only=True, repr=False)
class Put(Pasteable):
    """Write a register (of a layer) in some quadrants."""

    register: Register
    quadrants: tuple[int, ...] = (0,)
    layer: int = 0

    def run(self, accelerator: Accelerator) -> None:
        for address in addresses(type(self.register), self.quadrants, (self.layer,)):
            accelerator.write(address, self.register.encode())


@dataclass(frozen=True, kw_only=True, repr=False)
class Change(Pasteable):
    """Change a single field of what a register holds."""

    mnemonic: str
    field: str
    value: int
    quadrants: tuple[int, ...] = (0,)
    layer: int = 0

    def run(self, accelerator: Accelerator) -> None:
        cls = BY_MNEMONIC[self.mnemonic]
        spec = cls.bit_fields()[self.field]
        for address in addresses(cls, self.quadrants, (self.layer,)):
            word = accelerator.read(address) & ~spec.mask
            accelerator.write(address, word | self.value << spec.low)


@dataclass(frozen=True, kw_only=True, repr=False)
class Flip(Pasteable):
    """Turn over one bit of what a register holds."""

    mnemonic: str
    bit: int
    quadrants: tuple[int, ...] = (0,)
    layer: int = 0

    def run(self, accelerator: Accelerator) -> None:
        cls = BY_MNEMONIC[self.mnemonic]
        for address in addresses(cls, self.quadrants, (self.layer,)):
            accelerator.write(address, accelerator.read(address) ^ 1 << self.bit)


@dataclass(frozen=True, kw_only=True, repr=False)
class Start(Pasteable):
    """Couple and enable quadrants, the leading one last, with some fields of CTRL set."""

    quadrants: tuple[int, ...] = (0,)
    mode: tuple[tuple[str, int], ...] = ()

    def run(self, accelerator: Accelerator) -> None:
        fields = {"clk_en": 1, "rdy_sel": 0, "mexpress": 1} | dict(self.mode)
        last = reg.Ctrl(**(fields | {"cnn_en": 1}))
        fields = {"ext_sync_en": 1, **fields}
        for quadrant in self.quadrants:
            coupled = reg.Ctrl(**(fields | {"cnn_en": int(quadrant != 0)}))
            accelerator.write(reg.Ctrl.address(quadrant), coupled.encode())
        accelerator.write(reg.Ctrl.address(0), last.encode())


@dataclass(frozen=True, kw_only=True, repr=False)
class Push(Pasteable):
    """Write random words to a FIFO."""

    port: int
    count: int

    def run(self, accelerator: Accelerator) -> None:
        words = np.random.default_rng(self.count).integers(0, 1 << 32, self.count, np.uint32)
        accelerator.write_block(PORTS[self.port].address(), words, 0)


@dataclass(frozen=True, kw_only=True, repr=False)
class Store(Pasteable):
    """One store at any address."""

    address: int
    value: int
    size: int = 4

    def run(self, accelerator: Accelerator) -> None:
        accelerator.write(self.address, self.value, self.size)


@dataclass(frozen=True, kw_only=True, repr=False)
class Load(Pasteable):
    """One load at any address."""

    address: int
    size: int = 4

    def run(self, accelerator: Accelerator) -> None:
        accelerator.read(self.address, self.size)


@dataclass(frozen=True, kw_only=True, repr=False)
class Complete(Pasteable):
    """Let the run come to its end, and clear its flags."""

    def run(self, accelerator: Accelerator) -> None:
        accelerator.complete()
        for quadrant in EVERY_QUADRANT:
            address = reg.Ctrl.address(quadrant)
            accelerator.write(address, accelerator.read(address) & ~0x1001)


@dataclass(frozen=True, kw_only=True, repr=False)
class Power(Pasteable):
    """Change the power of the quadrants."""

    power: int = 0xF
    ram: int = 0xF
    isolation: int = 0
    reset: int = 0
    clock: bool = True

    def run(self, accelerator: Accelerator) -> None:
        accelerator.set_power(
            power=self.power,
            ram=self.ram,
            isolation=self.isolation,
            reset=self.reset,
            clock=self.clock,
        )


Step = Put | Change | Flip | Start | Push | Store | Load | Complete | Power


@dataclass(frozen=True, kw_only=True, repr=False)
class Trial(Pasteable):
    """Steps, after a legal program was loaded or on a chip full of noise.

    Attributes:
        steps: in order; a step that is refused does not stop those after it.
        case: the legal program; None for noise in all memories.
    """

    steps: tuple[Step, ...]
    case: Case | None = None


def attempt(trial: Trial) -> list[str]:
    """Take all steps; what became of each: "run", "waits", "done", or what refused it.

    Raises:
        AssertionError: a step took too long, or what refused it does not name what is there.
        Exception: whatever else the accelerator raised.
    """
    accelerator = Accelerator()
    accelerator.power_on()
    if trial.case is None:
        _fill(accelerator)
    else:
        _load(accelerator, lower(trial.case.plan()), trial.case)
    return [_take(accelerator, step) for step in trial.steps]


def _take(accelerator: Accelerator, step: Step) -> str:
    try:
        with _limited(step):
            step.run(accelerator)
    except NotModelledError as error:
        _check_refusal(accelerator, error)
        return error.register
    except AcceleratorAccessError as error:
        _check_access(error)
        return "access"
    if isinstance(step, Start | Push):
        if accelerator.waiting_for_input:
            return "waits"
        if accelerator.busy_cycles is not None:
            assert accelerator.busy_cycles > 0
            assert accelerator.layers
            return "run"
    return "done"


@contextmanager
def _limited(step: Step) -> Iterator[None]:
    """Processor time is limited; what hangs is stopped after three times as much."""

    def stop(*_: object) -> None:
        raise AssertionError(f"{step} hangs")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 3 * MOST_SECONDS)
    begin = time.thread_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        taken = time.thread_time() - begin
        assert taken < MOST_SECONDS, f"{step} took {taken:.1f} s"


def _check_access(error: AcceleratorAccessError) -> None:
    assert 0 <= error.address < 1 << 32
    assert f"0x{error.address:08x}" in str(error)


def _check_refusal(accelerator: Accelerator, error: NotModelledError) -> None:
    text = f"{error.register}.{error.field} = {error.value}: {error}"
    cls = BY_MNEMONIC.get(error.register)
    assert cls is not None, text
    spec = cls.bit_fields().get(error.field)
    assert spec is not None, text
    assert error.field in str(error), text
    where = str(error)
    layers = [int(n) for n in re.findall(r"layer (\d+)[:,]", where)[:1]] or list(range(mem.LAYERS))
    quadrants = [int(n) for n in re.findall(r"^\S* layer \d+, quadrant (\d):", where)]
    places = addresses(cls, tuple(quadrants) or EVERY_QUADRANT, tuple(layers))
    words = [word for address in places if (word := _peek(accelerator, address)) is not None]
    held = {word >> spec.low & spec.maximum for word in words}
    assert not words or error.value in held, f"{text}\nthe register holds {sorted(held)}"


def _peek(accelerator: Accelerator, address: int) -> int | None:
    """A register's word; None where nothing answers."""
    try:
        return accelerator.read(address)
    except AcceleratorAccessError:
        return None


def addresses(
    cls: type[Register], quadrants: tuple[int, ...], layers: tuple[int, ...]
) -> list[int]:
    """Where a register lies; one that is not of a layer or quadrant lies in a single place."""
    if issubclass(cls, reg.BlockRegister):
        return [cls.address()]
    if issubclass(cls, reg.LayerRegister):
        here = [layer for layer in layers if layer < cls.count]
        return [cls.address(quadrant, layer) for quadrant, layer in product(quadrants, here)]
    assert issubclass(cls, reg.QuadrantRegister)
    return [cls.address(quadrant) for quadrant in quadrants]


def _fill(accelerator: Accelerator) -> None:
    """Noise in data, kernel and bias memories."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 1 << 32, mem.DATA_WORDS, np.uint32)
    for memory in range(mem.DATA_MEMORIES):
        accelerator.write_block(mem.data_address(memory), noise, 4)
    for processor in range(0, mem.PROCESSORS, 5):
        _load_kernels(accelerator, processor, noise[: mem.KERNEL_BYTES // 4])
    for quadrant in EVERY_QUADRANT:
        accelerator.write_block(mem.bias_address(quadrant, 0), noise[: mem.BIAS_BYTES] & 0xFF, 4)


def _load(accelerator: Accelerator, program: Program, case: Case) -> None:
    """A legal program with its weights and noise for input, ready to be started."""
    for write in program.init:
        accelerator.write(write.address, write.value)
    for image in program.kernels:
        loader = mem.kernel_loader_address(image.processor, image.start_word)
        accelerator.write(loader, 1, size=1)
        words = image.words.array.astype(np.uint32)
        accelerator.write_block(mem.kernel_address(image.processor), words, 4)
    for bias in program.biases:
        address = mem.bias_address(bias.quadrant, bias.start_byte)
        accelerator.write_block(address, bias.data.array.astype(np.uint32), 4)
    for write in program.configure:
        accelerator.write(write.address, write.value)
    noise = np.random.default_rng(case.seed).integers(0, 1 << 32, 512, np.uint32)
    for memory in range(mem.DATA_MEMORIES):
        word = min(case.at.word, mem.DATA_WORDS - 512)
        accelerator.write_block(mem.data_address(memory, word), noise, 4)


def _load_kernels(accelerator: Accelerator, processor: int, words: np.ndarray) -> None:
    """Through the packed loader, which CTRL.mexpress turns on."""
    quadrant = processor // mem.PROCESSORS_PER_QUADRANT
    control = reg.Ctrl(clk_en=1, rdy_sel=0, mexpress=1)
    accelerator.write(reg.Ctrl.address(quadrant), control.encode())
    accelerator.write(mem.kernel_loader_address(processor), 1, size=1)
    accelerator.write_block(mem.kernel_address(processor), words, 4)
