"""Which tensors are alive when, and how full that makes the data memories."""

from __future__ import annotations

from mxdeploy.stages.s9_report.lives import lives
from tests import branches, zoo
from tests.builders import build, conv, max_pool
from tests.stages.s9_report.reports import report_of


def test_operands_of_an_addition_live_until_it():
    report = report_of(branches.residual())
    found = {
        life.region.value: (life.birth, life.death)
        for life in lives(report.layers, report.chip_outputs)
    }
    assert found == {
        "x": (-1, 0),
        "y0": (0, 3),
        "y1": (1, 2),
        "y2": (2, 4),
        "y3": (3, 4),
        "y4": (4, 5),
        "y5": (5, 5),
    }


def test_parts_of_a_join_are_read_by_its_reader():
    report = report_of(branches.u_net())
    assert [region.value for region in report.layers[3].inputs] == ["y0", "y2"]


def test_peak_by_hand():
    """mnist's second layer: 28x28 and 16x16 pixels of 60 channels, 15 memories each."""
    report = report_of(zoo.mnist())
    assert report.totals.data_memory.used == 15 * 4 * (28 * 28 + 16 * 16)


def test_what_a_layer_writes_over_its_input_counts_once():
    layers = [conv(64, 3, 1), conv(64, 1), conv(4, 1, pool=max_pool(11))]
    report = report_of(build((3, 66, 66), layers))
    assert report.layers[1].inputs[0].offset_bytes == report.layers[1].output.offset_bytes
    assert report.totals.data_memory.used == 16 * 4 * 66 * 66 + 4 * 6 * 6
