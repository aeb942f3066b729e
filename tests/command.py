"""Calling the command line from tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from mxdeploy.cli.main import cli


@dataclass(frozen=True)
class Ran:
    """One call of the command line."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on standard output (exactly one)."""
        loaded = json.loads(self.out)
        assert isinstance(loaded, dict)
        return loaded

    @property
    def codes(self) -> list[str]:
        return [d["code"] for d in self.document["diagnostics"]]


Mxdeploy = Callable[..., Ran]


def call(*arguments: object) -> Ran:
    """Call a command in this process: ``call("build", path, "-o", folder)``."""
    result = CliRunner().invoke(cli, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(exit_code=result.exit_code, out=result.stdout, err=result.stderr)
