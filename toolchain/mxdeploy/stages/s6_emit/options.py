"""What a user may choose about the generated firmware."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.data import Scale

MIN_START_DELAY_MS = 500
"""Shorter, and a debug probe may miss the time between the ROM and the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitOptions:
    """Choices for the generated firmware.

    Attributes:
        start_delay_ms: wait after a reset, so that a debug probe can attach.
        use_boost: switch on the board's external supply of the accelerator while it is powered.
        stack_bytes: size of the stack.
        pixel_scale: how 8-bit pixels become the model's input.
    """

    start_delay_ms: int = 2000
    use_boost: bool = False
    stack_bytes: int = 8192
    pixel_scale: Scale = Scale.NONE

    def __post_init__(self) -> None:
        """Refuse values that would lock out the probe or overflow the stack."""
        if self.start_delay_ms < MIN_START_DELAY_MS:
            raise ValueError(
                f"start_delay_ms = {self.start_delay_ms} is shorter than {MIN_START_DELAY_MS} ms"
            )
        if self.stack_bytes < 4096 or self.stack_bytes % 8:  # noqa: PLR2004 - as in the linker script
            raise ValueError(
                f"stack_bytes = {self.stack_bytes} is not a multiple of 8 from 4096 on"
            )
