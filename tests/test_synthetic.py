"""Made-up inputs have the statistics of natural ones, and the range that the model takes."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.data import Layout, Scale, pixels
from mxdeploy.errors import UsageError
from mxdeploy.ir.network import Network, Range, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.head import Affine, HeadOp, Transpose
from mxdeploy.synthetic import Look, SyntheticChoice, synthetic_data, synthetic_inputs

CHIP = pixels(Scale.CHIP)


def network(
    shape: tuple[int, ...],
    head: tuple[HeadOp, ...] = (),
    declared: Range | None = None,
    clip: tuple[float, float] | None = None,
) -> Network:
    value = Value(name="x", shape=shape, origin="x", declared=declared, clip=clip)
    return Network(name="n", values=(value,), inputs=("x",), outputs=("x",), nodes=(), head=head)


def test_amplitudes_fall_with_frequency() -> None:
    """A straight line through log amplitude over log frequency has a slope of about -1."""
    x = synthetic_inputs((1, 64, 64), Layout.NCHW, np.linspace(-9, 9, 4096, dtype=np.float32))
    centred = x - x.mean(axis=(2, 3), keepdims=True)
    amplitude = np.abs(np.fft.fft2(centred)).mean(axis=(0, 1))
    frequencies = np.arange(2, 24)
    rows = amplitude[frequencies, 0]
    columns = amplitude[0, frequencies]
    for line in (rows, columns):
        slope = np.polyfit(np.log(frequencies), np.log(line), 1)[0]
        assert -1.2 < slope < -0.8


def test_colour_channels_are_nearly_equal() -> None:
    x = synthetic_inputs((3, 32, 32), Layout.NCHW, CHIP)
    red, green = (x[:, k] - x[:, k].mean(axis=(1, 2), keepdims=True) for k in (0, 1))
    correlation = [np.corrcoef(r.ravel(), g.ravel())[0, 1] for r, g in zip(red, green, strict=True)]
    assert 0.8 < float(np.mean(correlation)) < 0.97


@pytest.mark.parametrize("exponent", [0.0, 0.5, 2.0])
def test_other_spectra(exponent: float) -> None:
    levels = np.linspace(-9, 9, 1 << 16, dtype=np.float32)
    look = Look(exponent=exponent, spread=0.0)
    x = synthetic_inputs((1, 64, 64), Layout.NCHW, levels, look=look)
    amplitude = np.abs(np.fft.fft2(x)).mean(axis=(0, 1))[np.arange(2, 24), 0]
    slope = np.polyfit(np.log(np.arange(2, 24)), np.log(amplitude), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.2)


def test_other_looks() -> None:
    levels = np.linspace(-4, 4, 1 << 16, dtype=np.float32)
    look = Look(common=0.5, contrast=-3.0, spread=0.0, centre=-0.25, brightness=0.125)
    x = synthetic_inputs((3, 32, 32), Layout.NCHW, levels, look=look).astype(np.float64) / 4
    means = x.mean(axis=(1, 2, 3))
    assert -0.376 < means.min() < -0.36
    assert -0.14 < means.max() < -0.124
    np.testing.assert_allclose(x.std(axis=(1, 2, 3)), np.exp(-3.0), rtol=0.01)
    red, green = (x[:, k] - x[:, k].mean(axis=(1, 2), keepdims=True) for k in (0, 1))
    correlation = [np.corrcoef(r.ravel(), g.ravel())[0, 1] for r, g in zip(red, green, strict=True)]
    assert 0.3 < float(np.mean(correlation)) < 0.7


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 28, 28), (128, 64), (300,), (16, 1)])
def test_every_shape_spreads_over_the_range(shape: tuple[int, ...]) -> None:
    x = synthetic_inputs(shape, Layout.NCHW, CHIP)
    assert x.dtype == np.float32
    assert x.shape == (256, *shape)
    assert set(np.unique(x * 128) % 1) == {0.0}
    assert x.min() < -0.8
    assert x.max() > 0.8
    assert 0.2 < x.std() < 0.7
    assert abs(float(x.mean())) < 0.1


def test_the_same_in_every_run() -> None:
    one, other = (synthetic_inputs((3, 8, 8), Layout.NCHW, CHIP, count=4) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_channels_last() -> None:
    first = synthetic_inputs((3, 8, 8), Layout.NCHW, CHIP, count=4)
    last = synthetic_inputs((8, 8, 3), Layout.NHWC, CHIP, count=4)
    assert np.array_equal(np.moveaxis(first, 1, -1), last)


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [(Scale.CHIP, -1, 127 / 128), (Scale.UNIT, 0, 1), (Scale.NONE, 0, 255)],
)
def test_the_scale_says_the_range(scale: Scale, low: float, high: float) -> None:
    data = synthetic_data(network((3, 16, 16)), SyntheticChoice(scale=scale))
    assert (data.x.min(), data.x.max()) == pytest.approx((low, high))
    assert data.scale is scale
    assert data.labels is None


def test_the_user_says_the_range() -> None:
    choice = SyntheticChoice(bounds=(-40.0, 10.0), scale=Scale.CHIP)
    x = synthetic_data(network((8, 16)), choice).x
    assert (x.min(), x.max()) == (-40.0, 10.0)


def test_the_model_says_the_range() -> None:
    declared = synthetic_data(
        network((8, 16), declared=Range(scale=0.5, zero_point=-28)), SyntheticChoice()
    ).x
    assert (declared.min(), declared.max()) == (-50.0, 77.5)
    clipped = synthetic_data(network((8, 16), clip=(-3.0, 2.0)), SyntheticChoice()).x
    assert (clipped.min(), clipped.max()) == (-3.0, 2.0)


def test_nobody_says_the_range() -> None:
    """A range behind the host's normalization is not that of the model's input."""
    one = Tensor(np.array(2.0, np.float32))
    head = (Affine(origin="n", scale=one, offset=one),)
    for net in (network((8, 16)), network((8, 16), head=head, declared=Range(scale=0.5))):
        with pytest.raises(UsageError) as raised:
            synthetic_data(net, SyntheticChoice())
        (finding,) = raised.value.diagnostics
        assert "--scale" in finding.fix
        assert "--input-range" in finding.fix


def test_inputs_come_as_the_model_takes_them() -> None:
    """The network's input has its channels first, the model's last."""
    head = (Transpose(origin="t", axes=(2, 0, 1)),)
    data = synthetic_data(network((3, 8, 6), head=head), SyntheticChoice(scale=Scale.UNIT))
    assert data.x.shape == (256, 8, 6, 3)
    assert data.layout is Layout.NHWC
