"""What quantization decided, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from mxdeploy.cli.render import plain_table
from mxdeploy.text import count, share

if TYPE_CHECKING:
    from rich.table import Table

    from mxdeploy.stages.s3_quantize.alternatives import Alternative
    from mxdeploy.stages.s9_report.schema import LayerQuantization

LAYERS_LEGEND = (
    "SQNR: signal to quantization noise of the layer's output against the float network, on the\n"
    "calibration data; inherited: were the layer itself exact; own: what it adds to that."
)
ALTERNATIVES_LEGEND = (
    "* as it was decided. Each row is run on the integers that reach the layer; all else about\n"
    "the layer is chosen anew for it. Outputs, weights, biases: how many are cut off."
)
_NAME, _RANGE = 30, 60


def scales_table(layers: Sequence[LayerQuantization]) -> Table:
    """What was decided about each layer, one line each."""
    table = plain_table("What was decided")
    _layer_columns(table)
    for heading in ("bits", "weight step", "shift", "output step"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("range from", overflow="fold")
    for layer in layers:
        table.add_row(
            str(layer.index),
            Text(_short(layer.name, _NAME)),
            str(layer.weight_bits) if layer.weights else "-",
            _number(layer.weight_scale),
            "-" if layer.shift is None else f"{layer.shift:+d}",
            _number(layer.output_scale),
            Text(_short(layer.range_from or "-", _RANGE)),
        )
    return table


def errors_table(layers: Sequence[LayerQuantization]) -> Table:
    """What is cut off in each layer, and where its noise comes from, one line each."""
    table = plain_table("What it costs (cut off: beyond the range, the width, 8 bits)")
    _layer_columns(table)
    for heading in ("outputs", "weights", "biases", "at limits", "SQNR dB", "inherited", "own"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in layers:
        noise = layer.noise
        table.add_row(
            str(layer.index),
            Text(_short(layer.name, _NAME)),
            share(layer.beyond),
            share(layer.weights_cut),
            _count(layer.biases_cut),
            share(layer.saturated),
            _decibel(layer.sqnr_db),
            "-" if noise is None else _noise(noise.inherited_db),
            "-" if noise is None else _noise(noise.own_db),
        )
    return table


def _short(text: str, longest: int) -> str:
    """A text without its middle, where it is too long for a table."""
    if len(text) <= longest:
        return text
    tail = longest * 2 // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def _layer_columns(table: Table) -> None:
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("layer", overflow="fold", min_width=12)


def layer_lines(layer: LayerQuantization) -> Iterator[str]:
    """Everything about one layer."""
    yield f"layer {layer.index}: {layer.name}"
    yield f"  {layer.operation}"
    yield f"  ONNX nodes: {', '.join(layer.onnx_nodes)}"
    yield f"  input: one step is {layer.input_scale:.6g}"
    if layer.weights and layer.weight_scale is not None:
        low, high = -(1 << layer.weight_bits - 1), (1 << layer.weight_bits - 1) - 1
        yield (
            f"  weights: {layer.weights:,} of {count(layer.weight_bits, 'bit')}, one step is "
            f"{layer.weight_scale:.6g}, so they reach {low * layer.weight_scale:.4g} .. "
            f"{high * layer.weight_scale:.4g}; {share(layer.weights_cut)} are cut off"
        )
    if layer.biases:
        yield (
            f"  biases: {layer.biases}, {layer.biases_cut or 0} cut off at 8 bits, "
            f"{layer.biases_moved or 0} moved to take up a mean error"
        )
    shift = "" if layer.shift is None else f"shift {layer.shift:+d}, "
    yield f"  output: {shift}{layer.output_bits} bits, one step is {layer.output_scale:.6g}"
    if layer.reach is not None:
        held = ""
        if layer.limits is not None:
            held = f", 8 bits hold {_range(layer.limits)}; {share(layer.beyond)} are cut off"
        reached = f"the float network reaches {_range(layer.reach)}"
        yield f"  range from {layer.range_from}: {reached}{held}"
    yield (
        f"  result: SQNR {_decibel(layer.sqnr_db)} dB; "
        f"{share(layer.saturated)} of the outputs at the limits of 8 bits"
    )
    if layer.noise is not None:
        noise = layer.noise
        yield (
            f"  noise by source, dB below the signal: inherited {_noise(noise.inherited_db)}; own "
            f"{_noise(noise.own_db)} (weights alone {_noise(noise.weights_db)}, with biases "
            f"{_noise(noise.parameters_db)}, output {_noise(noise.output_db)})"
        )


def alternatives_table(alternatives: Sequence[Alternative]) -> Table:
    """Every way to decide, and what came of it."""
    table = plain_table("Decisions and what else they could have been")
    table.add_column("decision", no_wrap=True, min_width=15)
    table.add_column("", no_wrap=True)
    for heading in ("out step", "shift", "outputs", "weights", "biases", "bytes", "SQNR dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    before = ""
    for one in alternatives:
        table.add_row(
            one.decision if one.decision != before else "",
            f"{'*' if one.chosen else ' '} {one.name}",
            _number(one.output_scale),
            "-" if one.shift is None else f"{one.shift:+d}",
            share(one.beyond),
            share(one.weights_cut),
            _count(one.biases_cut),
            f"{one.weight_bytes:,}",
            _decibel(one.sqnr_db),
            style="bold" if one.chosen else None,
        )
        before = one.decision
    return table


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.4g} .. {bounds[1]:.4g}"


def _decibel(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _noise(value: float | None) -> str:
    """Signal to noise of one source."""
    return "none" if value is None else f"{value:.1f}"
