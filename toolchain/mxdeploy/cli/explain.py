"""``mxdeploy explain``."""

from __future__ import annotations

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output

ADDRESS_SPACE = 1 << 32


class Number(click.ParamType):
    """A 32-bit number: decimal, 0x hexadecimal, 0b binary; underscores allowed."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse it."""
        if isinstance(value, int):
            return value
        try:
            number = int(str(value), 0)
        except ValueError:
            self.fail(f"{value!r} is not a number (try 0x50100010)", param, ctx)
        if not 0 <= number < ADDRESS_SPACE:
            self.fail(f"{value} does not fit 32 bits", param, ctx)
        return number


@click.command(name="explain")
@click.argument("address", type=Number())
@click.argument("value", type=Number(), required=False)
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
