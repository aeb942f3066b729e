"""Recorded programs on the accelerator model, and damaged, wrong or refused ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.replay import Status, replay_file, replay_many
from mxdeploy.emulator.trace import load_trace
from mxdeploy.errors import UsageError

SEVEN = (
    "sdk-mnist", "sdk-cifar-10", "d-mnist", "d-mnist-extrasmall", "d-cifar-10", "d-asl",
    "d-dotprod",
)  # fmt: skip
# Published cycles of programs whose traces carry no figures of their own.
PUBLISHED_CYCLES = {"sdk-mnist": 70_157, "sdk-cifar-10": 85_265}
# Their recorded layer 0 is not what their registers compute; the compared words agree all the same.
DEFECTIVE_RECORDS = {"t-fifostream-pool~q1", "t-fifostream-pool~q2"}


@pytest.mark.shared
@pytest.mark.parametrize("name", SEVEN)
def test_program_is_exact(shared: Path, name: str) -> None:
    trace = load_trace(shared / "traces" / f"{name}.npz")
    result = replay_file(shared / "traces" / f"{name}.npz")
    assert result.status is Status.EXACT, (result.difference, result.refusal)
    assert result.words_compared == len(trace.expect_address) > 0
    assert result.words_different == result.layers_different == 0
    assert result.layers_compared == len(trace.layers)
    if name in PUBLISHED_CYCLES:
        assert result.time is not None
        assert result.time.cycles == PUBLISHED_CYCLES[name]
    else:
        assert not trace.meta["latency_estimated"]
        recorded = [cycles for cycles, _ in trace.meta["latency"]]
        assert [1, *result.layer_cycles] == recorded


@pytest.mark.shared
def test_a_tenth_of_all_programs_is_exact(shared: Path) -> None:
    """Sorted names put variants of a network side by side: every tenth one, over all kinds."""
    paths = sorted((shared / "traces").glob("*.npz"))[::10]
    assert len(paths) > 40
    layers = 0
    for path in paths:
        result = replay_file(path)
        assert result.status is Status.EXACT, (path.stem, result.difference, result.refusal)
        if path.stem not in DEFECTIVE_RECORDS:
            assert result.layer_difference is None, (path.stem, result.layer_difference)
        layers += result.layers_compared
    assert layers > 100


@pytest.mark.shared
def test_single_features(shared: Path) -> None:
    """The programs for what few others use: four quadrants, Abs, sub/or/xor, rounding, Mlator."""
    names = (
        "r-254-riscv-csv-qfastfifostream-cifar2-hwc-s2", "t-cifar10-abs", "t-resnet-4l~sub",
        "t-resnet-4l~or", "t-resnet-4l~xor", "t-eltwiseadd-pool-avg+avground",
        "t-upsample+mlator", "t-layers+initram", "t-layers+wzero", "t-layers+zerosram",
        "t-conv1d-dilation7-pad0-128ch", "t-mpadd3-256", "t-ffsx4readahead-multipass-bias~h",
        "t-widein-q2+oldloader", "t-wideout-q4+oldmex",
    )  # fmt: skip
    for name in names:
        result = replay_file(shared / "traces" / f"{name}.npz")
        assert result.status is Status.EXACT, (name, result.difference, result.refusal)
        assert result.layers_different == 0


@pytest.mark.shared
def test_a_record_that_registers_contradict(shared: Path) -> None:
    result = replay_file(shared / "traces" / "t-fifostream-pool~q1.npz")
    assert result.status is Status.EXACT
    assert result.layer_difference is not None
    assert result.layer_difference.layer == 0


@pytest.mark.shared
def test_many_in_order_and_in_parallel(shared: Path) -> None:
    names = ["d-mnist-extrasmall", "d-dotprod", "sdk-mnist", "d-dotprod"]
    paths = [shared / "traces" / f"{name}.npz" for name in names]
    results = list(replay_many(paths, jobs=2))
    assert [result.name for result in results] == names
    assert all(result.status is Status.EXACT for result in results)
    alone = replay_many(paths, jobs=1)
    assert [r.layer_cycles for r in alone] == [r.layer_cycles for r in results]


def corrupted(path: Path, target: Path, **arrays: np.ndarray) -> Path:
    with np.load(path) as archive:
        content = {key: archive[key] for key in archive.files}
    np.savez(target, **(content | arrays))
    return target


@pytest.mark.shared
def test_a_changed_kernel_is_found_in_its_layer(shared: Path, tmp_path: Path) -> None:
    """The first layer whose weights differ is named."""
    path = shared / "traces" / "d-mnist.npz"
    with np.load(path) as archive:
        values = archive["writes_val"].copy()
        first = int(np.flatnonzero(archive["run_phase"] == 2)[1])
        offset = int(archive["run_len"][:first].sum())
    values[offset : offset + 3] ^= 0x40404040
    result = replay_file(corrupted(path, tmp_path / "changed.npz", writes_val=values))
    assert result.layers_different > 0
    assert result.layer_difference is not None
    assert result.layer_difference.layer == 0
    assert result.name == "changed"
    if result.status is Status.MISMATCH:
        assert result.difference is not None
        assert result.difference.layer == 4


@pytest.mark.shared
def test_a_changed_answer_is_located(shared: Path, tmp_path: Path) -> None:
    path = shared / "traces" / "d-asl.npz"
    with np.load(path) as archive:
        expected = archive["expect_val"].copy()
        address = int(archive["expect_addr"][5])
        layers = json.loads(str(archive["meta"][()]))["n_layers"]
    expected[5] += 1
    result = replay_file(corrupted(path, tmp_path / "answer.npz", expect_val=expected))
    assert result.status is Status.MISMATCH
    assert result.words_different == 1
    difference = result.difference
    assert difference is not None
    assert (difference.address, difference.expected) == (address, int(expected[5]))
    assert difference.got == difference.expected - 1
    assert difference.layer == layers - 1
    assert (difference.channel, difference.row, difference.column) == (5, 0, 0)


# --- files made here ----------------------------------------------------------------------------


class Recorder:
    """A small program as a trace file."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int, int]] = []
        for address, value in ((0x4000580C, 0xF), (0x40005804, 1), (0x40005800, 1),
                               (0x40005808, 0xE), (0x4000580C, 0), (0x40000024, 0)):  # fmt: skip
            self.write(address, value, phase=0)
        self.put(reg.Ctrl(clk_en=1, mexpress=1), phase=1)

    def write(self, address: int, value: int, *, size: int = 4, phase: int = 4) -> None:
        self.writes.append((address, value, size, phase))

    def put(self, value: Register, phase: int = 4) -> None:
        if isinstance(value, reg.BlockRegister):
            address = value.address()
        elif isinstance(value, reg.LayerRegister):
            address = value.address(0, 0)
        else:
            address = value.address(0)
        self.write(address, value.encode(), phase=phase)

    def copy_layer(self) -> None:
        """One pixel, weight 64, left shift 1: the output is the input."""
        self.write(mem.kernel_loader_address(0), 1, size=1, phase=2)
        for value in (0, 0, 64 << 24):
            self.write(mem.kernel_address(0), value, phase=2)
        for register in (
            reg.OneDimensional(oned_width=1), reg.WritePointerBase(word=100),
            reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1), reg.PostProcessing(scale_reg=1),
            reg.Enable(pro_en=1, mask_en=1),
        ):  # fmt: skip
            self.put(register)
        self.write(mem.data_address(0), 42, phase=5)

    def start(self, **mode: int) -> None:
        self.put(reg.Ctrl(clk_en=1, mexpress=1, cnn_en=1, **mode), phase=6)

    def arrays(self, expected: dict[int, int]) -> dict[str, np.ndarray]:
        columns = list(zip(*self.writes, strict=True))
        count = len(self.writes)
        empty = np.zeros(0, np.uint32)
        return {
            "run_addr": np.array(columns[0], np.uint32),
            "writes_val": np.array(columns[1], np.uint32),
            "run_len": np.ones(count, np.uint32),
            "run_stride": np.zeros(count, np.uint8),
            "run_size": np.array(columns[2], np.uint8),
            "run_phase": np.array(columns[3], np.uint8),
            "post_w_addr": empty, "post_w_val": empty,
            "post_w_size": empty.astype(np.uint8), "post_w_phase": empty.astype(np.uint8),
            "expect_addr": np.array(list(expected), np.uint32),
            "expect_mask": np.full(len(expected), 0xFFFFFFFF, np.uint32),
            "expect_val": np.array(list(expected.values()), np.uint32),
            "meta": np.array(json.dumps({"name": "small"})),
        }  # fmt: skip

    def save(self, path: Path, expected: dict[int, int]) -> Path:
        np.savez(path, **self.arrays(expected))
        return path


def small_program() -> Recorder:
    recorder = Recorder()
    recorder.copy_layer()
    return recorder


OUTPUT = mem.data_address(0, 100)


def test_small_program(tmp_path: Path) -> None:
    recorder = small_program()
    recorder.start()
    result = replay_file(recorder.save(tmp_path / "a.npz", {OUTPUT: 42}))
    assert (result.status, result.words_compared, result.weak) == (Status.EXACT, 1, True)
    assert [layer.description.to_text() for layer in result.layers] == [
        "layer 0: 1x1x1, convolution, 1x1 pad 0 8 bit, 1 slots, shift +1",
    ]
    assert result.doubts == ()
    wrong = replay_file(recorder.save(tmp_path / "b.npz", {OUTPUT: 43}))
    assert wrong.status is Status.MISMATCH
    assert wrong.difference is not None
    assert (wrong.difference.layer, wrong.difference.channel, wrong.difference.got) == (0, 0, 42)


def test_not_modelled(tmp_path: Path) -> None:
    recorder = small_program()
    recorder.start(simple1b=1)
    result = replay_file(recorder.save(tmp_path / "a.npz", {OUTPUT: 42}))
    assert result.status is Status.NOT_MODELLED
    assert result.refusal is not None
    assert (result.refusal.register, result.refusal.field, result.refusal.value) == (
        "CTRL", "simple1b", 1,
    )  # fmt: skip


def test_one_shot(tmp_path: Path) -> None:
    """Two layers, two starts: the answer of the second layer is there after the second."""
    recorder = small_program()
    recorder.put(reg.LayerCountMax(lcnt=1))
    for register in (
        reg.OneDimensional(oned_width=1), reg.ReadPointerBase(word=100),
        reg.WritePointerBase(word=200), reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1),
        reg.PostProcessing(scale_reg=2), reg.Enable(pro_en=1, mask_en=1),
    ):  # fmt: skip
        recorder.write(register.address(0, 1), register.encode())
    second = mem.data_address(0, 200)
    for answers in ({OUTPUT: 42, second: 0}, {OUTPUT: 42, second: 84}):
        recorder.put(reg.Ctrl(clk_en=1, mexpress=1, oneshot=1), phase=6)
        recorder.start(oneshot=1)
        result = replay_file(recorder.save(tmp_path / "a.npz", answers))
        assert result.status is Status.EXACT, result.difference


def test_reads_of_the_mlator_are_played(tmp_path: Path) -> None:
    """They have no known answer; one that is not modelled is a warning."""
    recorder = small_program()
    recorder.start()
    arrays = recorder.arrays({OUTPUT: 42})
    stores = (
        (reg.Ctrl.address(0), reg.Ctrl(clk_en=1).encode(), 7),
        (reg.LayerControl1.address(0, 0), 0, 9),
        (reg.Ctrl.address(0), reg.Ctrl(clk_en=1, mlat_ld=1).encode(), 9),
        (reg.LayerControl1.address(0, 0), 1, 9),
    )
    addresses, values, phases = zip(*stores, strict=True)
    arrays |= {
        "post_w_addr": np.array(addresses, np.uint32), "post_w_val": np.array(values, np.uint32),
        "post_w_size": np.full(4, 4, np.uint8), "post_w_phase": np.array(phases, np.uint8),
        "read_addr": np.full(2, reg.Mlat.address(0), np.uint32),
    }  # fmt: skip
    for after, doubtful in (([3, 3], 0), ([3, 4], 1), ([1, 3], 1)):
        np.savez(tmp_path / "a.npz", **arrays, read_after_post_w=np.array(after, np.uint32))
        result = replay_file(tmp_path / "a.npz")
        assert result.status is Status.EXACT
        assert len(result.doubts) == doubtful
        assert all(found.severity == "warning" for found in result.doubts)


@pytest.mark.parametrize("address", [0x50100A90, 0x40001234, 0x20000000])
def test_an_unknown_address(tmp_path: Path, address: int) -> None:
    recorder = small_program()
    recorder.write(address, 1)
    recorder.start()
    result = replay_file(recorder.save(tmp_path / "a.npz", {OUTPUT: 42}))
    assert result.status is Status.NOT_MODELLED
    assert result.refusal is not None
    assert f"0x{address:08x}" in result.refusal.text
    assert replay_file(tmp_path / "a.npz", lenient=True).status is Status.EXACT


def test_a_program_that_never_finishes(tmp_path: Path) -> None:
    recorder = small_program()
    result = replay_file(recorder.save(tmp_path / "a.npz", {OUTPUT: 42}))
    assert result.status is Status.MISMATCH
    assert result.refusal is not None
    assert "never started" in result.refusal.text
    recorder.put(reg.InputFrame(ifrm_reg=2))
    recorder.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    recorder.start(fifo_en=1)
    recorder.write(0x50000008, 1, phase=5)
    starved = replay_file(recorder.save(tmp_path / "b.npz", {OUTPUT: 42}))
    assert starved.status is Status.MISMATCH
    assert starved.refusal is not None
    assert starved.refusal.text == "fifo-underrun: FIFO 0 is 1 words short (it got 1 of 2)"


def test_access_before_power(tmp_path: Path) -> None:
    recorder = small_program()
    recorder.writes = [write for write in recorder.writes if write[0] != 0x40005800]
    recorder.start()
    result = replay_file(recorder.save(tmp_path / "a.npz", {OUTPUT: 42}))
    assert result.status is Status.NOT_MODELLED
    assert result.refusal is not None
    assert "no power" in result.refusal.text


def test_files_that_are_no_traces(tmp_path: Path) -> None:
    recorder = small_program()
    recorder.start()
    good = recorder.save(tmp_path / "good.npz", {OUTPUT: 42})
    arrays = recorder.arrays({OUTPUT: 42})
    (tmp_path / "truncated.npz").write_bytes(good.read_bytes()[:-200])
    (tmp_path / "half.npz").write_bytes(good.read_bytes()[:500])
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("not a trace")
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", **(arrays | {"meta": np.array({"a": 1}, dtype=object)}))
    np.savez(tmp_path / "meta.npz", **(arrays | {"meta": np.array("{")}))
    np.savez(tmp_path / "list.npz", **(arrays | {"meta": np.array("[]")}))
    np.savez(tmp_path / "short.npz", **(arrays | {"writes_val": arrays["writes_val"][:-1]}))
    np.savez(tmp_path / "uneven.npz", **(arrays | {"run_len": arrays["run_len"][:-1]}))
    np.savez(tmp_path / "float.npz", **(arrays | {"expect_val": np.array([42.0])}))
    np.savez(tmp_path / "phase.npz", **(arrays | {"run_phase": arrays["run_phase"] + 20}))
    for name in ("truncated", "half", "empty", "text", "other", "pickled", "meta", "list", "short",
                 "uneven", "float", "phase", "missing"):  # fmt: skip
        with pytest.raises(UsageError, match=f"{name}.npz") as caught:
            load_trace(tmp_path / f"{name}.npz")
        assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="single array"):
        load_trace(tmp_path / "array.npy")
    with pytest.raises(UsageError, match="cannot be read"):
        load_trace(tmp_path)


def test_runs_in_a_row(tmp_path: Path) -> None:
    """New input means that the run before is over: the last one decides."""
    recorder = small_program()
    recorder.start()
    for value in (43, 44):
        recorder.write(mem.data_address(0), value, phase=5)
        recorder.put(reg.Ctrl(clk_en=1, mexpress=1), phase=6)
        recorder.start()
    result = replay_file(recorder.save(tmp_path / "a.npz", {OUTPUT: 44}))
    assert result.status is Status.EXACT, result.difference
