"""Both machines on one case, compared tensor by tensor."""

from __future__ import annotations

import numpy as np

from mxdeploy.ir.result import RunResult
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.fuzz.case import Case


def compare(case: Case) -> None:
    """The accelerator model on the lowered plan must equal integer.onnx in every layer.

    Raises:
        AssertionError: names the first tensor that differs.
    """
    plan, x = case.plan(), case.data()
    network = plan.network
    found = AcceleratorMachine(lower(plan)).run(x)
    model = build_integer_model(network, all_layers=True)
    wanted = IntegerMachine(model, network, threads=1).run_one(x)
    assert [name for name, _ in found.layers] == [layer.output for layer in network.layers]
    assert [name for name, _ in found.outputs] == list(network.outputs)
    _same(wanted, found)


def _same(wanted: RunResult, found: RunResult) -> None:
    for kind in ("layers", "outputs"):
        pairs = zip(getattr(wanted, kind), getattr(found, kind), strict=True)
        for (name, one), (_, other) in pairs:
            assert one == other, f"{kind}: {name} {_difference(one.array, other.array)}"


def _difference(wanted: np.ndarray, found: np.ndarray) -> str:
    if (wanted.shape, wanted.dtype) != (found.shape, found.dtype):
        return f"is {found.dtype} {found.shape}, wanted {wanted.dtype} {wanted.shape}"
    places = np.argwhere(wanted != found)
    first = tuple(places[0].tolist())
    return (
        f"differs in {len(places)} of {wanted.size} elements, first {first}: "
        f"{found[first]}, wanted {wanted[first]}"
    )
