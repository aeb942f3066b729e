"""A run: all layers decoded, their weights read, and executed one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mxdeploy.arith.arrays import Int8Array, Int32Array
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.latency import layer_cycles
from mxdeploy.emulator.accelerator.checks import check_overwriting, check_row_caches
from mxdeploy.emulator.accelerator.decode import RunMode, describe_layer
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.errors import impossible, not_modelled
from mxdeploy.emulator.accelerator.execute import Bank, execute, load_banks
from mxdeploy.emulator.accelerator.fifo import Frame, InputFifos, describe_frame
from mxdeploy.emulator.accelerator.memories import Memories
from mxdeploy.emulator.accelerator.registers import RegisterFile
from mxdeploy.emulator.accelerator.store import RingMemory, Store, StoreError
from mxdeploy.emulator.accelerator.view import LayerView

_UNMODELLED_MODES = (
    ("calcmax", "global pooling is not modelled"),
    ("pool_en", "global pooling is not modelled"),
    ("bigdata", "the global CHW switch is not modelled; layers have LCTRL0.parallel"),
    ("oneshot", "stopping after each layer is not modelled"),
    ("simple1b", "the simple 1-bit logic is not modelled"),
    ("timeshft", "the additional wait state in pooling is not modelled"),
)
_SHARED_MODES = ("poolrnd", "stream_en", "fifo_en", "lilbuf", "qupac")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerResult:
    """What one layer did.

    Attributes:
        description: the layer as decoded from the registers.
        cycles: CNN clock cycles (an estimate when the layer streams).
        output: (slots, rows, columns) int8, or int32 for 32-bit outputs; of a pass-through
            (channels, rows, columns), pass by pass.
    """

    description: LayerDescription
    cycles: int
    output: Int8Array | Int32Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """All that a start needs besides the input data.

    Attributes:
        quadrants: participating quadrants, the leading one first.
        frame: the FIFO frame to wait for, or None.
        layers: in order of execution.
        banks: the weights of each layer.
    """

    quadrants: tuple[int, ...]
    frame: Frame | None
    layers: tuple[LayerDescription, ...]
    banks: tuple[tuple[Bank, ...], ...]


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
        if not layers[-1].streaming:
            check_overwriting(view, layers[-1])
    check_row_caches(views, layers)
    banks = []
    for layer in layers:
        with _naming(layer):
            banks.append(load_banks(layer, memories.kernels, memories.biases))
    return Run(quadrants=quadrants, frame=frame, layers=tuple(layers), banks=tuple(banks))


def perform(run: Run, fifos: InputFifos, data: Store) -> tuple[LayerResult, ...]:
    """Execute all layers; the input lies in ``data``, or a whole frame in the FIFOs.

    Raises:
        NotModelledError: a layer leaves the memories.
    """
    first = run.layers[0]
    source: Store = RingMemory() if first.streaming else data
    if run.frame is not None:
        with _naming(first):
            fifos.deliver(run.frame, first.reading.word, source)
    results = []
    for index, (layer, banks) in enumerate(zip(run.layers, run.banks, strict=True)):
        next_streams = index + 1 < len(run.layers) and run.layers[index + 1].streaming
        target: Store = RingMemory() if next_streams else data
        with _naming(layer):
            output = execute(layer, banks, source, target)
        results.append(
            LayerResult(description=layer, cycles=layer_cycles(layer.shape), output=output)
        )
        source = target
    return tuple(results)


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
        why = "programs are led by quadrant 0; the numbering of sums is not known otherwise"
        raise not_modelled("start", reg.Ctrl, "ext_sync_quadrant", quadrants[0], why)
    for field, why in _UNMODELLED_MODES:
        for control in (leader, *others):
            if getattr(control, field):
                raise not_modelled("start", reg.Ctrl, field, getattr(control, field), why)
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


def _check_stream(layers: list[LayerDescription], frame: Frame | None) -> None:
    """Streaming layers are the first ones, fed by a FIFO, each reading what the last one wrote."""
    layer = layers[-1]
    if not layer.streaming:
        return
    before = layers[-2] if len(layers) > 1 else None
    where = f"layer {layer.number}"
    word = layer.reading.word
    if frame is None or (before is not None and not before.streaming):
        why = "streaming begins with layer 0, which reads from a FIFO"
        raise impossible(where, reg.StreamBuffer, "fbuf_max", word, why)
    if before is not None and before.writing.bases[0][1] % mem.DATA_WORDS != word:
        why = "a streaming layer reads where the layer before it writes"
        raise impossible(where, reg.ReadPointerBase, "word", word, why)
