"""Names that come from a model or a user, made safe for C and for the serial line."""

from __future__ import annotations

import re
from urllib.parse import quote

_MAX_COMMENT = 160
_MAX_IDENTIFIER = 40
_ESCAPED = {ord("\\"): "\\\\", ord('"'): '\\"', ord("?"): "\\?", ord("\n"): "\\n"}


def c_string(text: str) -> str:
    r"""A C string literal, quotes included.

    Bytes outside printable ASCII become octal escapes of their UTF-8 form; ``?`` is escaped so that
    no trigraph can arise.
    """
    return '"' + "".join(_c_character(byte) for byte in text.encode("utf-8", "replace")) + '"'


def _c_character(byte: int) -> str:
    if byte in _ESCAPED:
        return _ESCAPED[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"  # noqa: PLR2004 - printable ASCII


def c_comment(text: str) -> str:
    """One line of printable ASCII that can stand inside a C comment."""
    line = "".join(c if " " <= c <= "~" else "?" for c in " ".join(text.split()))
    # A trigraph for "/" or a backslash at the end must not arise either.
    line = re.sub(r"\?(?=\?)", "? ", line).replace("*/", "* /").replace("/*", "/ *").rstrip("\\")
    return line if len(line) <= _MAX_COMMENT else line[: _MAX_COMMENT - 3] + "..."


def c_identifier(text: str, prefix: str) -> str:
    """``prefix_text`` as a C identifier; the prefix keeps it from being a keyword or a macro."""
    return f"{prefix}_{re.sub(r'[^A-Za-z0-9_]', '_', text)}"[:_MAX_IDENTIFIER]


def wire_name(text: str) -> str:
    """Percent-encoded UTF-8 without blanks (``urllib.parse.unquote`` gives the text back)."""
    return quote(text, safe="", errors="replace") or "-"


def markdown_text(text: str) -> str:
    """One line of Markdown that shows the text and nothing else."""
    line = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&-])", r"\\\1", line)
