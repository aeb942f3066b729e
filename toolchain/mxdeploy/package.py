"""From a finished build to the files of the build folder."""

from __future__ import annotations

import io

import numpy as np

from mxdeploy import __version__, builds
from mxdeploy.data import Layout
from mxdeploy.ir import archive
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.pipeline import Build
from mxdeploy.placement import placement_bytes
from mxdeploy.stages.s9_report import Report, ReportInputs, make_report, render_page
from mxdeploy.stages.s9_report.schema import BoardReport, ProofReport
from mxdeploy.trace import Trace


def package(built: Build, trace: Trace) -> tuple[Report, dict[str, bytes]]:
    """The report, and relative path -> content of every file of the build folder."""
    with trace.stage("report"):
        report = make_report(_report_inputs(built))
        files = _artefacts(built)
        files |= _firmware_files(built)
        files[builds.PAGE_FILE] = render_page(report)
        files[builds.REPORT_FILE] = (report.model_dump_json(indent=2) + "\n").encode()
    files[builds.TIMING_FILE] = builds.to_json({k: round(v, 4) for k, v in trace.seconds.items()})
    return report, files


def _artefacts(built: Build) -> dict[str, bytes]:
    info = builds.BuildInfo(
        tool_version=__version__,
        name=built.quantized.name,
        board=built.request.board,
        source_digest=built.network.source_digest,
        network_digest=built.quantized.digest,
        program_digest=built.program.digest,
        project_digest=built.project.digest,
        classes=built.quantized.classes,
        layout=built.calibration.layout if built.calibration else Layout.AUTO,
        scale=built.scale,
        rate=built.request.options.input.rate,
    )
    return {
        builds.BUILD_FILE: info.to_bytes(),
        builds.MODEL_FILE: built.request.model.read_bytes(),
        builds.INTEGER_FILE: built.integer_model,
        builds.PLAN_FILE: archive.dump(built.plan),
        builds.MAP_FILE: placement_bytes(built.plan),
        builds.SAMPLE_FILE: _sample(built.answer),
        "network.txt": built.network.to_text().encode(),
        "quantized.txt": built.quantized.to_text().encode(),
        "plan.txt": built.plan.to_text().encode(),
        "program.txt": built.program.to_text().encode(),
    }


def _sample(answer: KnownAnswer) -> bytes:
    buffer = io.BytesIO()
    outputs = {f"output_{i}": tensor.array for i, (_, tensor) in enumerate(answer.outputs)}
    np.savez_compressed(buffer, input=answer.input.array, **outputs)  # type: ignore[arg-type]
    return buffer.getvalue()


def _firmware_files(built: Build) -> dict[str, bytes]:
    files = {f"{builds.FIRMWARE_FOLDER}/{path}": data for path, data in built.project.files}
    if built.firmware is not None:
        name = built.quantized.name
        files |= {
            f"{name}.elf": built.firmware.elf,
            f"{name}.bin": built.firmware.binary,
            f"{name}.hex": built.firmware.hex.encode(),
            f"{name}.srec": built.firmware.srec.encode(),
        }
    return files


def _report_inputs(built: Build) -> ReportInputs:
    run = built.board_run
    board = None
    if run is not None:
        board = BoardReport(
            board=built.request.board, passed=run.passed, time_us=run.time_us, console=run.text
        )
    proof = ProofReport(
        inputs=built.proof.inputs,
        layers=built.proof.layers,
        elements=built.proof.elements,
        machines=("integer.onnx", "accelerator model"),
    )
    return ReportInputs(
        plan=built.plan,
        program=built.program,
        project=built.project,
        firmware=built.firmware,
        answer=built.answer,
        proof=proof,
        board_run=board,
        calibration=built.calibration.title if built.calibration else None,
        warnings=tuple(d.to_text() for d in built.diagnostics),
    )
