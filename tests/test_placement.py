"""``map.json``: written by every build, edited, and built again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxdeploy.errors import UsageError
from mxdeploy.placement import load_placement, placement_bytes
from mxdeploy.stages.s4_map import map_network, placement_of
from tests import zoo
from tests.command import call
from tests.networks import tiny


def test_round_trip(tmp_path):
    plan = map_network(zoo.small())
    file = tmp_path / "map.json"
    file.write_bytes(placement_bytes(plan))
    assert load_placement(file) == placement_of(plan)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"input_order": "WHC"}, "input_order"),
        ({"tensors": {"x": {"offset_bytes": 0}}}, "tensors.x.first_processor"),
        ({"layers": {"a": {"bias_quadrant": "1"}}}, "layers.a.bias_quadrant"),
        ({"layers": {"a": {"processor": 1}}}, "layers.a.processor"),
        ({"streams": 9}, "streams"),
        ({"streams": -1}, "streams"),
        ({"format": 2}, "format"),
        ({"more": 1}, "more"),
    ],
    ids=str,
)
def test_malformed_files(tmp_path, change, where):
    file = tmp_path / "map.json"
    file.write_text(json.dumps({"network": "n", "input_order": "HWC", "tensors": {}} | change))
    with pytest.raises(UsageError) as caught:
        load_placement(file)
    (finding,) = caught.value.diagnostics
    assert (finding.code, finding.where) == ("MX8071", f"{file}: {where}")


def test_no_json(tmp_path):
    file = tmp_path / "map.json"
    file.write_text("{")
    with pytest.raises(UsageError, match="line 1"):
        load_placement(file)


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match="MX8070"):
        load_placement(tmp_path / "none.json")


def test_a_build_from_an_edited_placement(tmp_path):
    model = tiny().save(tmp_path / "tiny.onnx")
    plain = ("build", str(model), "--compiler", "none", "--calib", str(_data(tmp_path)))
    assert call(*plain, "-o", str(tmp_path / "a")).exit_code == 0
    document = json.loads((tmp_path / "a" / "map.json").read_text())
    name = list(document["tensors"])[1]
    document["tensors"][name]["offset_bytes"] += 0x1000
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(document))
    result = call(*plain, "-o", str(tmp_path / "b"), "--map", str(edited))
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "b" / "map.json").read_text()) == document
    document["tensors"][name]["offset_bytes"] += 2
    edited.write_text(json.dumps(document))
    refused = call(*plain, "-o", str(tmp_path / "c"), "--map", str(edited))
    assert refused.exit_code == 2
    assert not (tmp_path / "c").exists()


def _data(folder):
    file = folder / "d.npz"
    np.savez(file, x=np.random.default_rng(0).normal(0, 0.5, (4, 3, 8, 8)).astype(np.float32))
    return file
