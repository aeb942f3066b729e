"""Verdicts, places of differences and figures, worked out by hand."""

from __future__ import annotations

import json

import pytest

from tests.validation.samples import layer_difference, output_difference, validation


def test_where_a_layer_differs_first() -> None:
    found = layer_difference()
    assert found.place == (2, 37, 41)
    assert found.count == 2
    assert found.to_text() == (
        "input 7, layer 1 (conv <2>): channel 2, row 37, column 41 is "
        f"{int(found.expected[2, 37, 41])} in the integer model and {int(found.found[2, 37, 41])} "
        "on the board; elements that differ: 2 of 8000"
    )


def test_verdicts() -> None:
    good = validation()
    assert good.passed
    assert good.verdict == "PASS: board = integer model on all 4 inputs, bit for bit"
    bad = validation((1, 3), output_difference(), layer_difference())
    assert not bad.passed
    assert bad.verdict == "FAIL: the outputs of 2 of 4 inputs differ, the first one is input 1"
    inside = validation((), None, layer_difference())
    assert not inside.passed
    assert inside.verdict == "FAIL: the outputs of all 4 inputs are equal, a layer differs"


def test_figures() -> None:
    found = validation()
    assert found.cnn.median == 1010
    assert found.deviation == pytest.approx(0.01)
    assert found.chip_rate == pytest.approx(1e6 / 1260)
    assert found.line_rate == 8


def test_the_document_can_be_written_as_json() -> None:
    document = json.loads(json.dumps(validation((1,), output_difference()).to_dict()))
    assert document["passed"] is False
    assert document["unequal"] == [1]
    assert document["first_layer"] is None
    assert document["first_difference"]["channel"] == 3
    assert (document["first_difference"]["expected"], document["first_difference"]["found"]) == (
        -2000, -1999,
    )  # fmt: skip
    assert document["cnn_us"] == {"min": 1000, "median": 1010, "max": 1030}
    assert document["accuracy"] == {"board": 0.75, "integer": 1.0}
    assert document["paired"]["lost"] == 1
    assert document["paired"]["difference"] == -0.25
    assert document["statistics"]["dropped"] == 1
    assert document["firmware"]["board"] == "max78000fthr"
