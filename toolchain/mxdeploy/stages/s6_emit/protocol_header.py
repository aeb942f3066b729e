"""The C header of the serial protocol, generated from its one description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from mxdeploy.link.protocol import description as d
from mxdeploy.stages.s6_emit.escape import c_comment
from mxdeploy.stages.s6_emit.tables import hex32

_HEAD = """\
/* Layout of the serial protocol. Generated.
 *
 * A frame's body is a header, the fields of a request or an answer, and a CRC; numbers are
 * little-endian. PROTOCOL_<command> is the code of a command, PROTOCOL_<command>_REQUEST_<field>
 * and PROTOCOL_<command>_ANSWER_<field> the place of a field in the body,
 * PROTOCOL_<command>_REQUEST_BYTES the size of the header and all fields up to the first one of
 * varying size, which begins there.
 */
#ifndef PROTOCOL_LAYOUT_H
#define PROTOCOL_LAYOUT_H
"""
_CONSTANTS = (
    "VERSION", "ANSWER_BIT", "BOOT_ANY", "CHUNK_BYTES", "TEXT_BYTES", "BODY_BYTES",
    "FRAME_GAP_MS", "RUN_MS",
)  # fmt: skip


@cache
def protocol_header() -> str:
    """The text of ``protocol_layout.h``."""
    parts = [_HEAD]
    parts += [f"#define PROTOCOL_{name} {getattr(d, name)}u" for name in _CONSTANTS]
    parts += ["", "/* What an answer says about its request. */"]
    parts += [
        f"#define PROTOCOL_STATUS_{status.name} {int(status)}u /* {c_comment(text)} */"
        for status, text in d.STATUS_TEXTS.items()
    ]
    parts += ["", "/* Header. */", *_places("PROTOCOL", d.ANSWER_HEADER, suffix="_AT")]
    parts.append(f"#define PROTOCOL_HEADER_BYTES {d.fixed_bytes(d.HEADER)}u")
    parts.append(f"#define PROTOCOL_ANSWER_HEADER_BYTES {d.fixed_bytes(d.ANSWER_HEADER)}u")
    parts.append(f"#define PROTOCOL_CRC_BYTES {d.fixed_bytes((d.CRC,))}u")
    for command in d.COMMANDS:
        parts += ["", *_command(command)]
    return "\n".join([*parts, "", "#endif", ""])


def _command(command: d.Command) -> Iterator[str]:
    name = f"PROTOCOL_{command.name.upper()}"
    yield f"#define {name} {hex32(command.code)}"
    yield from _fields(f"{name}_REQUEST", d.HEADER, command.request)
    yield from _fields(f"{name}_ANSWER", d.ANSWER_HEADER, command.answer)


def _fields(prefix: str, header: Sequence[d.Field], fields: Sequence[d.Field]) -> Iterator[str]:
    start = d.fixed_bytes(header)
    yield from _places(prefix, fields, start)
    yield f"#define {prefix}_BYTES {start + d.fixed_bytes(fields)}u"


def _places(
    prefix: str, fields: Sequence[d.Field], start: int = 0, suffix: str = ""
) -> Iterator[str]:
    for item, at in d.offsets(fields):
        kind = c_comment(f"{item.kind}: {item.text}")
        yield f"#define {prefix}_{item.name.upper()}{suffix} {start + at}u /* {kind} */"
