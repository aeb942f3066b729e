"""``mxdeploy replay --layer K``: what one layer of a recorded program wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.files import complete_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mxdeploy.emulator.outcome import ReplayResult

SHOWN_VALUES = 2048
"""A layer of at most so many values is printed whole, of larger ones the first channel."""
SHOWN_COLUMNS = 40


def dump_layer(
    output: Output, paths: list[Path], number: int, target: Path | None, *, lenient: bool
) -> None:
    """Replay one program and show the output of layer ``number``.

    Raises:
        UsageError: several programs, no such layer, or a file of another kind.
        ModelError: the program did not run.
    """
    from mxdeploy.emulator.description import layer_of
    from mxdeploy.emulator.recorded import as_recorded
    from mxdeploy.emulator.replay import replay
    from mxdeploy.emulator.trace import load_trace

    if len(paths) != 1:
        raise _usage("--layer", f"{len(paths)} programs", "name a single program")
    trace = load_trace(paths[0])
    result = replay(trace, lenient=lenient)
    layer = layer_of(result.layers, number)
    if layer is None:
        raise _no_layer(result, number)
    data: NDArray[Any] = layer.output
    recorded = as_recorded(trace, result.layers, number) if number in trace.layers else None
    equal = None if recorded is None else bool((recorded == trace.layers[number]).all())
    channels = "channels" if layer.description.kernels is None else "output slots"
    output.result = {
        "name": result.name,
        "layer": number,
        "description": layer.description.to_text(),
        "axes": [channels, "rows", "columns"],
        "dtype": str(data.dtype),
        "equals_record": equal,
        "data": data.tolist(),
    }
    output.say(layer.description.to_text())
    output.say(_facts(data, channels, equal))
    if target is not None:
        _write(data, target)
        output.say(f"written to {target}")
    else:
        _print(output, data)


def _facts(data: NDArray[Any], channels: str, equal: bool | None) -> str:
    shape = f"{data.shape[0]} {channels} of {data.shape[1]}x{data.shape[2]}, {data.dtype}"
    zeros = float((data == 0).mean())
    record = {None: "not recorded", True: "equal to the record", False: "differs from the record"}
    return f"{shape}, {int(data.min())} to {int(data.max())}, {zeros:.0%} zeros, {record[equal]}"


def _print(output: Output, data: NDArray[Any]) -> None:
    whole = data.size <= SHOWN_VALUES or output.verbosity > 0
    width = max(len(str(int(data.min()))), len(str(int(data.max()))))
    for channel in range(len(data) if whole else 1):
        output.say(f"\n[{channel}]")
        for row in data[channel].tolist():
            cut = row if whole else row[:SHOWN_COLUMNS]
            more = " ..." if len(cut) < len(row) else ""
            output.say(" ".join(f"{value:>{width}}" for value in cut) + more)
    if not whole:
        output.say(f"\n... and {len(data) - 1} more; -v prints all, -o FILE.npy writes all")


def _write(data: NDArray[Any], target: Path) -> None:
    """Under a temporary name first, so that nothing half-written looks finished."""
    import numpy as np

    if target.suffix not in (".npy", ".png"):
        raise _usage(str(target), "a layer is written as .npy or .png", "choose such a name")
    try:
        with complete_file(target) as partial, partial.open("wb") as file:
            if target.suffix == ".npy":
                np.save(file, data)
            else:
                _picture(data).save(file, format="PNG")
    except OSError as error:
        raise _usage(str(target), f"cannot be written: {error}", "choose another file") from error


def _picture(data: NDArray[Any]) -> Any:  # noqa: ANN401 - pillow may be missing, its types too
    """All channels side by side, each value a grey; 32-bit values from least to largest."""
    import numpy as np

    try:
        from PIL import Image
    except ImportError as error:
        fix = 'pip install "mxdeploy[train]", or write a .npy file'
        raise _usage(".png", "pictures need the package pillow", fix) from error
    low, high = (-128, 127) if data.dtype == np.int8 else (int(data.min()), int(data.max()))
    grey = ((data.astype(np.int64) - low) * 255 // max(high - low, 1)).astype(np.uint8)
    across = int(np.ceil(np.sqrt(len(grey) * grey.shape[1] / grey.shape[2])))
    across = min(max(across, 1), len(grey))
    down = -(-len(grey) // across)
    rows, columns = grey.shape[1] + 1, grey.shape[2] + 1
    sheet = np.zeros((down * rows, across * columns), np.uint8)
    for index, channel in enumerate(grey):
        top, left = index // across * rows, index % across * columns
        sheet[top : top + rows - 1, left : left + columns - 1] = channel
    scale = max(1, 512 // max(sheet.shape))
    return Image.fromarray(np.kron(sheet, np.ones((scale, scale), np.uint8)))


def _no_layer(result: ReplayResult, number: int) -> ModelError | UsageError:
    if result.refusal is not None:
        return ModelError(Diagnostic(code="MX8208", where=result.name, what=result.refusal.text))
    there = f"the program has layers 0 to {len(result.layers) - 1}"
    return _usage(result.name, f"no layer {number}: {there}", "choose one of them")


def _usage(where: str, what: str, fix: str) -> UsageError:
    return UsageError(Diagnostic(code="MX8059", where=where, what=what, fix=fix))
