"""Generate ``docs/bootloader.md``: the ROM bootloader's protocol and how mxdeploy uses it.

``python -m mxdeploy.link.bootloader_page`` writes the page to standard output, with ``--write`` to
its place in the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.bootloader_assumptions import QUESTIONS
from mxdeploy.chip.pages import page_command, table
from mxdeploy.link import bootloader as host
from mxdeploy.link import bootloader_flash as method
from mxdeploy.link import flash_watch

KB = 1024
PAGE = Path(__file__).resolve().parents[2] / "docs" / "bootloader.md"

INTRODUCTION = """\
# The ROM bootloader

Generated from `chip/max78000/bootloader.py`, `bootloader_assumptions.py` and the host's constants
by `python -m mxdeploy.link.bootloader_page --write`; do not edit.

Every MAX78000 has a serial bootloader in ROM. The virtual board models it
(`emulator/board/rom`), `mxdeploy flash --method bootloader` speaks to it (`link/bootloader.py`);
both go by the one description printed here. Nothing of this was tried on silicon: the facts are
those of the user guide (chapter 26), the vendor's quick start and reports of users.
"""

USE = """\
## How `mxdeploy flash` uses it

1. Prompt. A virtual board is reset with its activation pins held. For a real one the command says
   what to connect and waits; a bootloader that is there already is used as it is.
2. Both sides to the same point: a line end, an S7 record and `I`, until the serial number comes.
3. `H` over the whole image: when it is right already, nothing is written.
4. `H` over every page of the image: pages that are right are kept, pages that are empty are not
   erased, all others are erased (`P`) and looked at again. No other page is touched.
5. `L` for each row of pages in need: S0, S3 records of 16 bytes, S7; no gaps, flash addresses only.
6. `H` over all pages of the image is the proof: one SHA-256, compared on the host. If no digest was
   ever understood, not even that of an empty page, `V` is the proof, and a warning says so.
7. `Q`; then the application's `@hello` (of this very network) and `@result` are waited for.

Whatever fails is repeated from step 2, the last time slowly, keeping what is right by then. A run
that was cut off needs no more than a second run. An image is called good only after step 6.

`LOCK` and `PLOCK` are never sent: the dialogue refuses them, and tests search sources and
everything sent for them. `UNLOCK` erases the whole flash; it is sent with `--unlock` only, and only
to a chip whose prompt says that it is locked.
"""

FAULTS = """\
## Faults

`python -m tests.link.faults --count 1000 --seed 1` injects faults into an in-process board (bytes
lost, doubled, flipped, late, inserted; cable out; full buffers; reset; power off, also between
erase and load; another image; another baud rate; steady noise), with the assumptions drawn anew
each time. The fake application says PASS as soon as its first 512 bytes are right, so that only the
proof of the host stands between a half-written image and a false PASS. Checked in every run: no
false PASS, an end within the stated limit, and a plain second run that passes.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION, _line(), _states(), _commands(), _questions(), USE, _times(), FAULTS]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _line() -> str:
    rows = (
        ("line", f"UART0, {rom.BAUD} baud, 8 data bits, no parity, 1 stop bit, no flow control"),
        ("activation", f"{' and '.join(rom.ACTIVATION_PINS)} low while a reset is released"),
        ("command", "letters, a space before each argument, CR LF; addresses as 0x…"),
        ("answer", "lines, then the prompt"),
        ("flash", f"{mem.FLASH_BYTES // KB} KB from 0x{mem.FLASH_BASE:08x} on"),
        ("page", f"{mem.FLASH_PAGE_BYTES // KB} KB; erased before it is loaded"),
        ("file", "S-records at multiples of 4 with multiples of 4 bytes, in flash only"),
    )  # fmt: skip
    return "## The line\n\n" + table(("what", "how"), rows)


def _states() -> str:
    rows = (
        (state.value, f"`{prompt.decode()}`", ", ".join(_permitted(state)))
        for state, prompt in rom.PROMPTS.items()
    )
    text = "What `LOCK` and `PLOCK` change holds from the next reset on; `S` shows it at once.\n"
    return "## Lock states\n\n" + table(("state", "prompt", "commands"), rows) + "\n" + text


def _permitted(state: rom.LockState) -> list[str]:
    return [f"`{command.verb}`" for command in rom.COMMANDS if state in command.states]


def _commands() -> str:
    rows = (
        (
            f"`{command.verb}{' ' if command.argument else ''}{command.argument}`",
            command.does,
            "<br>".join(f"`{line}`" for line in command.success) or "none",
            "<br>".join(f"`{line}`" for line in command.failure) or "none",
            f"no: {command.never_sent}" if command.never_sent else "yes",
        )
        for command in rom.COMMANDS
    )
    head = ("command", "what it does", "answer", "answer on failure", "sent by mxdeploy")
    return "## Commands\n\n" + table(head, rows)


def _questions() -> str:
    rows = (
        (
            f"`{question.name}`",
            question.question,
            "<br>".join(
                f"**{choice}**" if choice is question.default else str(choice)
                for choice in question.choices
            ),
            question.reason,
            question.find_out,
            question.host,
        )
        for question in QUESTIONS
    )
    head = ("name", "question", "choices", "why the default", "how to find out", "the host")
    text = (
        "What the user guide does not say. The model of the device does what is printed bold "
        "unless it is told otherwise; the host works with every combination (every pair of "
        "choices is tested).\n\n"
    )
    return "## Assumptions\n\n" + text + table(head, rows)


def _times() -> str:
    image_bytes = 256 * KB
    rows = (
        ("answer to a command", host.ANSWER_SECONDS),
        ("answer to `P`", host.ERASE_SECONDS),
        ("answer to `H`", host.HASH_SECONDS),
        ("result of a file after its last line has gone over the line", host.RESULT_SECONDS),
        ("line without bytes that counts as quiet", host.QUIET_SECONDS),
        ("prompt of a board that was reset", method.PROMPT_SECONDS),
        ("the application's verdict", flash_watch.APPLICATION_SECONDS),
        (f"programming as a whole, {image_bytes // KB} KB at {rom.BAUD} baud",
         round(method.longest_seconds(image_bytes, rom.BAUD))),
    )  # fmt: skip
    text = (
        f"\nA file is sent at most {method.ATTEMPTS} times, with pauses of "
        f"{', '.join(f'{1000 * delay:g}' for delay in method.LINE_DELAYS)} ms after each line "
        "(`--line-delay` sets the least). The limit of programming as a whole grows with the "
        "image; waiting for a person (`--activation`) comes on top.\n"
    )
    return "## Longest waits\n\n" + table(("for", "seconds"), rows) + text


def main(arguments: Sequence[str]) -> int:
    """Write the page to standard output, or with ``--write`` to its place."""
    return page_command("mxdeploy.link.bootloader_page", arguments, page, PAGE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
