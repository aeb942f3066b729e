"""``mxdeploy export``."""

from __future__ import annotations

from pathlib import Path

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output


@click.command(name="export")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="ONNX file (default: model.onnx beside)."
)
@talking
def command(output: Output, checkpoint: Path, *, out: Path | None) -> None:
    """Write the network of CHECKPOINT (best.ckpt or last.ckpt of a training) as ONNX.

    Beside the file comes a .toml with its classes and scale, which ``mxdeploy build`` reads.
    """
    from mxdeploy.training import export_checkpoint, require_libraries

    require_libraries()
    from mxdeploy.stages.s0_train.checkpoint import read_checkpoint

    target = out or checkpoint.with_name("model.onnx")
    found = read_checkpoint(checkpoint)
    export_checkpoint(found, checkpoint, target)
    output.result = {"model": str(target), "epoch": found.epoch, "classes": list(found.classes)}
    output.say(f"{target}: the network after epoch {found.epoch}")
