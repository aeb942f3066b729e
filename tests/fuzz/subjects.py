"""What can be searched: networks on both machines."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tests.fuzz.case import Case, source
from tests.fuzz.cases import cases
from tests.fuzz.compare import compare
from tests.fuzz.search import Subject

_IMPORTS = """\
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ops.layer import (
    Activation, Eltwise, EltwiseFunction, Kind, LayerSpec, Pool, PoolKind,
)
from tests.fuzz.case import Case, Layer, Place
from tests.fuzz.compare import compare
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


SUBJECTS: MappingProxyType[str, Subject[Any]] = MappingProxyType(
    {"layers": Subject(cases, compare, case_text)}
)
