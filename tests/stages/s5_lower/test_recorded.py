"""Outside judge: programs of another toolchain, some of them known to pass on silicon.

For the same geometry and placement the lowering must write the same words to the same registers.
"""

from __future__ import annotations

import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import sequences
from mxdeploy.stages.s5_lower.configure import configure
from tests.stages.s5_lower.recorded import Record, load, lowerable, meta_of, plan_of


@pytest.fixture(scope="module")
def records(shared) -> dict[str, Record]:
    """All recorded chains of layers."""
    paths = sorted((shared / "traces").glob("[drt]-*.npz"))
    return {path.stem: load(path) for path in paths if lowerable(meta_of(path))}


@pytest.mark.shared
def test_every_recorded_chain_of_layers_gets_the_same_registers(records):
    words = 0
    for name, record in records.items():
        ours = {write.address: write.value for write in configure(plan_of(record))}
        assert ours == record.configured, name
        words += len(ours)
    assert len(records) >= 270
    assert words > 15_000


@pytest.mark.shared
@pytest.mark.parametrize("name", ["d-mnist", "d-cifar-10", "d-kws20_v3", "d-mnist-extrasmall"])
def test_the_same_start(records, name):
    record = records[name]
    ours = [
        (quadrant, write.value)
        for write in sequences.start(plan_of(record))
        for quadrant in range(4)
        if write.address == reg.Ctrl.address(quadrant)
    ]
    assert tuple(ours) == record.started


@pytest.mark.shared
def test_placements_that_are_known_to_work_are_accepted(records):
    """What the verifier refuses breaks a rule that placements of ours keep beyond the chip's.

    Those are: as many processors as channels (MX4104), outputs on consecutive processors from a
    multiple of four on (MX4109), kernels and biases of each layer's own (MX4116, MX4119).
    """
    accepted, codes = 0, set()
    for record in records.values():
        found = verify_plan(plan_of(record))
        codes |= {finding.code for finding in found}
        accepted += not found
    assert codes <= {"MX4104", "MX4109", "MX4116", "MX4119"}
    assert accepted >= 256
