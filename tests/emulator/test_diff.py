"""Programs compared with variants of themselves: what was changed is what is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.diff import ProgramDiff, Verdict, compare
from mxdeploy.emulator.diff.network import network_of
from mxdeploy.emulator.diff.numbers import First, compare_numbers
from mxdeploy.emulator.diff.program import as_trace
from mxdeploy.emulator.diff.registers import Effect
from mxdeploy.emulator.diff.state import state_of
from mxdeploy.emulator.diff.stores import habits
from mxdeploy.emulator.trace import Burst, Phase, TraceFile, load_trace
from mxdeploy.stages.s5_lower import lower
from tests.emulator.test_replay import Recorder
from tests.fuzz.case import Case
from tests.fuzz.cases import cases

SAME, PLACE = Verdict.SAME_EFFECT, Verdict.OTHER_PLACEMENT
# What each option means is said in the README beside the traces.
OPTIONS = {
    "oldloader": SAME, "nomexpress": SAME, "wzero": SAME, "rsel": SAME, "zerosram": SAME,
    "initram": SAME, "wstart": PLACE, "inoffs": PLACE, "fifo": PLACE, "riscvff": PLACE,
}  # fmt: skip
NETWORKS = ("t-conv1x1", "t-layers", "t-mlpflatten768to100", "t-upsample")


def traces(shared: Path, a: str, b: str) -> ProgramDiff:
    return compare(*(load_trace(shared / "traces" / f"{name}.npz") for name in (a, b)))


@pytest.mark.shared
@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_the_generator(shared: Path, option: str) -> None:
    """How a program gets there has no effect; where things lie is another placement."""
    found = [n for n in NETWORKS if (shared / "traces" / f"{n}+{option}.npz").exists()]
    assert found
    for name in found:
        difference = traces(shared, name, f"{name}+{option}")
        assert difference.verdict is OPTIONS[option], name
        assert difference.same is (OPTIONS[option] is SAME)
        assert difference.input.same
        assert all(layer.outputs_same for layer in difference.layers)
        assert all(layer.computes_same and layer.numbers_same for layer in difference.layers)
        if OPTIONS[option] is SAME:
            assert {register.effect for register in difference.registers} <= {Effect.NONE}
            assert not any(layer.placement for layer in difference.layers)


@pytest.mark.shared
def test_the_way_is_said(shared: Path) -> None:
    def said(option: str) -> str:
        return "\n".join(habits(traces(shared, "t-conv1x1", f"t-conv1x1+{option}").stores))

    assert "packed stores in A, by 128-bit stores in B" in said("oldloader")
    assert "2 in A, 22 in B" in said("wzero")
    assert "self-tests or zeroings" in said("zerosram")
    assert "row caches: 0 in A, 98,304 in B" in said("initram")
    assert said("rsel") == ""


@pytest.mark.shared
def test_other_weight_widths_and_operators(shared: Path) -> None:
    changed = {
        ("t-layers", "t-layers~q2"): "weight bits",
        ("t-resnet-4l", "t-resnet-4l~sub"): "element-wise",
        ("t-resnet-4l", "t-resnet-4l~or"): "element-wise",
        ("t-pooling3x2s3", "t-pooling3x2s3~swappool"): "pooling",
        ("t-eltwiseadd-pool-avg", "t-eltwiseadd-pool-avg+avground"): "pooling",
    }
    for (a, b), aspect in changed.items():
        difference = traces(shared, a, b)
        assert difference.verdict is Verdict.OTHER_OPERATIONS, b
        assert aspect in {part.name for layer in difference.layers for part in layer.operation}
    sub = traces(shared, "t-resnet-4l", "t-resnet-4l~sub")
    assert [bool(layer.operation) for layer in sub.layers] == [False] * 4 + [True]
    part = sub.layers[4].operation[0]
    assert (part.a, part.b) == ("add", "sub")
    [register] = sub.registers
    assert (register.mnemonic, register.layer, register.quadrants) == ("Ly_ONED", 4, (0, 1, 2))
    [field] = register.fields
    assert (field.name, field.a_name, field.b_name) == ("ewise_func", "add", "sub")


@pytest.mark.shared
def test_a_network_that_ends_early(shared: Path) -> None:
    """Weights and biases lie elsewhere, the first layers are the same all the same."""
    difference = traces(shared, "d-cifar-10", "d-cifar-10+stop4")
    assert difference.verdict is Verdict.OTHER_NETWORK
    assert difference.shared_start == 5
    assert [layer.b for layer in difference.layers] == [0, 1, 2, 3, 4] + [None] * 6
    assert all(layer.outputs_same for layer in difference.layers[:5])
    assert any(layer.placement for layer in difference.layers[:5])


@pytest.mark.shared
def test_two_generations_of_the_generator(shared: Path) -> None:
    assert traces(shared, "d-mnist", "sdk-mnist").verdict is Verdict.SAME_EFFECT


@pytest.mark.shared
def test_a_program_is_identical_to_itself(shared: Path) -> None:
    for path in sorted((shared / "traces").glob("*.npz"))[::24]:
        difference = compare(load_trace(path), load_trace(path))
        assert difference.verdict is Verdict.IDENTICAL, path.stem
        assert difference.layers, path.stem
        assert all(layer.computes_same and layer.numbers_same for layer in difference.layers)
        assert all(layer.outputs_same for layer in difference.layers), path.stem
        assert not any(layer.placement for layer in difference.layers)
        assert difference.input.same
        assert difference.registers == ()


# --- one thing changed --------------------------------------------------------------------------


def changed(trace: TraceFile, change: Callable[[Burst], Burst]) -> TraceFile:
    return dataclasses.replace(trace, bursts=tuple(map(change, trace.bursts)))


def stores(address: int, edit: Callable[[int], int]) -> Callable[[Burst], Burst]:
    """Edits every store to an address."""

    def change(burst: Burst) -> Burst:
        index, rest = divmod(address - burst.address, max(1, burst.stride_bytes))
        inside = burst.size == 4 and rest == 0 and 0 <= index < len(burst.values)
        if not inside or (index and not burst.stride_bytes):
            return burst
        values = burst.values.copy()
        values[index] = edit(int(values[index]))
        return dataclasses.replace(burst, values=values)

    return change


@pytest.fixture(scope="module")
def mnist(shared: Path) -> TraceFile:
    return load_trace(shared / "traces" / "sdk-mnist.npz")


@pytest.mark.shared
def test_one_weight(mnist: TraceFile) -> None:
    """The first byte that the loader gets is the first element of the first kernel, 0x33."""
    address = mem.kernel_address(0)
    other = changed(mnist, stores(address, lambda value: value + (1 << 24)))
    difference = compare(mnist, other)
    assert difference.verdict is Verdict.OTHER_WEIGHTS
    assert difference.registers == ()
    weights = [layer.weights for layer in difference.layers if layer.weights is not None]
    assert [w.different for w in weights] == [1] + [0] * (len(weights) - 1)
    assert weights[0].first == First(output=0, input=0, tap=(0, 0), a=51, b=52)
    assert weights[0].permuted == ""
    [unit] = difference.memories.kernels
    assert (unit.unit, unit.count, unit.first) == (0, 1, 0)
    assert (unit.a[:2], unit.b[:2]) == ("33", "34")
    assert all(not layer.bias.different for layer in difference.layers if layer.bias is not None)


@pytest.mark.shared
def test_one_bias(shared: Path) -> None:
    trace = load_trace(shared / "traces" / "d-cifar-10.npz")
    post = {
        q: word
        for q in range(4)
        for burst in trace.bursts
        if burst.address == reg.PostProcessing.address(q, 0)
        for word in burst.values.tolist()
    }
    [(quadrant, first)] = [
        (q, fields.bptr_sad)
        for q, word in post.items()
        if (fields := reg.PostProcessing.decode(word)).bptr_en
    ]
    address = mem.bias_address(quadrant, first + 7)
    difference = compare(trace, changed(trace, stores(address, lambda value: value ^ 1)))
    assert difference.verdict is Verdict.OTHER_WEIGHTS
    found = [layer.a for layer in difference.layers if layer.bias and layer.bias.different]
    assert found == [0]
    bias = difference.layers[0].bias
    assert bias is not None
    assert bias.first is not None
    assert (bias.different, bias.first.output, bias.first.input) == (1, 7, None)
    assert bias.first.a ^ bias.first.b == 1
    [unit] = difference.memories.biases
    assert (unit.unit, unit.count, unit.first) == (quadrant, 1, first + 7)


def every_quadrant(
    trace: TraceFile, register: type[reg.LayerRegister], layer: int, **fields: int
) -> TraceFile:
    """The same fields in all quadrants in which the program writes the register."""
    for quadrant in range(mem.QUADRANTS):
        edit = stores(
            register.address(quadrant, layer),
            lambda word: register(**{**vars(register.decode(word)), **fields}).encode(),
        )
        trace = changed(trace, edit)
    return trace


@pytest.mark.shared
def test_one_field(mnist: TraceFile) -> None:
    difference = compare(mnist, every_quadrant(mnist, reg.PostProcessing, 2, scale_reg=5))
    assert difference.verdict is Verdict.OTHER_OPERATIONS
    [register] = difference.registers
    assert (register.mnemonic, register.layer, register.effect) == ("Ly_POST", 2, Effect.RESULT)
    assert register.quadrants == (0, 1, 2, 3)
    assert [(field.name, field.b) for field in register.fields] == [("scale_reg", 5)]
    assert "by 5" in register.meaning_b[0]
    assert [layer.a for layer in difference.layers if layer.operation] == [2]


@pytest.mark.shared
def test_what_only_the_chip_sees(shared: Path) -> None:
    """When a layer that does not stream begins to read from the FIFO."""
    trace = load_trace(shared / "traces" / "t-layers+fifo.npz")
    difference = compare(trace, every_quadrant(trace, reg.Stream0, 0, strm_isval=7))
    assert difference.verdict is Verdict.SAME_IN_MODEL
    assert not difference.same
    assert [register.effect for register in difference.registers] == [Effect.CHIP]


@pytest.mark.shared
def test_a_row_cache_that_cannot_work(mnist: TraceFile) -> None:
    difference = compare(mnist, every_quadrant(mnist, reg.TramPointer, 1, tptr_max=1))
    assert difference.verdict is Verdict.UNKNOWN
    assert difference.a.refusals == ()
    assert "tptr_max" in difference.b.refusals[0]
    assert [register.mnemonic for register in difference.registers] == ["Ly_TPTR"]


@pytest.mark.shared
def test_registers_without_effect(mnist: TraceFile) -> None:
    """Memory timing, and a register that this layer makes no use of."""
    other = changed(mnist, stores(reg.Sram.address(2), lambda word: word ^ 1 << 2))
    other = every_quadrant(other, reg.WritePointerTimeSlotOffset, 4, offset_words=77)
    difference = compare(mnist, other)
    assert difference.verdict is Verdict.SAME_EFFECT
    names = {register.mnemonic for register in difference.registers}
    assert "SRAM" in names
    assert {register.effect for register in difference.registers} == {Effect.NONE}


@pytest.mark.shared
def test_another_order(mnist: TraceFile) -> None:
    phases = [burst.phase for burst in mnist.bursts]
    first = phases.index(Phase.CONFIGURE)
    last = len(phases) - 1 - phases[::-1].index(Phase.CONFIGURE)
    bursts = [*mnist.bursts[:first], *mnist.bursts[last:first:-1], mnist.bursts[first]]
    other = dataclasses.replace(mnist, bursts=(*bursts, *mnist.bursts[last + 1 :]))
    difference = compare(mnist, other)
    assert difference.verdict is Verdict.SAME_EFFECT
    assert difference.stores.reordered
    assert habits(difference.stores) == ("the same stores in another order",)


@pytest.mark.shared
def test_another_input(mnist: TraceFile) -> None:
    other = changed(
        mnist,
        lambda burst: (
            dataclasses.replace(burst, values=burst.values ^ np.uint32(1))
            if burst.phase is Phase.INPUT
            else burst
        ),
    )
    difference = compare(mnist, other)
    assert difference.verdict is Verdict.OTHER_INPUT
    assert 0 < difference.input.different <= difference.input.count // 4
    assert all(layer.outputs_same is None for layer in difference.layers)


# --- networks at random places ------------------------------------------------------------------


@seed(7)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_network_is_recovered_wherever_it_lies(case: Case) -> None:
    """Weights, biases and connections, from addresses alone, equal those that were placed."""
    plan = case.plan()
    state = state_of(as_trace(lower(plan), case.data(), "random"))
    assert state.refusals == ()
    assert state.input is not None
    found = network_of(state)
    for layer, placed, wanted in zip(found, case.layers, plan.network.layers, strict=True):
        assert layer.sources == tuple((number - 1,) for number in placed.reads)
        if wanted.weight is None:
            continue
        weights = wanted.weight.array.astype(np.int8)
        if not weights[0].any():  # an empty first channel looks like a dummy
            continue
        if wanted.spec.flatten:  # as the chip counts: pixel by pixel
            shape = (len(weights), wanted.spec.in_channels, -1)
            weights = weights.reshape(shape).transpose(0, 2, 1).reshape(len(weights), -1, 1, 1)
        assert layer.weights is not None
        weights = weights.reshape(*weights.shape[:2], *layer.weights.shape[2:])
        difference = compare_numbers(layer.weights, weights)
        assert difference is not None
        assert difference.different == 0, difference
        if wanted.bias is not None:
            difference = compare_numbers(layer.bias, wanted.bias.array.astype(np.int8))
            assert difference is not None
            assert difference.different == 0, difference


# --- programs made here -------------------------------------------------------------------------


def program(tmp_path: Path, recorder: Recorder, output: int) -> TraceFile:
    recorder.start()
    return load_trace(recorder.save(tmp_path / f"{len(recorder.writes)}.npz", {output: 42}))


def plain(tmp_path: Path) -> TraceFile:
    recorder = Recorder()
    recorder.copy_layer()
    return program(tmp_path, recorder, mem.data_address(0, 100))


def moved(tmp_path: Path) -> TraceFile:
    """The same layer on processor 5, its output in lane 1 of memory 2: slot 0 is a dummy."""
    recorder = Recorder()
    recorder.write(mem.kernel_loader_address(5), 1, size=1, phase=2)
    for value in (0, 64, 0):  # W[7] is the second byte of the stream: slot 1
        recorder.write(mem.kernel_address(5), value, phase=2)
    for register in (
        reg.OneDimensional(oned_width=1), reg.WritePointerBase(word=200, instance=2),
        reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1), reg.PostProcessing(scale_reg=1),
        reg.Enable(pro_en=1 << 5, mask_en=1 << 5), reg.MaskCount(mcnt_max=8),
        reg.LayerControl1(xpch_max=8), reg.ReadPointerBase(word=3),
    ):  # fmt: skip
        recorder.put(register)
    recorder.write(mem.data_address(1, 3), 42 << 8, phase=5)
    return program(tmp_path, recorder, mem.data_address(2, 200))


def test_the_same_network_elsewhere(tmp_path: Path) -> None:
    difference = compare(plain(tmp_path), moved(tmp_path))
    assert difference.verdict is Verdict.OTHER_PLACEMENT
    [layer] = difference.layers
    assert layer.computes_same
    assert layer.numbers_same
    assert layer.outputs_same
    assert difference.input.same
    parts = {part.name: (part.a, part.b) for part in layer.placement}
    assert parts["processors"] == ("0", "5")
    assert parts["reads from"] == ("word 0 (0x0000)", "word 3 (0x000c)")


def test_a_program_that_is_not_modelled(tmp_path: Path) -> None:
    """It is compared register by register all the same."""
    recorder = Recorder()
    recorder.copy_layer()
    recorder.put(reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1, mslave=1))
    difference = compare(plain(tmp_path), program(tmp_path, recorder, 0x50400000))
    assert difference.verdict is Verdict.UNKNOWN
    assert difference.layers == ()
    assert "mslave" in difference.b.refusals[0]
    [register] = difference.registers
    assert [field.name for field in register.fields] == ["mslave"]


def test_stores_that_lead_nowhere_are_named_and_left_out(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.write(0x50100A90, 1)
    recorder.copy_layer()
    difference = compare(plain(tmp_path), program(tmp_path, recorder, 0x50400000))
    assert difference.layers[0].outputs_same
    assert "0x50100a90" in difference.b.refusals[0]


def test_a_program_that_never_starts(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.copy_layer()
    other = load_trace(recorder.save(tmp_path / "idle.npz", {}))
    difference = compare(plain(tmp_path), other)
    assert difference.verdict is Verdict.UNKNOWN
    assert difference.b.refusals == ("the accelerator is never started",)
