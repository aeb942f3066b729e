"""``mxdeploy``: the group of commands, each loaded only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from mxdeploy import __version__

COMMANDS = {
    "train": "Train a network on labelled data, for the chip.",
    "export": "Write a trained checkpoint as ONNX.",
    "data": "What examples a file or folder holds, and what is wrong with them.",
    "check": "Does a model fit? Which node, which limit, what to do about it.",
    "build": "From an ONNX file to proved firmware.",
    "quantize": "From an ONNX file to integers: every decision, and what it costs.",
    "emulate": "Bit-exact inference on the model of the accelerator.",
    "evaluate": "Accuracy: float, integer and emulator, side by side.",
    "board": "A virtual board behind a serial port.",
    "flash": "Program a board, real or virtual, and watch it pass its own test.",
    "validate": "Inputs on a board, compared with the integer model bit for bit.",
    "replay": "Play recorded register programs and compare their known answers.",
    "diff": "Compare two register programs as the chip sees them.",
    "explain": "What an address, or a word at an address, means.",
    "ports": "What is plugged in: serial ports, debug adapters, virtual boards.",
    "doctor": "What is missing on this machine, and how to mend it.",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is used, so that ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``mxdeploy.cli.<name>``."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"mxdeploy.cli.{cmd_name}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"mxdeploy.cli.{cmd_name} has no command")
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """One line each, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 good, 1 defect, 2 usage, 3 model, 4 compiler, 5 device, 6 outputs "
    "differ, 130 interrupted.",
)
@click.version_option(__version__, prog_name="mxdeploy")
def cli() -> None:
    """Put trained neural networks on the MAX78000: one command from ONNX to proved firmware."""


def main() -> None:
    """Entry point: like click's own, but usage errors obey ``--json`` too."""
    try:
        cli.main(standalone_mode=False)
    except (KeyboardInterrupt, click.exceptions.Abort):
        sys.exit(130)
    except click.ClickException as error:
        _usage_error(error)


def _usage_error(error: click.ClickException) -> None:
    from mxdeploy.cli.output import Output
    from mxdeploy.errors import Diagnostic

    if "--json" not in sys.argv[1:]:
        error.show()
        sys.exit(error.exit_code)
    context = getattr(error, "ctx", None)
    output = Output(as_json=True, verbosity=0)
    where = context.command_path if context is not None else "mxdeploy"
    output.report(
        (
            Diagnostic(
                code="MX8103", where=where, what=error.format_message(), fix=f"{where} --help"
            ),
        )
    )
    output.finish(error.exit_code)
