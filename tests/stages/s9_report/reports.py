"""Reports of placed networks, without building firmware."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.boards import load_board
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import emit
from mxdeploy.stages.s8_run.integer import IntegerMachine
from mxdeploy.stages.s9_report import Report, ReportInputs, make_report
from mxdeploy.stages.s9_report.schema import ProofReport
from tests.builders import inputs_for


def report_of(network: QuantNetwork, **changes: object) -> Report:
    """The report of ``network``; ``changes`` are fields of its inputs."""
    plan = map_network(network)
    network = plan.network
    program = lower(plan)
    x = inputs_for(network)
    result = IntegerMachine(build_integer_model(network, all_layers=True), network).run_one(x)
    answer = KnownAnswer(input=Tensor(x), outputs=result.outputs, source="random", label=None)
    inputs = ReportInputs(
        plan=plan,
        program=program,
        project=emit(program, answer, load_board("max78000fthr")),
        firmware=None,
        answer=answer,
        proof=ProofReport(inputs=1, layers=1, elements=1, machines=("one", "two")),
        board_run=None,
        calibration=None,
        warnings=(),
    )
    return make_report(replace(inputs, **changes))
