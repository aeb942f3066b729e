"""Calibration data that cannot be right."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mxdeploy.errors import UsageError
from mxdeploy.ir.network import Range
from mxdeploy.stages.s3_quantize import quantize
from tests.stages.s3_quantize.small import chain, codes, conv, dense, op, pixels, small, with_value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (pixels((8, 8, 3)), "MX3003"),
        (pixels((3, 8, 8))[0], "MX3003"),
        (pixels((3, 8, 8))[:0], "MX3003"),
        (np.float32(1), "MX3003"),
        (pixels((3, 8, 8)).astype(np.complex64), "MX3004"),
        (np.where(pixels((3, 8, 8)) > 0.9, np.nan, 0.1), "MX3005"),
        (np.where(pixels((3, 8, 8)) > 0.9, np.inf, 0.1), "MX3005"),
        (pixels((3, 8, 8)).astype(np.float64) * 1e300, "MX3005"),
        (np.full((4, 3, 8, 8), 0.5, np.float32), "MX3006"),
        (pixels((3, 8, 8)) * np.float32(1e20), "MX3007"),
        (pixels((3, 8, 8)) * np.float32(1e-20), "MX3007"),
    ],
)
def test_bad_calibration_data(data: NDArray[np.generic], code: str) -> None:
    with pytest.raises(UsageError) as raised:
        quantize(small(), np.asarray(data))
    assert codes(raised) == [code]
    assert raised.value.exit_code == 2
    assert raised.value.diagnostics[0].fix


@pytest.mark.parametrize(("factor", "code"), [(128.0, "MX3008"), (1 / 128, "MX3009")])
def test_data_in_other_units_than_the_declared_input(factor: float, code: str) -> None:
    network = with_value(small(), "x", declared=Range(scale=1 / 128))
    with pytest.raises(UsageError) as raised:
        quantize(network, pixels((3, 8, 8)) * np.float32(factor))
    assert codes(raised) == [code]


def test_data_that_the_first_clip_cuts_off() -> None:
    """Pixels as 0..255 for a network that was trained with -1..1."""
    network = with_value(chain([op(conv(3, 8, 8)), op(dense(8, 8, 4))]), "v0", clip=(0.0, 1.0))
    data = pixels((3, 8, 8))
    quantize(network, data)
    with pytest.raises(UsageError) as raised:
        quantize(network, data * 128 + 128)
    assert codes(raised) == ["MX3011"]
    assert "v0" in raised.value.diagnostics[0].what


def test_float_network_that_overflows() -> None:
    network = chain([op(conv(3, 4, 6), gain=1e30), op(conv(4, 4, 6), gain=1e30)])
    with pytest.raises(UsageError) as raised:
        quantize(network, pixels((3, 6, 6)))
    assert codes(raised) == ["MX3010"]
    assert raised.value.diagnostics[0].where == "v1"
