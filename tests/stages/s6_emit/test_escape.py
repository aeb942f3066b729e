"""Names from a model cannot break out of C text or of a line."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.stages.s6_emit.escape import (
    c_comment,
    c_identifier,
    c_string,
    markdown_text,
    wire_name,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NASTY = st.text(st.sampled_from('*/?\\"\n\r %#{}<>=(-)!ä\0'))


def c_value(literal: str) -> bytes:
    """What a C compiler makes of a string literal, by the grammar of C11 (6.4.5)."""
    assert literal[0] == literal[-1] == '"'
    body = literal[1:-1]
    assert "??" not in body  # no trigraph
    value = bytearray()
    tokens = re.compile(r'\\([0-7]{1,3})|\\([\\"?n])|([^\\"\n])')
    place = 0
    while place < len(body):
        match = tokens.match(body, place)
        assert match is not None, f"{body[place:]!r} is not C"
        octal, simple, plain = match.groups()
        value += (
            bytes([int(octal, 8)])
            if octal
            else {"n": b"\n"}.get(simple, simple.encode()) if simple else plain.encode("ascii")
        )  # fmt: skip
        place = match.end()
    return bytes(value)


@given(TEXT | NASTY)
def test_strings_keep_their_bytes(text: str) -> None:
    assert c_value(c_string(text)) == text.encode()


@pytest.mark.parametrize(
    ("text", "literal"),
    [("plain", '"plain"'), ('a"b\\', '"a\\"b\\\\"'), ("??/", '"\\?\\?/"'), ("ä1", '"\\303\\2441"')],
)
def test_strings(text: str, literal: str) -> None:
    assert c_string(text) == literal


@given(TEXT | NASTY)
def test_comments_stay_comments(text: str) -> None:
    comment = c_comment(text)
    assert re.fullmatch(r"[ -~]*", comment)
    assert "*/" not in comment
    assert "/*" not in comment
    assert "??" not in comment
    assert not comment.endswith("\\")


def test_comments() -> None:
    assert c_comment("a */ b\nc ???/ \\") == "a * / b c ? ? ?/ "
    assert len(c_comment("x" * 1000)) == 160


@given(TEXT | NASTY)
def test_identifiers(text: str) -> None:
    assert re.fullmatch(r"output0_[A-Za-z0-9_]*", c_identifier(text, "output0"))
    assert len(c_identifier(text, "output0")) <= 40


@given(TEXT | NASTY)
def test_wire_names_are_one_word_and_come_back(text: str) -> None:
    name = wire_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", name)
    assert unquote(name) == (text or "-")


def test_markdown_shows_the_text_itself() -> None:
    assert markdown_text("# a_b|<i>\n`c`") == r"\# a\_b\|\<i\> \`c\`"
