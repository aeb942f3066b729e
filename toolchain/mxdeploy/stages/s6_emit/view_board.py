"""The board as the templates see it."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.boards import Board, Pin
from mxdeploy.chip.max78000 import clocks, memories
from mxdeploy.stages.s6_emit.escape import c_comment, c_string
from mxdeploy.stages.s6_emit.options import EmitOptions
from mxdeploy.stages.s6_emit.tables import hex32

_PORTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PinView:
    """An output pin: an initializer of three C constants."""

    name: str
    base: str
    mask: str
    active_low: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """Constants of ``board.h``."""

    name: str
    title: str
    title_literal: str
    clock_hz: int
    peripheral_hz: int
    oscillator_hz: int
    baud: int
    clkdiv: int
    console_pins: str
    console_text: str
    high_voltage: tuple[str, ...]
    pins: tuple[PinView, ...]
    use_boost: str
    start_delay_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryView:
    """Constants of the linker script."""

    chip_name: str
    flash_base: str
    flash_bytes: int
    sram_base: str
    sram_bytes: int
    stack_bytes: int


def board_view(board: Board, options: EmitOptions) -> BoardView:
    """What ``board.h`` needs."""
    console = board.console
    return BoardView(
        name=c_string(board.name),
        title=c_comment(board.title),
        title_literal=c_string(board.title),
        clock_hz=board.clock.hz,
        peripheral_hz=board.clock.hz // clocks.PCLK_DIVIDER,
        oscillator_hz=clocks.IBRO_HZ,
        baud=console.baud,
        clkdiv=clocks.IBRO_HZ // console.baud,
        console_pins=hex32(console.rx.mask | console.tx.mask),
        console_text=f"{console.rx} receives, {console.tx} sends",
        high_voltage=tuple(hex32(_port_mask(board, port)) for port in range(_PORTS)),
        pins=_pins(board),
        use_boost="1" if options.use_boost and board.cnn.boost is not None else "0",
        start_delay_ms=options.start_delay_ms,
    )


def memory_view(options: EmitOptions) -> MemoryView:
    """What the linker script needs."""
    return MemoryView(
        chip_name="MAX78000",
        flash_base=f"0x{memories.FLASH_BASE:08x}",
        flash_bytes=memories.FLASH_BYTES,
        sram_base=f"0x{memories.SRAM_BASE:08x}",
        sram_bytes=memories.SRAM_BYTES,
        stack_bytes=options.stack_bytes,
    )


def _port_mask(board: Board, port: int) -> int:
    return sum({pin.mask for pin in board.pads.high_voltage if pin.port == port})


def _pins(board: Board) -> tuple[PinView, ...]:
    views = []
    for color in ("green", "red"):
        led = board.led(color)
        name = f"LED_{color.upper()}"
        if led is None:
            views.append(_pin(name, None, active_low=False, text=f"no {color} light"))
        else:
            views.append(
                _pin(name, led.pin, active_low=led.active_low, text=f"{led.name}, {led.pin}")
            )
    boost = board.cnn.boost
    text = "no external supply" if boost is None else str(boost)
    views.append(_pin("CNN_BOOST", boost, active_low=False, text=text))
    return tuple(views)


def _pin(name: str, pin: Pin | None, *, active_low: bool, text: str) -> PinView:
    return PinView(
        name=name,
        base=f"MXC_GPIO{0 if pin is None else pin.port}_BASE",
        mask=hex32(0 if pin is None else pin.mask),
        active_low="true" if active_low else "false",
        text=c_comment(text),
    )
