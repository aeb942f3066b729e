"""Going on from the middle of a network."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.stages.s3_quantize import QuantizeOptions
from mxdeploy.stages.s3_quantize.bounds import with_bounds
from mxdeploy.stages.s3_quantize.calibration import GLANCE, calibrate
from mxdeploy.stages.s3_quantize.groups import scale_groups
from mxdeploy.stages.s3_quantize.quantizer import Quantizer
from mxdeploy.stages.s3_quantize.scales import Scales
from mxdeploy.stages.s3_quantize.widths import layer_widths
from tests.test_narrowing import NETWORK, data


def start(widths: dict[str, int]) -> Quantizer:
    network, options = with_bounds(NETWORK), QuantizeOptions(rounding="adaptive")
    groups, _ = scale_groups(network, measured=True)
    seen = calibrate(network, data(), GLANCE, 1)
    scales = Scales(network, groups, seen, options)
    return Quantizer(network, scales, seen, options, {**layer_widths(network, options), **widths})


@pytest.mark.parametrize("fixed", [0, 1, 2])
def test_a_fork_goes_on_as_if_it_had_started_alone(fixed: int) -> None:
    """The last layer gets another width in the fork; the one forked from takes no part in that."""
    base = start({})
    for _ in range(fixed):
        base.advance()
    widths = {node.name: 8 for node in NETWORK.nodes}
    fork = base.fork({**widths, "nv2": 2}).run()
    assert fork == start({"nv2": 2}).run()
    assert base.run() == start({}).run()
    assert not np.array_equal(fork.layers[2].weight.array, base.run().layers[2].weight.array)
