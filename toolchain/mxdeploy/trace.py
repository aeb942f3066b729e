"""Watching the pipeline: which stage runs, how long it took, and progress for long work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Listener = Callable[[str], None]
Steps = Callable[[int, int, str], None]
"""Told within long work: how many steps are done, of how many, and what comes now."""


def unwatched(_done: int, _total: int, _text: str) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Trace:
    """Times the stages and tells listeners what begins, and how far long work is."""

    on_stage: Listener = lambda _text: None
    on_step: Steps = unwatched
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run one stage."""
        self.on_stage(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
