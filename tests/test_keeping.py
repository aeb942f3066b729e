"""The smallest weights that keep the answers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mxdeploy.errors import ModelError, UsageError
from mxdeploy.ir.network import Network
from mxdeploy.keeping import quantize_to_drop
from mxdeploy.narrowing import kernel_bytes
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions
from tests.stages.s3_quantize.branching import Draft
from tests.test_narrowing import NETWORK, data, widths

OPTIONS = QuantizeOptions()


def one_layer() -> Network:
    """One answer of five per input."""
    draft = Draft((8, 4, 4), seed=0)
    spec = LayerSpec(kind=Kind.CONV2D, in_channels=8, in_size=(4, 4), out_channels=5, kernel=(4, 4))
    return draft.network((draft.layer(spec, ("x",)),))


def test_more_may_be_lost_and_less_memory_is_taken() -> None:
    sizes = []
    for points in (12.0, 30.0, 100.0):
        result, notes = quantize_to_drop(one_layer(), data(256), OPTIONS, points)
        sizes.append(kernel_bytes(result))
        assert all(f"{points:g} points" in note.what for note in notes)
    assert all(bigger >= smaller for bigger, smaller in pairwise(sizes))
    assert sizes[0] > sizes[-1]
    assert widths(result) == [2]


def test_it_says_how_far_it_is() -> None:
    seen: list[tuple[int, int, str]] = []
    result, _ = quantize_to_drop(
        NETWORK, data(64), OPTIONS, 100.0, on_step=lambda *step: seen.append(step)
    )
    assert set(widths(result)) == {2}
    assert all(0 <= done < total for done, total, _ in seen)
    assert {text.split()[0] for _, _, text in seen} == {"noise", "trying"}


def test_labels_judge() -> None:
    """Labels that the network never gives right cannot be lost."""
    wrong = np.full(256, 99)
    result, notes = quantize_to_drop(one_layer(), data(256), OPTIONS, 5.0, wrong)
    assert widths(result) == [2]
    # Tango's limit without any change: z^2 / (n + z^2), n = 128 inputs that judge.
    limit = 100 * 1.644854**2 / (128 + 1.644854**2)
    what = (
        f"0.00 % of the answers are lost on 128 inputs that did not calibrate, at most {limit:.2f}"
    )
    assert what in notes[0].what
    result, _ = quantize_to_drop(one_layer(), data(256), OPTIONS, 12.0)
    assert widths(result) != [2]


def test_few_inputs_leave_doubt() -> None:
    """32 judges cannot show that no more than 5 of 100 answers are lost: the user is told."""
    right = one_layer()
    result, notes = quantize_to_drop(right, data(64), OPTIONS, 5.0)
    assert widths(result) != [2]
    doubt = notes[-1]
    assert (doubt.code, doubt.severity) == ("MX3023", "warning")
    assert "32 inputs" in doubt.what
    # z^2 (1 - p) / p = 51.4 inputs without a single change show p = 5 %
    assert "twice 52" in doubt.fix


def test_nothing_is_good_enough() -> None:
    """Random weights tell few answers clearly apart."""
    with pytest.raises(ModelError) as raised:
        quantize_to_drop(one_layer(), data(256), OPTIONS, 0.5)
    assert raised.value.diagnostics[0].code == "MX3021"


def test_too_few_data() -> None:
    for inputs in (None, data(1)):
        with pytest.raises(UsageError) as raised:
            quantize_to_drop(NETWORK, inputs, OPTIONS, 1.0)
        assert raised.value.diagnostics[0].code == "MX3019"
