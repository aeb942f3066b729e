"""The page: self-contained, well-formed, safe with any names, and it shows what was found."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np

from mxdeploy.validation.page import render
from mxdeploy.validation.result import Difference
from tests.validation.samples import layer_difference, output_difference, validation


def pictures(text: str) -> list[ET.Element]:
    """Every SVG picture; each must be well-formed."""
    return [ET.fromstring(piece) for piece in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_a_good_one() -> None:
    text = render(validation(), "net").decode()
    assert "PASS: board = integer model on all 4 inputs" in text
    assert "First difference" not in text
    assert "1,010.0 µs" in text
    assert "measured +1.00%" in text
    assert "3 of 4 right, 75.00%" in text
    cnn, load = pictures(text)
    titles = [t.text for t in cnn.iter("title")]
    assert [t.rpartition(": ")[2] for t in titles if t] == ["1", "2", "1"]
    assert len(list(load.iter("rect"))) == 1


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = render(validation((1,), output_difference(), layer_difference()), "net").decode()
    assert not re.search(r"https?://|\bsrc=|<link|<script|@import|url\(", text)


def test_tensors_side_by_side() -> None:
    text = render(validation((1,), output_difference(), layer_difference()), "net").decode()
    assert "channel 2, row 37, column 41 is" in text
    outputs, layers = pictures(text)[:2], pictures(text)[2:4]
    for pair, cells in ((outputs, 10), (layers, (40 - 21) * (50 - 25))):
        for picture in pair:
            assert len(list(picture.iter("rect"))) == cells
            assert len([r for r in picture.iter("rect") if "stroke" in r.attrib]) == 1
    assert [t.text for t in outputs[0].iter("text")][3] == "-2000"
    assert [t.text for t in outputs[1].iter("text")][3] == "-1999"
    framed = [
        group.findtext("title")
        for group in layers[1].iter("g")
        if "stroke" in next(group.iter("rect")).attrib
    ]
    assert framed == [f"row 37, column 41: {int(layer_difference().found[2, 37, 41])}"]


def test_classes_name_the_outputs() -> None:
    classes = [f"class-{i}" for i in range(10)]
    text = render(validation((1,), output_difference()), "net", classes).decode()
    assert "channel 3 (class-3): -2000" in text


def test_names_are_only_text() -> None:
    name = '<script>alert("x")</script>'
    text = render(validation((), None, layer_difference()), name, [name]).decode()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "conv &lt;2&gt;" in text


def test_small_and_extreme_tensors() -> None:
    expected = np.array([-(2**31), 2**31 - 1], np.int32).reshape(2, 1, 1)
    found = Difference(
        input=0, value="y", layer=None, layer_name="", expected=expected, found=expected[::-1]
    )
    text = render(validation((0,), found), "net").decode()
    greys = [int(g) for g in re.findall(r"rgb\((\d+),", text)]
    assert greys == [40, 240, 240, 40]
    only = Difference(
        input=0, value="y", layer=0, layer_name="l",
        expected=np.zeros((1, 1, 2), np.int8), found=np.ones((1, 1, 2), np.int8),
    )  # fmt: skip
    assert "row 0, column 1: 1" in render(validation((0,), None, only), "net").decode()
