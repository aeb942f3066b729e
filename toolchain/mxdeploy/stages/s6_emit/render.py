"""Jinja over the files of ``firmware_templates``: each becomes one file of the project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_SUFFIX = ".j2"


def render_files(folder: Path, context: Mapping[str, object]) -> Iterator[tuple[str, bytes]]:
    """Every file of the folder as ``(relative POSIX path, content)``; ``.j2`` files are rendered.

    An undefined name in a template is an error.
    """
    environment = _environment(folder)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.endswith(_SUFFIX):
            text = environment.get_template(name).render(context)
            yield name.removesuffix(_SUFFIX), text.encode()
        else:
            yield name, path.read_bytes().replace(b"\r\n", b"\n")


def render_file(folder: Path, name: str, context: Mapping[str, object]) -> bytes:
    """One ``.j2`` file of the folder, rendered."""
    return _environment(folder).get_template(name).render(context).encode()


def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701 - C, make and Markdown, not HTML; names are escaped
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
    )
