"""Generate ``docs/serial-protocol.md``, byte by byte, from the description.

``python -m mxdeploy.link.protocol.page`` writes the page to standard output, with ``--write`` to
its place in the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mxdeploy.chip.pages import page_command, table
from mxdeploy.link.protocol import description as d
from mxdeploy.link.protocol.frames import Frame

PAGE = Path(__file__).resolve().parents[3] / "docs" / "serial-protocol.md"

_INTRODUCTION = f"""\
# The firmware's serial protocol

Generated from `mxdeploy.link.protocol.description` by `python -m mxdeploy.link.protocol.page
--write`; do not edit. The firmware's header `src/protocol_layout.h` comes from the same tables.

After its start-up wait and known-answer test the firmware reads its console: 115200 baud, 8 data
bits, no parity, 1 stop bit, no flow control. Lines of text are for people (`help` lists them);
lines that begin with `@` are what it tells programs meanwhile. A zero byte, which never occurs in
text, begins a frame. Version {d.VERSION}.

## Frames

A frame is a zero byte, the COBS-encoded body, and a zero byte. COBS (consistent overhead byte
stuffing): each code byte `n` from 1 to 254 stands before `n - 1` bytes without zeros and, unless
the body ends there, for the zero after them; 255 stands before 254 bytes without zeros and for no
zero. The body is a header, fields, and a CRC; at most {d.BODY_BYTES} bytes. All numbers are
little-endian.
"""

_RULES = f"""\
## Rules

- **One request at a time.** The firmware receives while it waits and not while it computes or
  answers; its UART holds 8 bytes. The host sends the next request after the answer to the last.
- **Damage.** A frame that is not COBS, too long, too short or has a wrong CRC is dropped without
  an answer. After {d.FRAME_GAP_MS} ms of silence inside a frame the firmware understands text
  again; a half-typed line is forgotten when a frame begins.
- **Repetition.** Without an answer the host sends the same bytes again. A request with the sequence
  number and the CRC of the last one is not obeyed again: the firmware sends its last answer
  again.
- **What counts as an answer.** A good CRC, the request's sequence number, its type with bit 7 set.
  Everything else (text, late answers) is passed over. A host begins with a random sequence
  number.
- **Resets.** The boot number is chosen when the first frame after a reset arrives, from the random
  number generator and the timer; it is never {d.BOOT_ANY}. Every request but `hello` holds the one
  that `hello` brought; with another one the firmware answers "restarted" and does nothing.
- **Versions.** Bytes 0 to 8 of the body stay as they are in every version. To a request of another
  version the firmware answers with status {int(d.Status.VERSION)} and its own version in byte 0.
- **State.** The input stays loaded until it is overwritten or the board is reset; a run needs its
  CRC-32, so a missing part is noticed. The accelerator keeps its weights between runs. The
  command `run` of the console takes the accelerator for its own test: the results of a run before
  it are gone; the input is only where the test needs its memory for an output of the model.
"""

_RETRIES = (
    f"{d.FIRST_RETRY_SECONDS:g} s, doubled up to {d.LAST_RETRY_SECONDS:g} s, and the time of the "
    "bytes on the line"
)
_TIMES = (
    ("silence inside a frame", f"{d.FRAME_GAP_MS} ms", "firmware", "frame dropped"),
    ("inference", f"{d.RUN_MS} ms", "firmware", f"status {int(d.Status.TIMEOUT)}"),
    ("silence after a request", _RETRIES, "host", "request sent again"),
    ("from a request to its answer", f"{d.ANSWER_SECONDS:g} s", "host", "the board is given up"),
)  # fmt: skip


def page() -> str:
    """The text of the page."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield _INTRODUCTION
    yield _places(d.HEADER, 0, "Header of a request:\n")
    yield _places(d.ANSWER_HEADER[len(d.HEADER) :], d.fixed_bytes(d.HEADER), "An answer adds:\n")
    yield f"After the fields: {d.CRC.text}, {d.fixed_bytes((d.CRC,))} bytes.\n"
    yield table(("kind", "encoding"), [(f"`{k}`", t) for k, t in d.KIND_TEXTS.items()])
    yield _RULES
    yield "## Times\n"
    yield table(("what", "limit", "whose", "then"), _TIMES)
    yield "## Status\n"
    yield table(("status", "name", "meaning"), [
        (int(s), s.name.lower().replace("_", " "), t) for s, t in d.STATUS_TEXTS.items()
    ])  # fmt: skip
    yield "An answer with another status than 0 has no fields.\n"
    yield "## Commands\n"
    for command in d.COMMANDS:
        yield _command(command)
    yield _example()


def _command(command: d.Command) -> str:
    request = _places(command.request, d.fixed_bytes(d.HEADER), "Request:\n")
    answer = _places(command.answer, d.fixed_bytes(d.ANSWER_HEADER), "Answer:\n")
    parts = [f"### {command.code:#04x} {command.name}\n", f"{command.text}\n"]
    parts.append(request if command.request else "The request has no fields.\n")
    parts.append(answer if command.answer else "The answer has no fields.\n")
    return "\n".join(parts)


def _places(fields: Sequence[d.Field], start: int, title: str) -> str:
    known = {item.name: at for item, at in d.offsets(fields)}
    rows = [
        (start + known[f.name] if f.name in known else "next", f"`{f.name}`", f"`{f.kind}`", f.text)
        for f in fields
    ]
    return f"{title}\n{table(('byte', 'field', 'kind', 'content'), rows)}"


def _example() -> str:
    """One request and its answer as they go over the line."""
    values = {"input_crc": 0xCBF43926, "layers": 2}
    times = {"load_ticks": 2500, "cnn_ticks": 63308}
    request = Frame(
        code=d.RUN.code, sequence=0x1234, boot=0x89ABCDEF, status=None,
        payload=d.pack(d.RUN.request, values),
    )  # fmt: skip
    answer = Frame(
        code=d.RUN.code, sequence=0x1234, boot=0x89ABCDEF, status=0,
        payload=d.pack(d.RUN.answer, times),
    )  # fmt: skip
    return f"""\
## Example

Two layers on the input with CRC-32 0xcbf43926, sequence number 0x1234, boot number 0x89abcdef:

```
{request.encode().hex(" ")}
```

Its answer, load 2500 ticks, accelerator 63308 ticks:

```
{answer.encode().hex(" ")}
```
"""


def main(arguments: Sequence[str]) -> int:
    """Write the page to standard output, or with ``--write`` to its place."""
    return page_command("mxdeploy.link.protocol.page", arguments, page, PAGE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
