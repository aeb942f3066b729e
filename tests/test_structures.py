"""Structures of well-known networks: rewritten exactly, and placed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.options import ProjectOptions
from mxdeploy.pipeline import placement_of
from mxdeploy.trace import Trace
from tests.onnx_text import random, run, save
from tests.stages.s2_legalize.contract import assert_legal
from tests.stages.s2_legalize.float_evaluator import evaluate
from tests.structures import STRUCTURES

LAYERS = {
    "resnet_basic": 6, "resnet_bottleneck": 8, "resnet_pre_activation": 8, "densenet": 13,
    "inception": 18, "squeezenet": 8, "u_net": 8, "mobilenet_v2": 8, "shufflenet": 9,
    "two_heads": 5, "detector": 6, "temporal": 7, "feature_pyramid": 10,
}  # fmt: skip
"""No more layers than convolutions, but for poolings that are stored and activated joins."""


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_structure(tmp_path: Path, name: str) -> None:
    draft = STRUCTURES[name]()
    path = save(draft.done(), tmp_path)
    network, plan = placement_of(path, ProjectOptions(), Trace())
    assert_legal(network)
    x = random(1, *draft.shapes["x"], seed=5)
    for found, wanted in zip(evaluate(network, x[0]), run(path, x), strict=True):
        tolerance = 1e-4 * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(found, wanted[0], rtol=1e-3, atol=tolerance)
    assert len(plan.layers) == LAYERS[name]
