"""Stage 9: what was built: report.json, report.html, and the tables the terminal shows."""

from mxdeploy.stages.s9_report.page import render as render_page
from mxdeploy.stages.s9_report.page import render_quantization
from mxdeploy.stages.s9_report.quantization import layer_quantizations
from mxdeploy.stages.s9_report.report import ReportInputs, make_report
from mxdeploy.stages.s9_report.schema import LayerQuantization, Report

__all__ = [
    "LayerQuantization",
    "Report",
    "ReportInputs",
    "layer_quantizations",
    "make_report",
    "render_page",
    "render_quantization",
]
