"""What a report says about layers that stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.cli.render import placement_table, summary_lines
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s9_report import Report, render_page
from mxdeploy.stages.s9_report.lives import lives
from tests import zoo
from tests.builders import build, conv, max_pool
from tests.stages.s9_report.reports import report_of


def streaming() -> Report:
    """Three layers stream; the second has a kernel of one pixel, the third a bias."""
    network = build(
        (3, 96, 96),
        [conv(4, 3, 1), conv(5, 1), conv(6, 3, 1, pool=max_pool(2)), conv(2, 3, pool=max_pool(8))],
    )
    layers = list(network.layers)
    layers[2] = replace(layers[2], bias=Tensor(np.array([1, 0, 0, 0, 0, 0], np.int8)))
    network = replace(network, layers=tuple(layers))
    return report_of(network)


def test_sentences_say_what_streams_and_what_that_changes():
    report = streaming()
    first, *others = report.streaming
    assert first.startswith("Layers 0 to 2 stream: ")
    assert "through FIFO 0" in first
    made = "a constant channel for the next layer."
    read = "a constant channel of its input in place of biases"
    assert others == [
        f"Layer 0 (layer0) computes the same with {read}, {made}",
        f"Layer 1 (layer1) computes the same with 3x3 kernels, {read}, {made}",
        f"Layer 2 (layer2) computes the same with {read}.",
    ]
    assert report_of(zoo.tiny()).streaming == ()


def test_fewer_words_in_the_other_order_are_mentioned():
    network = build((1, 96, 96), [conv(4, 3, 1), conv(2, 3, pool=max_pool(8))])
    assert report_of(network).streaming[1] == (
        "The host writes 9,216 words; with the option map.input_order = CHW it would write 2,304, "
        "in a way that is known from simulation only."
    )


def test_rings_and_what_is_written_from_them_are_there_together():
    report = streaming()
    found = {
        life.region.value: (life.birth, life.death, life.region.ring)
        for life in lives(report.layers, report.chip_outputs)
    }
    assert found == {
        "x": (-1, 2, True),
        "y0": (-1, 2, True),
        "y1": (-1, 2, True),
        "y2": (-1, 3, False),
        "y3": (3, 3, False),
    }
    ends = {layer.inputs[0].value: layer.inputs[0].end_bytes for layer in report.layers}
    assert ends["x"] - report.layers[0].inputs[0].offset_bytes == 2 * 4
    assert report.totals.data_memory.used < report.totals.data_memory.limit


def test_sentences_are_shown_to_people():
    report = streaming()
    assert report.streaming[0] in summary_lines(report)
    assert b"Layers 0 to 2 stream" in render_page(report)
    cells = list(placement_table(report).columns[6].cells)
    assert [str(cell).endswith(" ring") for cell in cells] == [True, True, True, False]
