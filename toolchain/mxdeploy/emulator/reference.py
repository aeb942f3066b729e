"""Generate ``docs/accelerator-model.md``: what the model does, who judges it, what it refuses.

``python -m mxdeploy.emulator.reference TRACES`` counts the recorded programs in the folder TRACES
and writes the page to standard output, with ``--write`` to its place in the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mxdeploy.chip.pages import table
from mxdeploy.emulator.accelerator.capabilities import CAPABILITIES, DOCUMENTED, Capability
from mxdeploy.emulator.accelerator.doubts import meanings
from mxdeploy.emulator.accelerator.run import Run
from mxdeploy.emulator.accelerator.unmodelled import REFUSALS
from mxdeploy.emulator.outcome import WEAK_VALUES
from mxdeploy.emulator.player import Player
from mxdeploy.emulator.trace import Phase, TraceFile, load_trace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accelerator-model.md"

INTRODUCTION = """\
# The accelerator model

Generated from the model by `python -m mxdeploy.emulator.reference TRACES --write`; do not edit.

The model computes from registers and memories alone. Whatever it does belongs to one of three
classes: recorded programs of another toolchain judge it, the user guide's text alone judges it, or
it is refused by the name of the register and field. Decoding (registers to a typed description of
the layer, `emulator/accelerator/decode.py`) is separate from execution (`execute.py`);
`mxdeploy replay --describe` prints the description, `mxdeploy replay --layer K` what a layer wrote.

What the model is not: it knows no time inside a run. A start computes all layers at once; a layer
reads its whole input before it writes; there is no row cache. Where the chip, which does these
things side by side, could end up with something else, the model warns.
"""

TIME = """\
## Time

Each layer has the cycles of `chip/max78000/latency.py`, a network their sum and one more. Whole
networks on boards take longer by one constant (`FIRMWARE_OVERHEAD_SECONDS`). Layers that stream
take turns with the host; what they take is an estimate (`chip/max78000/stream_latency.py`), and
marked as one wherever it is shown. Figures: [accuracy.md](accuracy.md).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a recorded program asks for.

    Attributes:
        run: as decoded.
        strong: its answers have more than two different words.
        packed: kernels come through the packed loader.
        byte_stores: it stores single bytes elsewhere than in that loader.
    """

    run: Run
    strong: bool
    packed: bool
    byte_stores: bool


def look_at(trace: TraceFile) -> Seen:
    """Play a recorded program and keep what it asks for.

    Raises:
        ValueError: the program never starts.
    """
    player = Player()
    player.play(trace.bursts)
    run = player.accelerator.run
    if run is None:
        raise ValueError(f"{trace.name} does not start the accelerator")
    loading = [burst for burst in trace.bursts if burst.phase is Phase.WEIGHTS]
    elsewhere = [burst for burst in trace.bursts if burst.phase is not Phase.WEIGHTS]
    return Seen(
        run=run,
        strong=int(np.unique(trace.expect_value).size) > WEAK_VALUES,
        packed=any(burst.size == 1 for burst in loading),
        byte_stores=any(burst.size == 1 for burst in elsewhere),
    )


def page(programs: Sequence[Seen]) -> str:
    """The whole page as Markdown."""
    parts = [
        INTRODUCTION,
        _judged(programs),
        _documented(),
        _refused(),
        _warnings(),
        TIME,
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _judged(programs: Sequence[Seen]) -> str:
    rows = [
        (item.group, item.name, f"`{item.registers}`", *_count(programs, item))
        for item in CAPABILITIES
    ]
    loaders = (
        ("loading", "packed kernel loader", "`CTRL.mexpress`", [p for p in programs if p.packed]),
        ("loading", "128-bit kernel loader", "`CTRL.mexpress`",
         [p for p in programs if not p.packed]),
        ("loading", "byte stores to the TRAM", "", [p for p in programs if p.byte_stores]),
    )  # fmt: skip
    rows += [(g, n, r, len(found), sum(p.strong for p in found)) for g, n, r, found in loaders]
    head = ("group", "what", "registers", "programs", "of them strong")
    return (
        "## Judged by recorded programs\n\n"
        f"{len(programs)} programs, all of them exact. A program is strong when its known answer "
        f"has more than {WEAK_VALUES} different words. Programs may end after any layer.\n\n"
        + table(head, rows)
    )


def _count(programs: Sequence[Seen], item: Capability) -> tuple[int, int]:
    found = [program for program in programs if _does(program.run, item)]
    return len(found), sum(program.strong for program in found)


def _does(run: Run, item: Capability) -> bool:
    if item.frame is not None:
        return run.frame is not None and item.frame(run.frame)
    return item.layer is not None and any(map(item.layer, run.layers))


def _documented() -> str:
    rows = ((item.name, f"`{item.registers}`", item.text) for item in DOCUMENTED)
    return "## Judged by the user guide's text\n\n" + table(("what", "registers", "how"), rows)


def _refused() -> str:
    rows = (
        (f"`{item.register.mnemonic}.{item.field}`", item.setting, item.why) for item in REFUSALS
    )
    return (
        "## Refused by name\n\n"
        "Error MX7001 names layer, register, field and value. Settings that contradict each other "
        "or lead outside the memories are error MX7002, with the same.\n\n"
        + table(("field", "refused", "why"), rows)
    )


def _warnings() -> str:
    rows = ((str(name), code, why) for name, code, why in meanings())
    return (
        "## Warnings\n\n"
        "They do not change the result; `mxdeploy replay --strict` makes them errors, and the "
        "proof of a build always does. Two findings end a run and are errors at once: "
        "`no-processors` (a layer without enabled processors) and `fifo-underrun` (which FIFO, how "
        "many words short).\n\n" + table(("name", "code", "why it matters"), rows)
    )


def folder_page(folder: Path) -> str:
    """The page for all recorded programs of a folder."""
    return page(list(_programs(sorted(folder.glob("*.npz")))))


def _programs(paths: Iterable[Path]) -> Iterable[Seen]:
    for path in paths:
        yield look_at(load_trace(path))


def main(arguments: Sequence[str]) -> int:
    """Write the page to standard output, or with ``--write`` to its place."""
    folders = [argument for argument in arguments if argument != "--write"]
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        sys.stderr.write("usage: python -m mxdeploy.emulator.reference TRACES [--write]\n")
        return 2
    text = folder_page(Path(folders[0]))
    if "--write" in arguments:
        PAGE.write_text(text, encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
