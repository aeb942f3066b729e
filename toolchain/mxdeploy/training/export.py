"""A checkpoint's network as an ONNX file, with the options that ``build`` wants beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mxdeploy.builds import write_file
from mxdeploy.data import Scale

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.checkpoint import Checkpoint


def export_checkpoint(checkpoint: Checkpoint, path: Path, target: Path) -> None:
    """Write a checkpoint's network as ONNX, and beside it the options ``build`` wants.

    Args:
        checkpoint: what to export.
        path: where it lies.
        target: ``.onnx`` file.
    """
    from mxdeploy.stages.s0_train.checkpoint import network_of
    from mxdeploy.stages.s0_train.export import export_onnx

    content = export_onnx(network_of(checkpoint, path), checkpoint.shape)
    write_file(target, content)
    text = options_text(checkpoint.classes, checkpoint.scale, checkpoint.recipe.data.rate)
    write_file(target.with_suffix(".toml"), text)


def options_text(classes: tuple[str, ...], scale: Scale, rate: int | None) -> bytes:
    """Project options of a trained network, as TOML."""
    sound = "" if rate is None else f"rate = {rate}\n"
    named = f"classes = {json.dumps(list(classes), ensure_ascii=False)}\n\n" if classes else ""
    return f'{named}[input]\nscale = "{scale}"\n{sound}'.encode()
