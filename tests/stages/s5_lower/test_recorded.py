"""Outside judge: programs of another toolchain, some of them known to pass on silicon.

For the same geometry and placement the lowering must write the same words to the same registers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.program import Write
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import sequences
from mxdeploy.stages.s5_lower.configure import configure
from mxdeploy.stages.s5_lower.stream import cadences_of
from tests.stages.s5_lower.recorded import Record, is_chain, load, lowerable, meta_of, plan_of

SET_BY_HAND = frozenset({"r-200-fifostream-pool-stride"})
"""Programs whose stream registers were given to the other toolchain by its user."""


@pytest.fixture(scope="module")
def records(shared) -> dict[str, Record]:
    """All recorded programs of layers that are lowered."""
    paths = sorted((shared / "traces").glob("[drt]-*.npz"))
    return {
        path.stem: load(path)
        for path in paths
        if path.stem not in SET_BY_HAND and lowerable(meta_of(path))
    }


@pytest.mark.shared
def test_every_recorded_program_gets_the_same_registers(records):
    words = 0
    for name, record in records.items():
        plan = plan_of(record)
        ours = {write.address: write.value for write in configure(plan)}
        assert ours == without_columns(record, plan), name
        words += len(ours)
    assert len(records) >= 455
    assert words > 49_000


def without_columns(record: Record, plan: Plan) -> dict[int, int]:
    """What was configured, less the output columns of pass-through layers: they have no effect.

    Some programs give such a layer a weight width, which it does not use; they write columns then.
    """
    words = dict(record.configured)
    for placed, layer in zip(plan.layers, plan.network.layers, strict=True):
        if layer.spec.kind is not Kind.PASSTHROUGH or layer.weight_bits == 8:
            continue
        for quadrant in plan.quadrants:
            address = reg.LayerControl1.address(quadrant, placed.index)
            control = reg.LayerControl1.decode(words.get(address, 0))
            words[address] = replace(control, xpch_max=0).encode()
    return {address: word for address, word in words.items() if word}


@pytest.mark.shared
def test_every_kind_of_layer_is_among_the_recorded_programs(records):
    """So that the judge cannot fall silent."""
    layers = [layer for record in records.values() for layer in record.meta["layers"]]
    assert {layer["operands"] for layer in layers} >= {1, 2, 3, 4, 5}
    assert {layer["eltwise"] for layer in layers} == {None, "add", "sub", "or", "xor"}
    assert sum(layer["operator"] == "convtranspose2d" for layer in layers) >= 49
    assert sum(layer["operator"] == "conv2d" and layer["operands"] > 1 for layer in layers) >= 13
    assert sum(layer["operands"] > 1 and layer["pool"] != [1, 1] for layer in layers) >= 5
    assert sum(layer["operands"] > 1 and layer["in_expand"] > 1 for layer in layers) >= 20
    assert {layer["write_gap"] for layer in layers} >= {0, 1, 2}


@pytest.mark.shared
def test_the_same_start_and_acknowledgement(records):
    """But for what those programs chose: rounding averages, other loaders, wait states."""
    chosen = ("+avground", "+nomexpress", "+oldloader", "+rsel")
    plain = {name: r for name, r in records.items() if not name.endswith(chosen)}
    for name, record in plain.items():
        plan = plan_of(record)
        assert controls(sequences.start(plan)) == record.started, name
        if record.acknowledged:  # others wait without interrupt
            assert controls(sequences.acknowledge(plan)) == record.acknowledged, name
    assert len(plain) >= 427
    assert sum(bool(r.acknowledged) for r in plain.values()) >= 100


def controls(writes: Iterable[Write]) -> tuple[tuple[int, int], ...]:
    """The quadrants' control registers as (quadrant, value), in order."""
    quadrants = {reg.Ctrl.address(quadrant): quadrant for quadrant in range(4)}
    return tuple((quadrants[w.address], w.value) for w in writes if w.address in quadrants)


@pytest.mark.shared
def test_rings_are_as_large_as_recorded(records):
    """Where the recorded programs let layers stream, they compute the rings' sizes as we do."""
    rings = 0
    for name, record in records.items():
        streams = [layer for layer in record.meta["layers"] if layer["streaming"]]
        plan = plan_of(record)
        found = [cadence.ring_words for cadence in cadences_of(plan) if cadence is not None]
        assert found[: len(streams)] == [layer["rollover"] for layer in streams], name
        rings += len(streams)
    assert rings >= 140


DIFFERENT = {
    "t-ffsx4readahead-multipass-bias~h": {"MX4146"},
    "t-stream-cifar~h": {"MX4109", "MX4113"},
}
"""Programs whose layers stream with biases, or with two rings in the same words."""


@pytest.mark.shared
def test_placements_that_are_known_to_work_are_accepted(records):
    """What the verifier refuses breaks a rule that placements of ours keep beyond the chip's.

    Those are: as many processors as channels (MX4104), outputs on consecutive processors from a
    multiple of four on (MX4109), kernels and biases of each layer's own (MX4116, MX4119), no
    operands from a single value (MX4123). The descriptions of t-resnet leave out which layer three
    of its layers read.
    """
    accepted, codes = {}, {}
    for name, record in records.items():
        if not name.startswith("t-resnet"):
            codes[name] = {finding.code for finding in verify_plan(plan_of(record))}
            if not codes[name]:
                accepted[name] = record
    assert {name: codes.pop(name) for name in DIFFERENT} == DIFFERENT
    assert set.union(*codes.values()) <= {"MX4104", "MX4109", "MX4116", "MX4119", "MX4123"}
    assert sum(is_chain(record.meta) for record in accepted.values()) >= 320
    streaming = {name for name in accepted if plan_of(accepted[name]).streams}
    assert streaming >= {"d-cats-dogs", "d-faceid", "r-134-fifostream-transition"}
    assert len(streaming) >= 30
    branching = {name for name, record in accepted.items() if not is_chain(record.meta)}
    assert branching >= {"d-camvid_unet", "d-svhn_tinierssd", "t-mpadd-256", "t-mpadd3-256"}


@pytest.mark.shared
def test_recorded_programs_overwrite_their_input(records):
    """Seven layers begin to write 64 to 128 words before the first word that they read.

    Moved two words behind it, they would overwrite what they still need.
    """
    plan = plan_of(records["d-camvid_unet"])
    channels = plan.network.value
    found = []
    for index, placed in enumerate(plan.layers):
        source, target = placed.inputs[0], placed.output
        distance = (target.offset_bytes - source.offset_bytes) // 4
        shapes = {channels(source.value).shape, channels(target.value).shape}
        if shapes <= {(48, 48, 48), (64, 48, 48)} and -128 <= distance <= -64:
            moved = replace(target, offset_bytes=source.offset_bytes + 8)
            layers = list(plan.layers)
            layers[index] = replace(placed, output=moved)
            findings = verify_plan(replace(plan, layers=tuple(layers)))
            found.append("MX4130" in {finding.code for finding in findings})
    assert found == [True] * 7
