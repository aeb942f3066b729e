"""The report as one web page: no network, no scripts, readable in light and dark, printable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mxdeploy import __version__
from mxdeploy.pages import page_environment
from mxdeploy.stages.s9_report.histograms import quantization_section
from mxdeploy.stages.s9_report.pictures import (
    Picture,
    data_picture,
    hue,
    kernel_picture,
    network_picture,
)
from mxdeploy.stages.s9_report.schema import LayerQuantization, Report, Use
from mxdeploy.text import count

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATE = "page.html.j2"
_QUANTIZATION_TEMPLATE = "quantization.page.html.j2"
_NEARLY_FULL = 0.9
_CLASSES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """How full a resource is."""

    name: str
    percent: float
    text: str
    nearly_full: bool


def render(report: Report) -> bytes:
    """The page, UTF-8; every text from the model is escaped."""
    text = (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            r=report,
            meters=_meters(report),
            pictures=_pictures(report),
            classes=report.classes[:_CLASSES_SHOWN],
            approximate=[r for r in report.rewrites if not r.exact],
            busiest=max((layer.cycles for layer in report.layers), default=1),
            quantization=quantization_section(report.quantization),
        )
    )
    return text.encode()


def render_quantization(
    model: str, calibration: str | None, layers: Sequence[LayerQuantization]
) -> bytes:
    """The section on quantization as a page of its own."""
    text = (
        _environment()
        .get_template(_QUANTIZATION_TEMPLATE)
        .render(
            model=model,
            calibration=calibration,
            version=__version__,
            quantization=quantization_section(layers),
        )
    )
    return text.encode()


def _environment() -> Environment:
    environment = page_environment(Path(__file__).parent)
    environment.globals["hue"] = hue
    environment.globals["count"] = count
    return environment


def _pictures(report: Report) -> dict[str, Picture]:
    return {
        "kernels": kernel_picture(report),
        "data": data_picture(report),
        "network": network_picture(report),
    }


def _meters(report: Report) -> list[Meter]:
    totals = report.totals
    uses = {
        "hardware layers": totals.layers,
        "kernel memory": totals.kernel_memory,
        "fullest processor": totals.fullest_processor,
        "bias memory": totals.bias_memory,
        "data memory, peak": totals.data_memory,
        "flash": totals.flash,
        "SRAM": totals.sram,
    }
    return [_meter(name, use) for name, use in uses.items() if use is not None]


def _meter(name: str, use: Use) -> Meter:
    return Meter(
        name=name,
        percent=round(100 * min(1.0, use.share), 1),
        text=f"{use.used:,} of {use.limit:,} {use.unit} ({use.share:.1%})",
        nearly_full=use.share > _NEARLY_FULL,
    )
