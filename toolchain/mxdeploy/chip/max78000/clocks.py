"""Clock frequencies of the MAX78000, in hertz. Source: user guide chapter 4; running programs."""

from __future__ import annotations

IPO_HZ = 100_000_000
"""Internal primary oscillator, the Arm core's clock in generated firmware."""
ISO_HZ = 60_000_000
"""Internal secondary oscillator, the system clock after a reset."""
IBRO_HZ = 7_372_800
"""Internal baud-rate oscillator, always on."""
ERTCO_HZ = 32_768
"""External crystal of the real-time clock."""
INRO_HZ = 30_000
"""Internal nano-ring oscillator (8, 16 or 30 kHz; 30 kHz after a reset)."""
PCLK_DIVIDER = 2
"""The peripheral clock PCLK is the system clock divided by two."""
PCLK_HZ = IPO_HZ // PCLK_DIVIDER
CNN_CLOCK_HZ = PCLK_HZ
"""Clock of the accelerator in generated firmware: PCLK undivided, also its specified maximum."""
CNN_MAX_HZ = 50_000_000


def cnn_seconds(cycles: int, clock_hz: int = CNN_CLOCK_HZ) -> float:
    """Duration of ``cycles`` CNN clock cycles in seconds."""
    return cycles / clock_hz
