"""The network that a recorded program's registers spell, in words."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000.clocks import cnn_seconds
from mxdeploy.chip.max78000.latency import FIRMWARE_OVERHEAD_SECONDS
from mxdeploy.emulator.accelerator import (
    Accelerator,
    AcceleratorAccessError,
    LayerResult,
    NotModelledError,
)
from mxdeploy.emulator.accelerator.run import decode_layers
from mxdeploy.emulator.accelerator.words import in_words, source_in_words
from mxdeploy.emulator.player import Player
from mxdeploy.emulator.trace import TraceFile
from mxdeploy.text import agreeing, count, ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWords:
    """One layer.

    Attributes:
        number: 0..31.
        steps: (verb, object) in the order in which the hardware does them; empty when the layer
            cannot be decoded.
        cycles: CNN clock cycles of its own work; None when it did not run.
        refusal: why it cannot be decoded; empty when it can.
    """

    number: int
    steps: tuple[tuple[str, str], ...]
    cycles: int | None
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramWords:
    """A program.

    Attributes:
        name: of the trace.
        summary: about all layers, in sentences.
        layers: in order of execution.
    """

    name: str
    summary: tuple[str, ...]
    layers: tuple[LayerWords, ...]

    def to_text(self) -> str:
        """For people, one line for each step."""
        lines = [f"{self.name}: {'; '.join(self.summary)}"]
        for layer in self.layers:
            cycles = "" if layer.cycles is None else f" ({layer.cycles:,} cycles)"
            lines += ["", f"layer {layer.number}{cycles}"]
            lines += [f"  {verb:<9} {what}" for verb, what in layer.steps]
            lines += [f"  {line}" for line in layer.refusal.splitlines()]
        return "\n".join(lines)


def describe(trace: TraceFile, *, lenient: bool = False) -> ProgramWords:
    """Play a program up to its completion and say what its registers spell.

    Layers that cannot be decoded are named with the reason; the others are described all the same.
    """
    player = Player(lenient=lenient)
    refusal = ""
    try:
        player.play(trace.bursts)
    except (NotModelledError, AcceleratorAccessError) as error:
        refusal = str(error)
    accelerator = player.accelerator
    done = {layer.description.number: layer for layer in accelerator.layers}
    try:
        decoded = decode_layers(accelerator.registers, accelerator.participants())
    except NotModelledError as error:
        return ProgramWords(name=trace.name, summary=(str(error),), layers=())
    layers = []
    for number, layer in enumerate(decoded):
        if isinstance(layer, NotModelledError):
            layers.append(LayerWords(number=number, steps=(), cycles=None, refusal=str(layer)))
            continue
        cycles = done[number].cycles if number in done else None
        layers.append(LayerWords(number=number, steps=in_words(layer), cycles=cycles))
    summary = _summary(accelerator, len(decoded), refusal if not done else "")
    return ProgramWords(name=trace.name, summary=summary, layers=tuple(layers))


def _summary(accelerator: Accelerator, layers: int, refusal: str) -> tuple[str, ...]:
    quadrants = accelerator.participants()
    noun = agreeing(len(quadrants), "quadrant")
    parts = [f"{count(layers, 'layer')} on {noun} {ranges(quadrants)}"]
    if accelerator.run is not None:
        parts.append(source_in_words(accelerator.run.frame))
    if refusal:
        return (*parts, f"does not run: {refusal}")
    time = accelerator.time
    if time is None:
        return (*parts, "was not started or waits for its input")
    milliseconds = 1e3 * cnn_seconds(time.cycles)
    on_board = milliseconds + 1e3 * FIRMWARE_OVERHEAD_SECONDS
    estimate = " (estimate: layers stream, the host loads meanwhile)" if time.estimated else ""
    parts.append(
        f"{time.cycles:,} cycles = {milliseconds:.3f} ms at 50 MHz, about {on_board:.3f} ms as a "
        f"board's timer sees it{estimate}"
    )
    return tuple(parts)


def layer_of(layers: tuple[LayerResult, ...], number: int) -> LayerResult | None:
    """The result of layer ``number``, if it ran."""
    return next((x for x in layers if x.description.number == number), None)
