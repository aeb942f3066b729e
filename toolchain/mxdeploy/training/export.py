"""A checkpoint's network as an ONNX file, with the options that ``build`` wants beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mxdeploy.builds import write_file
from mxdeploy.data import FloatArray, Scale
from mxdeploy.errors import Diagnostic, MismatchError

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.checkpoint import Checkpoint
    from mxdeploy.stages.s0_train.network import Trainable

TRIALS = 8
"""Random inputs on which a file is compared with what it was made from."""
SEED = 0
TOLERANCE = 1e-3
"""Two libraries add in different orders; more than this share of the outputs is no rounding."""


def export_checkpoint(checkpoint: Checkpoint, path: Path, target: Path) -> None:
    """Write a checkpoint's network as ONNX, and beside it the options ``build`` wants.

    Args:
        checkpoint: what to export.
        path: where it lies.
        target: ``.onnx`` file.

    Raises:
        MismatchError: onnxruntime computes something else from the file than torch computes.
    """
    from mxdeploy.stages.s0_train.checkpoint import network_of
    from mxdeploy.stages.s0_train.export import export_onnx

    network = network_of(checkpoint, path)
    write_file(target, export_onnx(network, checkpoint.shape))
    require_equal(network, checkpoint.shape, target)
    text = options_text(checkpoint.classes, checkpoint.scale, checkpoint.recipe.data.rate)
    write_file(target.with_suffix(".toml"), text)


def require_equal(
    network: Trainable, shape: tuple[int, ...], model: Path, examples: FloatArray | None = None
) -> None:
    """The exporter follows one input through the network; others must not go another way.

    Args:
        network: what was exported.
        shape: of one input.
        model: the file.
        examples: inputs float32 (n, *shape) that are tried beside random ones.

    Raises:
        MismatchError: onnxruntime computes something else from the file than torch computes.
    """
    from mxdeploy.stages.s0_train.measure import outputs_for
    from mxdeploy.stages.s8_run.float_model import FloatMachine

    inputs = np.random.default_rng(SEED).uniform(-1, 1, (TRIALS, *shape)).astype(np.float32)
    if examples is not None:
        inputs = np.concatenate([inputs, examples])
    each = [outputs_for(network, one[None]) for one in inputs]
    expected = np.concatenate(each).reshape(len(inputs), -1)
    machine = FloatMachine(model)
    found = np.concatenate([machine.run(one[None])[0].astype(np.float32) for one in inputs])
    with np.errstate(invalid="ignore"):  # of a network that gives infinite numbers
        greatest = float(np.abs(found - expected).max())
    if greatest > TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise MismatchError(
            Diagnostic(
                code="MX0067",
                where=str(model),
                what=f"onnxruntime's outputs differ by {greatest:.3g} from torch's",
                why="the exporter follows one input; what depends on values is lost",
                fix="leave out of forward() what depends on the values of tensors",
            )
        )


def options_text(classes: tuple[str, ...], scale: Scale, rate: int | None) -> bytes:
    """Project options of a trained network, as TOML."""
    sound = "" if rate is None else f"rate = {rate}\n"
    named = f"classes = {json.dumps(list(classes), ensure_ascii=False)}\n\n" if classes else ""
    return f'{named}[input]\nscale = "{scale}"\n{sound}'.encode()
