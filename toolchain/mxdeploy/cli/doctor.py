"""``mxdeploy doctor``."""

from __future__ import annotations

from collections.abc import Iterable

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.doctor import Area, Check, Verdict, examine
from mxdeploy.errors import DeviceError, Diagnostic, ToolError

MARKS = {Verdict.GOOD: "ok", Verdict.ABSENT: "--", Verdict.BAD: "BAD"}


@click.command(name="doctor")
@talking
def command(output: Output) -> None:
    """Check what mxdeploy uses on this machine, and say what to do about what is missing.

    ok: works. --: not there and not needed by everybody. BAD: there or needed, and does not work;
    the exit status is then 4 (tools) or 5 (ports and adapters).
    """
    checks = examine()
    output.result = {"checks": [check.to_dict() for check in checks]}
    for check in checks:
        output.say(f"{MARKS[check.verdict]:>4}  {check.name}: {check.what}")
        if check.fix and check.verdict is not Verdict.GOOD:
            output.say(f"        {check.fix}")
    bad = [check for check in checks if check.verdict is Verdict.BAD]
    if any(check.area is Area.TOOL for check in bad):
        raise ToolError(_diagnostics(bad))
    if bad:
        raise DeviceError(_diagnostics(bad))


def _diagnostics(bad: Iterable[Check]) -> list[Diagnostic]:
    return [Diagnostic(code="MX8230", where=c.name, what=c.what, fix=c.fix) for c in bad]
