"""A run: all layers decoded, their weights read, and executed one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.latency import layer_cycles
from mxdeploy.emulator.accelerator import unmodelled as un
from mxdeploy.emulator.accelerator.checks import (
    check_row_caches,
    early_start,
    overwriting,
    ring_conflicts,
)
from mxdeploy.emulator.accelerator.decode import RunMode, describe_layer
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.errors import NotModelledError, impossible, not_modelled
from mxdeploy.emulator.accelerator.execute import Bank, execute, load_banks
from mxdeploy.emulator.accelerator.fifo import Frame, InputFifos, describe_frame
from mxdeploy.emulator.accelerator.memories import Memories
from mxdeploy.emulator.accelerator.reads import (
    unwritten_biases,
    unwritten_data,
    unwritten_kernels,
)
from mxdeploy.emulator.accelerator.registers import RegisterFile
from mxdeploy.emulator.accelerator.store import RingMemory, Store, StoreError
from mxdeploy.emulator.accelerator.timing import LayerResult, RunTime, run_time
from mxdeploy.emulator.accelerator.view import LayerView
from mxdeploy.errors import Diagnostic

_UNMODELLED_MODES = (
    un.GLOBAL_MAX_POOLING,
    un.GLOBAL_POOLING,
    un.GLOBAL_CHW,
    un.SIMPLE_ONE_BIT,
    un.POOLING_WAIT_STATE,
)
_SHARED_MODES = ("poolrnd", "stream_en", "fifo_en", "lilbuf", "qupac", "oneshot", "clk_en")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """All that a start needs besides the input data.

    Attributes:
        quadrants: participating quadrants, the leading one first.
        frame: the FIFO frame to wait for, or None.
        layers: in order of execution.
        banks: the weights of each layer.
        one_shot: a start runs a single layer.
        doubts: what is doubtful about registers, kernels and biases, whatever the input.
    """

    quadrants: tuple[int, ...]
    frame: Frame | None
    layers: tuple[LayerDescription, ...]
    banks: tuple[tuple[Bank, ...], ...]
    one_shot: bool
    doubts: tuple[Diagnostic, ...]


def decode_layers(
    file: RegisterFile, quadrants: tuple[int, ...]
) -> tuple[LayerDescription | NotModelledError, ...]:
    """Every layer that the registers spell, each by itself: as decoded, or why it cannot be.

    Raises:
        NotModelledError: the settings for all layers are not modelled.
    """
    mode = _mode(file, quadrants)
    last = file.get(reg.LayerCountMax, reg.LayerCountMax.address(quadrants[0])).lcnt
    found: list[LayerDescription | NotModelledError] = []
    for number in range(last + 1):
        try:
            found.append(describe_layer(LayerView(file, number, quadrants), mode))
        except NotModelledError as error:
            found.append(error)
    return tuple(found)


def prepare_run(file: RegisterFile, quadrants: tuple[int, ...], memories: Memories) -> Run:
    """Decode the registers and read kernels and biases.

    Raises:
        NotModelledError: something is not modelled or contradictory.
    """
    mode = _mode(file, quadrants)
    counts = {file.get(reg.LayerCountMax, reg.LayerCountMax.address(q)).lcnt for q in quadrants}
    last = max(counts)
    if len(counts) > 1:
        why = f"the participating quadrants count to layers {sorted(counts)}"
        raise impossible("all layers", reg.LayerCountMax, "lcnt", last, why)
    frame = describe_frame(file, quadrants)
    views = [LayerView(file, number, quadrants) for number in range(last + 1)]
    layers: list[LayerDescription] = []
    for view in views:
        layers.append(describe_layer(view, mode))
        _check_stream(layers, frame)
    check_row_caches(views, layers)
    _check_memories(file, quadrants, layers)
    banks: list[tuple[Bank, ...]] = []
    for layer in layers:
        with _naming(layer):
            banks.append(load_banks(layer, memories.kernels, memories.biases))
    return Run(
        quadrants=quadrants,
        frame=frame,
        layers=tuple(layers),
        banks=tuple(banks),
        one_shot=_one_shot(file, quadrants, frame, mode),
        doubts=tuple(_doubts(layers, memories)),
    )


def _doubts(layers: Sequence[LayerDescription], memories: Memories) -> Iterator[Diagnostic]:
    """What is doubtful whatever the input."""
    yield from ring_conflicts(layers)
    for layer in layers:
        if layer.number:
            yield from early_start(layer, layers[layer.number - 1])
        yield from unwritten_kernels(layer, memories.kernels)
        yield from unwritten_biases(layer, memories.biases)
        if not layer.streaming:
            yield from overwriting(layer)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performance:
    """What one start did.

    Attributes:
        layers: the layers that ran.
        doubts: what is doubtful about the data that they read and the sums that they made.
        time: how long they took.
    """

    layers: tuple[LayerResult, ...]
    doubts: tuple[Diagnostic, ...]
    time: RunTime


def perform(run: Run, fifos: InputFifos, data: Store, only: int | None = None) -> Performance:
    """Execute the layers; the input lies in ``data``, or a whole frame in the FIFOs.

    Args:
        run: what to do.
        fifos: where a frame waits.
        data: the data memories.
        only: the single layer that a one-shot start runs; None for all.

    Raises:
        NotModelledError: a layer leaves the memories.
    """
    first = run.layers[0]
    source: Store = RingMemory() if first.streaming else data
    doubts: list[Diagnostic] = []
    if run.frame is not None:
        with _naming(first):
            fifos.deliver(run.frame, first.reading.word, source)
        doubts += fifos.surplus(run.frame)
    results = []
    for index in range(len(run.layers)) if only is None else (only,):
        layer, banks = run.layers[index], run.banks[index]
        next_streams = index + 1 < len(run.layers) and run.layers[index + 1].streaming
        target: Store = RingMemory() if next_streams else data
        with _naming(layer):
            # Before the layer writes: its output may lie where its input was.
            doubts += unwritten_data(layer, banks, source)
            done = execute(layer, banks, source, target)
            doubts += done.doubts
        cycles = layer_cycles(layer.shape)
        results.append(LayerResult(description=layer, cycles=cycles, output=done.output))
        source = target
    return Performance(
        layers=tuple(results), doubts=tuple(doubts), time=run_time(results, run.frame)
    )


@contextmanager
def _naming(layer: LayerDescription) -> Iterator[None]:
    """Name the layer and the register that lead outside the memories."""
    try:
        yield
    except StoreError as error:
        where = f"layer {layer.number}"
        raise impossible(where, error.register, error.field, error.value, str(error)) from error


def _mode(file: RegisterFile, quadrants: tuple[int, ...]) -> RunMode:
    """CTRL of the participating quadrants."""
    leader, *others = [file.get(reg.Ctrl, reg.Ctrl.address(q)) for q in quadrants]
    if quadrants[0] != 0:
        raise not_modelled("start", un.OTHER_LEADER, leader.ext_sync_quadrant)
    for refusal in _UNMODELLED_MODES:
        for control in (leader, *others):
            if getattr(control, refusal.field):
                raise not_modelled("start", refusal, getattr(control, refusal.field))
    if not leader.clk_en:
        why = "without its clock the data path does not run"
        raise impossible("start", reg.Ctrl, "clk_en", 0, why)
    for field in _SHARED_MODES:
        for control in others:
            if getattr(control, field) != getattr(leader, field):
                why = f"the leading quadrant has {getattr(leader, field)}"
                raise impossible("start", reg.Ctrl, field, getattr(control, field), why)
    if leader.qupac and not (leader.ffifo_en and len(quadrants) == mem.QUADRANTS):
        why = "independent quadrants need the fast FIFO and all four quadrants"
        raise impossible("start", reg.Ctrl, "qupac", 1, why)
    return RunMode(
        rounding=bool(leader.poolrnd),
        streaming=bool(leader.stream_en),
        independent=bool(leader.qupac),
    )


def _check_memories(
    file: RegisterFile, quadrants: tuple[int, ...], layers: Sequence[LayerDescription]
) -> None:
    """Memories that a run needs must be awake."""
    for quadrant in quadrants:
        sram = file.get(reg.Sram, reg.Sram.address(quadrant))
        for field in ("pd", "ds"):
            if getattr(sram, field):
                why = "the quadrant's memories are powered down or asleep"
                raise impossible(f"start, quadrant {quadrant}", reg.Sram, field, 1, why)
    convolving = {
        processor // mem.PROCESSORS_PER_QUADRANT
        for layer in layers
        if layer.kernels is not None
        for processor in layer.reading.processors
    }
    control = file.get(reg.AlwaysOnControl, reg.AlwaysOnControl.address())
    for field in ("pd", "dsleep"):
        bits = getattr(control, field)
        if any(bits >> quadrant & 1 for quadrant in convolving):
            why = "kernel memories that the layers read are powered down or asleep"
            raise impossible("start", reg.AlwaysOnControl, field, bits, why)


def _one_shot(
    file: RegisterFile, quadrants: tuple[int, ...], frame: Frame | None, mode: RunMode
) -> bool:
    """CTRL.oneshot: a start runs one layer."""
    control = file.get(reg.Ctrl, reg.Ctrl.address(quadrants[0]))
    if control.oneshot and (frame is not None or mode.streaming):
        raise not_modelled("start", un.ONE_SHOT_STREAM, control.oneshot)
    return bool(control.oneshot)


def _check_stream(layers: list[LayerDescription], frame: Frame | None) -> None:
    """Streaming layers are the first ones, fed by a FIFO, each reading what the last one wrote."""
    layer = layers[-1]
    if layer.stream is None:
        return
    before = layers[-2] if len(layers) > 1 else None
    where = f"layer {layer.number}"
    word = layer.reading.word
    if frame is None or (before is not None and not before.streaming):
        why = "streaming begins with layer 0, which reads from a FIFO"
        raise impossible(where, reg.StreamBuffer, "fbuf_max", layer.stream.ring_words, why)
    if before is not None and before.writing.bases[0][1] % mem.DATA_WORDS != word:
        why = "a streaming layer reads where the layer before it writes"
        raise impossible(where, reg.ReadPointerBase, "word", word, why)
