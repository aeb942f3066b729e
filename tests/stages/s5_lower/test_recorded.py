"""Outside judge: programs of another toolchain, some of them known to pass on silicon.

For the same geometry and placement the lowering must write the same words to the same registers.
"""

from __future__ import annotations

import pytest
from tests.stages.s5_lower.recorded import load, lowerable, meta_of, plan_of

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import sequences
from mxdeploy.stages.s5_lower.configure import configure


@pytest.mark.shared
def test_every_recorded_chain_of_layers_gets_the_same_registers(shared):
    compared, words = 0, 0
    for path in sorted((shared / "traces").glob("[drt]-*.npz")):
        if not lowerable(meta_of(path)):
            continue
        record = load(path)
        ours = {write.address: write.value for write in configure(plan_of(record))}
        assert ours == record.configured, path.name
        compared += 1
        words += len(ours)
    assert compared >= 270
    assert words > 15_000


@pytest.mark.shared
@pytest.mark.parametrize("name", ["d-mnist", "d-cifar-10", "d-kws20_v3", "d-mnist-extrasmall"])
def test_the_same_start(shared, name):
    record = load(shared / "traces" / f"{name}.npz")
    ours = [
        (quadrant, write.value)
        for write in sequences.start(plan_of(record))
        for quadrant in range(4)
        if write.address == reg.Ctrl.address(quadrant)
    ]
    assert tuple(ours) == record.started


@pytest.mark.shared
def test_placements_that_are_known_to_work_are_accepted(shared):
    """What the verifier refuses breaks a rule that placements of ours keep beyond the chip's.

    Those are: as many processors as channels (MX4104), outputs on consecutive processors from a
    multiple of four on (MX4109), kernels and biases of each layer's own (MX4116, MX4119).
    """
    accepted, codes = 0, set()
    for path in sorted((shared / "traces").glob("[drt]-*.npz")):
        if lowerable(meta_of(path)):
            found = verify_plan(plan_of(load(path)))
            codes |= {finding.code for finding in found}
            accepted += not found
    assert codes <= {"MX4104", "MX4109", "MX4116", "MX4119"}
    assert accepted >= 256
