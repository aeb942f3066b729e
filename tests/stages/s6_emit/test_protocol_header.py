"""The generated header says what the description says, as a C compiler would read it."""

from __future__ import annotations

import re

from mxdeploy.link.protocol import description as d
from mxdeploy.stages.s6_emit.protocol_header import protocol_header


def constants() -> dict[str, int]:
    found = re.findall(
        r"^#define (PROTOCOL_\w+) (0x[0-9a-f]+|\d+)u", protocol_header(), re.MULTILINE
    )
    assert len({name for name, _ in found}) == len(found)
    return {name: int(value, 0) for name, value in found}


def test_places_counted_by_hand() -> None:
    found = constants()
    expected = {
        "PROTOCOL_VERSION_AT": 0, "PROTOCOL_TYPE_AT": 1, "PROTOCOL_SEQUENCE_AT": 2,
        "PROTOCOL_BOOT_AT": 4, "PROTOCOL_STATUS_AT": 8, "PROTOCOL_HEADER_BYTES": 8,
        "PROTOCOL_ANSWER_HEADER_BYTES": 9, "PROTOCOL_CRC_BYTES": 4,
        "PROTOCOL_LOAD_REQUEST_OFFSET": 8, "PROTOCOL_LOAD_REQUEST_BYTES": 12,
        "PROTOCOL_RUN_REQUEST_INPUT_CRC": 8, "PROTOCOL_RUN_REQUEST_LAYERS": 12,
        "PROTOCOL_RUN_ANSWER_LOAD_TICKS": 9, "PROTOCOL_RUN_ANSWER_CNN_TICKS": 13,
        "PROTOCOL_HELLO_ANSWER_PROGRAM": 9 + 32, "PROTOCOL_HELLO_ANSWER_CHANNELS": 9 + 64,
        "PROTOCOL_READ_OUTPUT_REQUEST_COUNT": 8 + 1 + 4,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_every_command_and_status_has_its_number() -> None:
    found = constants()
    assert {c.name.upper(): found[f"PROTOCOL_{c.name.upper()}"] for c in d.COMMANDS} == {
        "HELLO": 1, "LOAD": 2, "RUN": 3, "READ_OUTPUT": 4, "READ_LAYER": 5, "STATISTICS": 6,
        "ECHO": 7, "RESET": 8,
    }  # fmt: skip
    for status in d.Status:
        assert found[f"PROTOCOL_STATUS_{status.name}"] == status


def test_the_longest_message_fits_the_buffer() -> None:
    header, offset, data, crc = 9, 4, 1024, 4
    assert constants()["PROTOCOL_BODY_BYTES"] == header + offset + data + crc
