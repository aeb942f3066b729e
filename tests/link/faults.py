"""Faults on the way to a board, by seed: what may go wrong while it is programmed.

``python -m tests.link.faults --count 1000 --seed 1`` injects many and prints a table. Each run
draws a board (assumptions, what flash holds), an image and a fault; programs; and programs again
without the fault. What must hold:

* a PASS is never false: flash holds exactly the image, and it is this image's application;
* whatever happens, it is over within the stated limit;
* only errors meant for the user appear;
* the plain second run passes.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections import Counter
from dataclasses import dataclass, fields

from mxdeploy.chip.max78000.bootloader_assumptions import QUESTIONS, Assumptions
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.bootloader_flash import PROMPT_SECONDS, BootloaderMethod, longest_seconds
from mxdeploy.link.flash import FlashTarget
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.flash_run import flash
from mxdeploy.link.flash_watch import APPLICATION_SECONDS
from tests.link.fake_board import FakeBoard, image_of

BYTE_KINDS = frozenset({"lost", "doubled", "flipped", "late", "inserted", "reset", "power off"})
"""Faults that strike at a byte, in one direction."""
KINDS = (
    "lost", "doubled", "flipped", "late", "inserted", "unplugged", "full buffer", "reset",
    "power off", "off after erase", "wrong image", "wrong baud", "noisy line",
)  # fmt: skip
ACTIVATION_SECONDS = 10.0
BURSTS = (1, 1, 1, 2, 3, 8, 20, 50, 300)


def stated_limit(image: FlashImage) -> float:
    """Programming, the board's prompt, a re-activation or two, and the application's verdict."""
    program = longest_seconds(len(image.content), 115200) + ACTIVATION_SECONDS + PROMPT_SECONDS
    return program + APPLICATION_SECONDS


class FaultyBoard(FakeBoard):
    """A board behind a line with one fault."""

    def __init__(self, image: FlashImage, kind: str, seed: int, **board: object) -> None:
        super().__init__(image, **board)  # type: ignore[arg-type]
        self.kind = kind
        self.hits = 0
        self._random = random.Random(seed)
        self._towards_host = self._random.random() < 0.5
        length = 3 * len(image.content) if not self._towards_host else 1500
        self._position = int(length * self._random.random() ** 2)
        self._burst = self._random.choice(BURSTS)
        self._passed = 0
        self._off = False
        self._held: list[tuple[float, bytes]] = []
        self._true_network = self.says_network

    def mend(self) -> None:
        """The fault is gone; the board is as it was left."""
        self.kind = "none"
        self._off = False
        self.says_network = self._true_network
        self._held.clear()

    def activate(self, target: FlashTarget | None = None) -> None:
        if not self._off:
            super().activate(target)

    # --- the line ---------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        if self.kind == "full buffer":
            if len(data) > self._burst and self._reached(len(data)):
                data = data[: self._burst] + data[2 * self._burst :]
        elif not self._towards_host or self.kind in {"wrong baud", "noisy line"}:
            data = self._damage(data)
        if not self._off:
            super().receive(data)
        if self.kind == "off after erase" and len(self.flash.erased) >= self._burst:
            self._off = True
            self.hits = 1

    def transmit(self, data: bytes) -> None:
        if self._off:
            return
        if self.kind == "wrong image" and not self.says_network.startswith("f"):
            self.says_network = "f" * 16
            self.hits += 1
        if self._towards_host or self.kind in {"wrong baud", "noisy line"}:
            data = self._damage(data)
        super().transmit(data)

    def write(self, data: bytes) -> None:
        self._check_plug(len(data))
        super().write(data)

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        self._check_plug(1)
        while self._held and self._held[0][0] <= self.seconds:
            super().transmit(self._held.pop(0)[1])
        return super().read(size, timeout_seconds=timeout_seconds)

    def _check_plug(self, count: int) -> None:
        if self.kind == "unplugged" and (self.hits or self._reached(count)):
            raise DeviceError(
                Diagnostic(code="MX7082", where="fake://board", what="the connection is gone")
            )

    def _reached(self, count: int) -> bool:
        """Whether the fault's place lies in the next ``count`` bytes; counts the hit."""
        before, self._passed = self._passed, self._passed + count
        if not before <= self._position < self._passed:
            return False
        self.hits += 1
        if self._random.random() < 0.3:  # it may come again
            self._position = self._passed + self._random.randrange(1, 3000)
        return True

    def _damage(self, data: bytes) -> bytes:
        """What becomes of bytes on their way."""
        if self.kind == "wrong baud":
            self.hits += 1
            return bytes(self._random.randrange(256) for _ in data[: len(data) // 2 + 1])
        if self.kind == "noisy line":
            return self._noise(data)
        start = self._position - self._passed
        if self.kind not in BYTE_KINDS or not data or not self._reached(len(data)):
            return data
        end = start + self._burst
        return data[:start] + self._hit(data[start:end], data[end:])

    def _hit(self, hit: bytes, rest: bytes) -> bytes:
        """What becomes of the bytes from the fault's place on."""
        match self.kind:
            case "lost":
                hit = b""
            case "doubled":
                hit = hit + hit
            case "flipped":
                hit = bytes(b ^ 1 << self._random.randrange(8) for b in hit)
            case "inserted":
                hit = self._random.randbytes(self._burst) + hit
            case "late":
                hit, rest = self._late(hit + rest), b""
            case "reset":
                self._crash()
                hit = rest = b""
            case "power off":
                self._off, hit, rest = True, b"", b""
        return hit + rest

    def _crash(self) -> None:
        """A reset: what the loader was doing is forgotten, the application starts if it can."""
        self.rom.start()
        self.reset()

    def _late(self, data: bytes) -> bytes:
        """The board's bytes come later; the host's wait on the way, and it with them."""
        seconds = self._random.choice((0.01, 0.2, 1.0, 2.5, 6.0))
        if self._towards_host:
            self._held.append((self.seconds + seconds, data))
            return b""
        self.seconds += seconds
        return data

    def _noise(self, data: bytes) -> bytes:
        """A byte in some thousands is changed, all the time."""
        rate = self._burst * 5e-5
        changed = bytearray(data)
        for n in range(len(changed)):
            if self._random.random() < rate:
                changed[n] ^= 1 << self._random.randrange(8)
                self.hits += 1
        return bytes(changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run."""

    kind: str
    hit: bool
    passed: bool
    code: str
    attempts: int
    seconds: float
    limit: float


def _board(seed: int, kind: str) -> tuple[FaultyBoard, FlashImage]:
    draw = random.Random(seed)
    image = image_of(draw.randrange(600, 30000), fill=2 * draw.randrange(50) + 1)
    old = image_of(draw.randrange(600, 40000), fill=3, network="e" * 16).content
    content = draw.choice((b"", old, image.content[: len(image.content) // 2] + old, image.content))
    chosen = {q.name: draw.choice(q.choices) for q in QUESTIONS}
    assert set(chosen) == {f.name for f in fields(Assumptions)}
    assumptions = Assumptions(**chosen)  # type: ignore[arg-type]
    return FaultyBoard(image, kind, seed, content=content, assumptions=assumptions), image


def _flash(board: FaultyBoard, image: FlashImage) -> tuple[bool, str, int]:
    method = BootloaderMethod(activate=board.activate, clock=board.now)
    target = board.target(activation_seconds=ACTIVATION_SECONDS)
    try:
        outcome = flash(target, image, lambda *_: None, ways=(method,), clock=board.now)
    except DeviceError as error:
        return False, error.diagnostics[0].code, 0
    passed = outcome.verdict is not None and outcome.verdict.passed
    return passed, "", outcome.report.attempts


def run_one(seed: int, kind: str) -> Result:
    """Program with the fault, then without it.

    Raises:
        AssertionError: one of the promises is broken.
    """
    board, image = _board(seed, kind)
    started = board.now()
    passed, code, attempts = _flash(board, image)
    seconds, limit = board.now() - started, stated_limit(image)
    name = f"seed {seed}, {kind}"
    if passed:
        assert board.holds(image), f"{name}: PASS, but flash does not hold the image"
        assert board.says_network == image.network, f"{name}: PASS of another application"
    assert seconds <= limit, f"{name}: took {seconds:.1f} s, the limit is {limit:.1f} s"
    hit = board.hits > 0
    board.mend()
    again, code_again, _ = _flash(board, image)
    assert again, f"{name}: the plain second run failed ({code_again})"
    assert board.holds(image), f"{name}: PASS of the second run, but flash is wrong"
    return Result(
        kind=kind, hit=hit, passed=passed, code=code, attempts=attempts, seconds=seconds,
        limit=limit,
    )  # fmt: skip


def run_many(count: int, seed: int) -> list[Result]:
    """So many runs in which the fault struck, kinds in turn; others are checked too."""
    results: list[Result] = []
    seeds = itertools.count(seed * 1_000_000)
    for n in range(count):
        while True:
            results.append(run_one(next(seeds), KINDS[n % len(KINDS)]))
            if results[-1].hit:
                break
    return results


def table(results: list[Result]) -> str:
    """What happened in the runs with a fault, by kind."""
    struck = [r for r in results if r.hit]
    lines = [f"{'fault':15} {'faults':>6} {'PASS':>5} {'error':>6}  errors; longest"]
    for kind in KINDS:
        some = [r for r in struck if r.kind == kind]
        codes = Counter(r.code for r in some if r.code)
        text = ", ".join(f"{code} {n}" for code, n in sorted(codes.items()))
        passed = sum(r.passed for r in some)
        longest = max((r.seconds for r in some), default=0.0)
        lines.append(
            f"{kind:15} {len(some):6} {passed:5} {len(some) - passed:6}  {text or '-'}; "
            f"{longest:.1f} s"
        )
    worst = max(r.seconds / r.limit for r in results)
    lines.append(
        f"{len(struck)} faults in {len(results)} runs: no false PASS, no hang (at most "
        f"{worst:.0%} of the stated limit), every plain second run passed"
    )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    sys.stdout.write(table(run_many(given.count, given.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
