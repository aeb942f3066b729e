"""``mxdeploy emulate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.data import Layout, Scale
from mxdeploy.errors import Diagnostic, MismatchError, UsageError
from mxdeploy.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mxdeploy.builds import BuildFolder
    from mxdeploy.ir.result import RunResult

MODEL_PREFIX = "model:"
"""In front of the names of the model's outputs in a saved file: layers may have the same names."""
SHOWN = 16


@click.command(name="emulate")
@click.argument("build", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    help="Input in the model's units, .npy or .npz (default: the known-answer sample).",
)
@click.option("--layout", type=click.Choice([str(v) for v in Layout]), default="auto")
@click.option("--scale", type=click.Choice([str(v) for v in Scale]), help="For 8-bit data.")
@click.option("--index", type=click.IntRange(min=0), default=0, help="Which input of the file.")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    help="Write all layers and the model's outputs to this .npz file.",
)
@talking
def command(
    output: Output,
    build: Path,
    *,
    source: Path | None,
    layout: str,
    scale: str | None,
    index: int,
    save: Path | None,
) -> None:
    """Run one input of a BUILD folder on the accelerator model, bit for bit as the chip would.

    Shows what the chip gives and what the CPU makes of it: the outputs of the model by its names.
    Every layer is compared with integer.onnx on onnxruntime; exit status 6 when they differ.
    """
    from mxdeploy.builds import open_build
    from mxdeploy.proof import first_difference
    from mxdeploy.stages.s5_lower import lower
    from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    folder = open_build(build)
    x = _input(folder, source, Layout(layout), Scale(scale) if scale else None, index)
    with output.stages() as listener:
        listener("emulate")
        result = AcceleratorMachine(lower(folder.plan)).run(x)
        reference = IntegerMachine(folder.integer_model, folder.plan.network).run_one(x)
    real = _model_outputs(folder, result)
    if save is not None:
        _save(save, result, real)
    difference = first_difference(reference, result)
    output.result = _document(folder, result, real, equal=difference is None)
    _show(output, folder, result, real)
    if difference is not None:
        raise MismatchError(
            Diagnostic(
                code="MX8205",
                where=str(build),
                what=difference.to_text("integer.onnx", "the accelerator model"),
                fix="build the model again; if it stays, report it",
            )
        )
    output.say("equal to integer.onnx in every layer")


def _input(
    folder: BuildFolder, source: Path | None, layout: Layout, scale: Scale | None, index: int
) -> NDArray[np.int8]:
    """Integers (C, H, W) of the chosen input."""
    from mxdeploy.data import ModelInput, load_input
    from mxdeploy.inputs import chip_inputs, model_layout

    network = folder.plan.network
    if source is None:
        return folder.sample_input
    x = load_input(
        source,
        ModelInput(shape=network.input_shape, layout=model_layout(network.head)),
        layout=layout,
        scale=scale,
        default_scale=folder.info.scale,
        rate=folder.info.rate,
    )
    if index >= len(x):
        raise UsageError(
            Diagnostic(
                code="MX8051",
                where=str(source),
                what=f"has {count(len(x), 'input')}, there is no input {index}",
                fix=f"--index 0..{len(x) - 1}",
            )
        )
    integers: NDArray[np.int8] = chip_inputs(network, x[index : index + 1])[0]
    return integers


def _model_outputs(folder: BuildFolder, result: RunResult) -> dict[str, NDArray[np.generic]]:
    """The model's outputs by its names, the CPU's steps included."""
    import numpy as np

    from mxdeploy.outputs import model_outputs

    chip = {name: tensor.array[np.newaxis] for name, tensor in result.outputs}
    found = model_outputs(folder.plan.network, chip)
    return {name: array[0] for name, array in found.items()}


def _save(path: Path, result: RunResult, real: Mapping[str, NDArray[np.generic]]) -> None:
    import io

    import numpy as np

    from mxdeploy.builds import write_file

    arrays = {name: tensor.array for name, tensor in (*result.layers, *result.outputs)}
    arrays |= {f"{MODEL_PREFIX}{name}": array for name, array in real.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_file(path, buffer.getvalue())


def _document(
    folder: BuildFolder,
    result: RunResult,
    real: Mapping[str, NDArray[np.generic]],
    *,
    equal: bool,
) -> dict[str, object]:
    network = folder.plan.network
    return {
        "model": network.name,
        "equal_to_integer_model": equal,
        "cycles": result.cycles,
        "layers": [
            {"name": layer.name, "cycles": cycles}
            for layer, cycles in zip(network.layers, result.layer_cycles, strict=True)
        ],
        "outputs": [
            {
                "name": name,
                "shape": list(tensor.shape),
                "scale": network.value(name).scale,
                "integers": tensor.array.reshape(-1).tolist(),
            }
            for name, tensor in result.outputs
        ],
        "model_outputs": [
            {"name": name, "shape": list(array.shape), "values": array.reshape(-1).tolist()}
            for name, array in real.items()
        ],
    }


def _show(
    output: Output,
    folder: BuildFolder,
    result: RunResult,
    real: Mapping[str, NDArray[np.generic]],
) -> None:
    from mxdeploy.stages.s9_report.report import class_probabilities

    network = folder.plan.network
    for name, tensor in result.outputs:
        title = f"chip: {name} {_shape(tensor.shape)}, scale {network.value(name).scale:g}"
        output.say(f"{title}: {_first(tensor.array, 'd')}")
    for name, array in real.items():
        form = "d" if array.dtype.kind == "i" else ".6g"
        output.say(f"output {name} {_shape(array.shape)}: {_first(array, form)}")
    for entry in class_probabilities(network, result.outputs)[:5]:
        output.say(f"  {entry.probability:6.1%}  {entry.name}")
    output.say(f"{result.cycles:,} cycles (estimated)")


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "number"


def _first(array: NDArray[np.generic], form: str) -> str:
    """As many elements as fit a line."""
    flat = array.reshape(-1).tolist()
    more = " …" if len(flat) > SHOWN else ""
    return " ".join(format(v, form) for v in flat[:SHOWN]) + more
