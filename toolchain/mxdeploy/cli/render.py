"""Reports as people read them: tables, bars, short sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mxdeploy.stages.s9_report.schema import LayerReport, RegionReport, Report, Use

BAR_CELLS = 20
NEARLY_FULL = 0.9
CLASSES_SHOWN = 5


def layer_table(report: Report) -> Table:
    """One line per hardware layer."""
    table = Table(box=box.SIMPLE_HEAD, title="Layers", title_justify="left", pad_edge=False)
    table.add_column("#", justify="right")
    for heading in ("layer", "operation", "in", "out"):
        table.add_column(heading, overflow="fold")
    for heading in ("weights", "kernel words", "bias", "proc.", "data memory", "cycles", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("peak", justify="right")
    table.add_column("SQNR", justify="right")
    for layer in report.layers:
        table.add_row(*_layer_cells(layer))
    return table


def _layer_cells(layer: LayerReport) -> list[str | Text]:
    words = "-"
    if layer.kernel_start_word is not None:
        words = f"{layer.kernel_start_word}+{layer.kernel_words}"
    bias = f"q{layer.bias_quadrant} {layer.bias_bytes}" if layer.bias_bytes else "-"
    passes = f"x{layer.in_passes}" if layer.in_passes > 1 else ""
    return [
        str(layer.index),
        Text(layer.name),
        Text(layer.operation),
        _shape(layer.in_shape),
        _shape(layer.out_shape),
        f"{layer.weights:,}" + (f" @{layer.weight_bits}b" if layer.weights else ""),
        words,
        bias,
        f"{layer.processors}{passes}",
        f"{_span(layer.inputs[0])} > {_span(layer.output)}",
        f"{layer.cycles:,}",
        f"{layer.milliseconds:.3f}",
        f"{layer.peak_share:.0%}",
        "-" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f}",
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _span(region: RegionReport) -> str:
    return f"{region.offset_bytes:04x}-{region.end_bytes:04x}"


def totals_table(report: Report) -> Table:
    """Use of the chip's resources as bars."""
    totals = report.totals
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    rows = {
        "layers": totals.layers,
        "kernel memory": totals.kernel_memory,
        "fullest processor": totals.fullest_processor,
        "bias memory": totals.bias_memory,
        "data memory (peak)": totals.data_memory,
        "flash": totals.flash,
        "SRAM": totals.sram,
    }
    for name, use in rows.items():
        if use is not None:
            table.add_row(name, bar(use.share), _use(use))
    return table


def _use(use: Use) -> str:
    return f"{use.used:,} of {use.limit:,} {use.unit} ({use.share:.1%})"


def bar(share: float) -> Text:
    """A bar of ``share`` (0..1), red when nearly full."""
    filled = min(BAR_CELLS, max(int(share * BAR_CELLS + 0.5), int(share > 0)))
    colour = "red" if share > NEARLY_FULL else "green"
    return Text("█" * filled, style=colour) + Text("░" * (BAR_CELLS - filled), style="dim")


def summary_lines(report: Report) -> list[str]:
    """The build in sentences."""
    totals, proof = report.totals, report.proof
    size = (
        f"{len(report.layers)} hardware layers, {totals.weight_bytes:,} bytes of weights, "
        f"{totals.macs:,} multiply-accumulates"
    )
    time = (
        f"{totals.cycles:,} cycles = {totals.milliseconds:.3f} ms at {totals.clock_hz / 1e6:.0f} "
        f"MHz ({totals.inferences_per_second:,.0f} inferences per second), estimated"
    )
    equal = (
        f"proved: {' = '.join(proof.machines)}, bit for bit, {proof.layers} layers, "
        f"{proof.inputs} inputs, {proof.elements:,} values"
    )
    lines = [size, time, equal]
    if report.board_run is not None:
        run = report.board_run
        verdict = "PASS" if run.passed else "FAIL"
        timer = f", {run.time_us:,} us by its timer" if run.time_us is not None else ""
        lines.append(f"virtual board {run.board}: known-answer test {verdict}{timer}")
    return lines


def class_table(report: Report) -> Table:
    """What the network says about the known-answer sample."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    for entry in report.classes[:CLASSES_SHOWN]:
        table.add_row(Text(entry.name), f"{entry.probability:.1%}", bar(entry.probability))
    return table
