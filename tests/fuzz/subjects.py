"""What can be searched: networks on both machines, registers, changed plans, damaged files."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tests.fuzz import models
from tests.fuzz.case import Case, source
from tests.fuzz.cases import cases
from tests.fuzz.compare import compare
from tests.fuzz.mutant import Mutant
from tests.fuzz.mutants import mutants
from tests.fuzz.plans import check, plan_cases, text
from tests.fuzz.search import Subject
from tests.fuzz.trial import Trial, attempt
from tests.fuzz.trials import trials

_IMPORTS = """\
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ops.layer import (
    Activation, Eltwise, EltwiseFunction, Kind, LayerSpec, Pool, PoolKind,
)
from tests.fuzz.case import Case, Layer, Place
from tests.fuzz.compare import compare
"""
_TRIAL_IMPORTS = """\
from mxdeploy.chip.max78000.registers import *
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ops.layer import (
    Activation, Eltwise, EltwiseFunction, Kind, LayerSpec, Pool, PoolKind,
)
from tests.fuzz.case import Case, Layer, Place
from tests.fuzz.trial import (
    Change, Complete, Flip, Load, Power, Push, Put, Start, Store, Trial, attempt,
)
"""
_MUTANT_IMPORTS = """\
from tests.fuzz.mutant import (
    Bits, Cut, Double, Drop, Fill, Mutant, Number, Outside, Real, Retype, Text,
)
from tests.fuzz.sandbox import attempt

nan, inf = float("nan"), float("inf")
"""


def case_text(case: Case) -> str:
    """A test of one case."""
    lines = "".join(f"        {source(layer)},\n" for layer in case.layers)
    return (
        f"{_IMPORTS}\n\ndef test_case():\n    layers = (\n{lines}    )\n"
        f"    at = {source(case.at)}\n"
        f"    compare(Case(shape={case.shape}, at=at, layers=layers, "
        f"quadrants={case.quadrants}, seed={case.seed}))\n"
    )


def trial_text(trial: Trial) -> str:
    """A test of one trial."""
    steps = "".join(f"        {source(step)},\n" for step in trial.steps)
    return (
        f"{_TRIAL_IMPORTS}\n\ndef test_trial():\n    case = {source(trial.case)}\n"
        f"    steps = (\n{steps}    )\n    attempt(Trial(case=case, steps=steps))\n"
    )


def mutant_text(mutant: Mutant) -> str:
    """A test of one damaged file."""
    return f"{_MUTANT_IMPORTS}\n\ndef test_mutant():\n    attempt({source(mutant)})\n"


def _check(mutant: Mutant) -> object:
    from tests.fuzz.sandbox import attempt  # only where there are processes to fork

    return attempt(mutant)


SUBJECTS: MappingProxyType[str, Subject[Any]] = MappingProxyType(
    {
        "layers": Subject(cases, compare, case_text),
        "plans": Subject(plan_cases, check, text, shrink=False),
        "registers": Subject(trials, attempt, trial_text),
        "onnx": Subject(mutants, _check, mutant_text),
        "models": Subject(models.recipes, models.check, models.text),
        "firmware": Subject(models.recipes, models.run_on_board, models.text, shrink=False),
    }
)
