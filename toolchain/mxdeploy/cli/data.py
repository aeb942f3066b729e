"""``mxdeploy data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy import text
from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from mxdeploy.data import Examples
    from mxdeploy.data.summary import Summary

BAR = 40
"""Columns of the longest bar."""
MANY = 20
"""Of more classes, those without examples share one line."""
SET_NAMES = ("cifar10", "mnist", "fashion-mnist")


@click.command(name="data")
@click.argument("path")
@click.option("--part", type=click.Choice(["train", "test"]), help="Only this part.")
@click.option("--image-size", metavar="N|HxW", help="Bring images to this size.")
@click.option("--channels", type=click.IntRange(min=1), help="1: grey, 3: colour; of sound: fold.")
@click.option("--rate", type=click.IntRange(min=1), help="Samples per second of sound.")
@click.option("--samples", type=click.IntRange(min=1), help="Samples of each recording.")
@click.option("--limit", type=click.IntRange(min=1), help="Read at most this many of each part.")
@click.option("--strict", is_flag=True, help="Every problem is an error (exit status 2).")
@click.option(
    "--download",
    "wanted",
    type=click.Choice(SET_NAMES),
    help="Fetch this published set to the folder PATH first, unless it is there.",
)
@click.option("--from", "base", metavar="URL", help="Fetch it from here.")
@click.option(
    "-o", "--output", "sheet", type=click.Path(path_type=Path), help="Draw examples to this PNG."
)
@talking
def command(  # noqa: PLR0913 - one per option
    output: Output,
    path: str,
    *,
    part: str | None,
    image_size: str | None,
    channels: int | None,
    rate: int | None,
    samples: int | None,
    limit: int | None,
    strict: bool,
    wanted: str | None,
    base: str | None,
    sheet: Path | None,
) -> None:
    """Say what examples PATH holds, as training and evaluation would read them.

    PATH is an .npz file (FILE[:KEY]), a folder with one folder of images or WAV files per class,
    a CIFAR-10 archive, or a folder with MNIST's files. Files that cannot be used are listed.
    """
    from mxdeploy.data.summary import summarize
    from mxdeploy.data.wish import Wish

    if wanted is not None:
        _download(output, wanted, Path(path), base)
    wish = Wish(
        part={"train": "train", "test": "test", None: None}[part],
        limit=limit,
        image_size=_size(image_size),
        channels=channels,
        rate=rate,
        samples=samples,
    )
    with output.stages() as listener:
        listener("reading")
        found = summarize(path, wish, strict=strict)
    output.result = found.to_dict()
    output.report(found.problems)
    _show(output, found)
    if sheet is not None:
        _draw(output, found, sheet)


def _size(wish: str | None) -> tuple[int, int] | None:
    """Height and width from ``N`` or ``HxW``."""
    if wish is None:
        return None
    height, _, width = wish.partition("x")
    if not height.isdecimal() or not (width or height).isdecimal() or not int(height):
        raise UsageError(
            Diagnostic(
                code="MX8382",
                where=f"--image-size {wish}",
                what="is no size",
                fix="give one number, or height and width: 32 or 48x64",
            )
        )
    return int(height), int(width or height)


def _download(output: Output, wanted: str, folder: Path, base: str | None) -> None:
    from mxdeploy.data.download import SETS, download

    with output.progress("fetching", len(SETS[wanted][1])) as advance:
        for file in download(wanted, folder, base=base, advance=advance):
            output.detail(f"{file} is there and has the published sum")


def _show(output: Output, found: Summary) -> None:
    first = next(iter(found.parts.values()))
    shape = "x".join(map(str, first.shape))
    output.say(f"{found.source}: {first.kind}, {shape} {first.inputs.dtype}")
    for name, part in found.parts.items():
        low, high = part.inputs.min(), part.inputs.max()
        labelled = "" if part.targets is not None else ", without labels"
        output.say(
            f"{name}: {text.count(len(part), 'example')}, values {low:g} .. {high:g}{labelled}"
        )
    if any(part.targets is not None for part in found.parts.values()):
        output.show(_balance_table(found.parts))
    serious = sum(problem.severity != "note" for problem in found.problems)
    output.say(text.count(serious, "problem") if serious else "no problems")


def _balance_table(parts: dict[str, Examples]) -> Table:
    """Examples of each class, and a bar for those of the first part."""
    from rich.table import Table
    from rich.text import Text

    from mxdeploy.data import balance

    counts = {name: balance(part) for name, part in parts.items()}
    first = next(iter(counts.values()))
    most = max(first.values(), default=0)
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    for name in counts:
        table.add_column(name, justify="right")
    table.add_column("")
    seen = [label for label in first if any(per_class.get(label) for per_class in counts.values())]
    shown = first if len(first) <= MANY else dict.fromkeys(seen)
    for label, count in ((label, first[label]) for label in shown):
        bar = "█" * round(BAR * count / most) if most else ""
        numbers = [str(per_class.get(label, 0)) for per_class in counts.values()]
        table.add_row(Text(label), *numbers, Text(bar))
    if len(shown) < len(first):
        table.add_row(Text("all others"), *["0"] * len(counts), "")
    return table


def _draw(output: Output, found: Summary, sheet: Path) -> None:
    from mxdeploy.builds import write_file
    from mxdeploy.data.sheet import contact_sheet

    for name, part in found.parts.items():
        target = sheet if len(found.parts) == 1 else sheet.with_stem(f"{sheet.stem}-{name}")
        write_file(target, contact_sheet(part))
        output.say(f"written: {target}")
