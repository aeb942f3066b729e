"""Reports as people read them: tables, bars, short sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from mxdeploy.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxdeploy.fates import Fate
    from mxdeploy.ir.network import Rewrite
    from mxdeploy.stages.s9_report.schema import LayerReport, RegionReport, Report, Use

BAR_CELLS = 20
NEARLY_FULL = 0.9
CLASSES_SHOWN = 5


def layer_table(report: Report) -> Table:
    """What each hardware layer computes and what it costs, one line each."""
    table = plain_table("Layers")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("layer", overflow="fold", max_width=24)
    table.add_column("operation", overflow="fold")
    table.add_column("output", no_wrap=True)
    for heading in ("cycles", "ms", "peak"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("bound by", overflow="fold")
    table.add_column("SQNR dB", justify="right", no_wrap=True)
    for layer in report.layers:
        table.add_row(
            str(layer.index),
            Text(layer.name),
            Text(layer.operation),
            _shape(layer.out_shape),
            f"{layer.cycles:,}",
            f"{layer.milliseconds:.3f}",
            f"{layer.peak_share:.0%}",
            str(layer.bound_by),
            "-" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f}",
        )
    return table


def placement_table(report: Report) -> Table:
    """Where each layer lies: kernel words, bias bytes, processors, regions of data memory."""
    table = plain_table(
        "Placement (kernel words: first + number; input, output: bytes @ data memories)"
    )
    for heading in ("#", "weights", "bits", "kernel words", "bias", "proc."):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("input", no_wrap=True)
    table.add_column("output", no_wrap=True)
    for layer in report.layers:
        table.add_row(
            str(layer.index),
            f"{layer.weights:,}",
            str(layer.weight_bits) if layer.weights else "-",
            _kernel_words(layer),
            f"{layer.bias_bytes} @q{layer.bias_quadrant}" if layer.bias_bytes else "-",
            f"{layer.processors}" + (f" x{layer.in_passes}" if layer.in_passes > 1 else ""),
            _span(layer.inputs[0]),
            _span(layer.output),
        )
    return table


def fate_table(fates: Sequence[Fate]) -> Table:
    """What became of every node of the model, and by which rewrites."""
    table = plain_table("What became of the model's nodes")
    table.add_column("node", overflow="fold", max_width=32)
    table.add_column("operator", no_wrap=True)
    table.add_column("became", overflow="fold")
    table.add_column("rewrites", overflow="fold")
    for fate in fates:
        rules = dict.fromkeys(
            r.rule if r.exact else f"{r.rule} (approximate)" for r in fate.rewrites
        )
        table.add_row(
            Text(fate.node), Text(fate.op_type), Text(fate.to_text()), Text(", ".join(rules) or "-")
        )
    return table


def rewrite_lines(rewrites: Sequence[Rewrite]) -> list[str]:
    """Every rewrite in a sentence, in the order in which they were done."""
    return [
        f"{r.rule} ({'exact' if r.exact else 'approximate'}): {r.text} [{', '.join(r.nodes)}]"
        for r in rewrites
    ]


def plain_table(title: str) -> Table:
    """An empty table with a title."""
    return Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )


def _kernel_words(layer: LayerReport) -> str:
    if layer.kernel_start_word is None:
        return "-"
    return f"{layer.kernel_start_word} +{layer.kernel_words}"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _span(region: RegionReport) -> str:
    memories = f"{region.memories[0]}-{region.memories[-1]}" if region.memories else "-"
    ring = " ring" if region.ring else ""
    return f"{region.offset_bytes:04x}-{region.end_bytes:04x} @{memories}{ring}"


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
        f"{count(len(report.layers), 'hardware layer')}, {totals.weight_bytes:,} bytes of weights, "
        f"{totals.macs:,} multiply-accumulates"
    )
    time = (
        f"{totals.cycles:,} cycles = {totals.milliseconds:.3f} ms at {totals.clock_hz / 1e6:.0f} "
        f"MHz ({totals.inferences_per_second:,.0f} inferences per second), estimated"
    )
    equal = (
        f"proved: {' = '.join(proof.machines)}, bit for bit, "
        f"{count(proof.layers, 'layer')}, {count(proof.inputs, 'input')}, {proof.elements:,} values"
    )
    lines = [*report.streaming, size, time, equal]
    if report.board_run is not None:
        run = report.board_run
        verdict = "PASS" if run.passed else "FAIL"
        timer = f", {run.time_us:,} us by its timer" if run.time_us is not None else ""
        equal = ", outputs equal bit for bit" if run.passed else ""
        lines.append(f"virtual board {run.board}: known-answer test {verdict}{equal}{timer}")
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
