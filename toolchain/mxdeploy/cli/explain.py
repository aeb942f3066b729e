"""``mxdeploy explain``."""

from __future__ import annotations

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output

ADDRESS_SPACE = 1 << 32


def number(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """A 32-bit number: decimal, 0x hexadecimal, 0b binary; underscores allowed."""
    if text is None:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number (try 0x50100010)") from None
    if not 0 <= value < ADDRESS_SPACE:
        raise click.BadParameter(f"{text} does not fit 32 bits")
    return value


@click.command(name="explain")
@click.argument("address", callback=number)
@click.argument("value", callback=number, required=False)
@talking
def command(output: Output, address: int, value: int | None) -> None:
    """Say what ADDRESS is, and what the word VALUE at this address means.

    Any address of the chip: accelerator registers, kernel, bias and data memories, peripherals,
    flash and SRAM. Example: mxdeploy explain 0x50100010 0x0001001d
    """
    from mxdeploy.chip.explain import explain

    explanation = explain(address, value)
    output.result = explanation.to_dict()
    output.say(explanation.to_text())
