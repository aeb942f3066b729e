"""A serial port that nobody listens to, for the methods that go through a debug adapter."""

from __future__ import annotations

from typing import Any

from mxdeploy.link.flash import FlashTarget


class Silent:
    """Fails when somebody uses it."""

    def write(self, data: bytes) -> None:
        raise AssertionError(data)

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        raise AssertionError((size, timeout_seconds))


def target(**changes: Any) -> FlashTarget:
    """A board behind a silent port."""
    return FlashTarget(url="/dev/ttyACM0", port=Silent(), baud=115200, **changes)
