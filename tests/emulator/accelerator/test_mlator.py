"""The Mlator as the user guide describes it: four successive bytes of one lane per read."""

from __future__ import annotations

import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import NotModelledError


def load(bench, *, quadrant: int = 0, word: int = 100, instance: int = 0, lane: int = 0) -> None:
    bench.put(reg.WritePointerBase(word=word, instance=instance), quadrant, 0)
    bench.put(reg.Ctrl(clk_en=1), quadrant)
    bench.put(reg.Ctrl(clk_en=1, mlat_ld=1, mlatch_sel=lane), quadrant)


def fill(bench, memory: int, first: int = 100) -> None:
    """Word n holds bytes n, 0x40 + n, 0x80 + n, 0xC0 + n."""
    bench.data(
        memory, first, [n | 0x40 + n << 8 | 0x80 + n << 16 | 0xC0 + n << 24 for n in range(12)]
    )


@pytest.mark.parametrize("lane", range(4))
def test_reads_go_on_down_one_lane(bench, lane: int) -> None:
    fill(bench, 0)
    load(bench, lane=lane)
    port = reg.Mlat.address(0)
    got = [bench.accelerator.read(port).to_bytes(4, "little") for _ in range(3)]
    assert b"".join(got) == bytes(0x40 * lane + n for n in range(12))


def test_each_quadrant_reads_its_own_memories(bench) -> None:
    fill(bench, 9)  # the second data memory of quadrant 2
    for instance in (1, 9):  # with or without the quadrant's number in the pointer
        load(bench, quadrant=2, instance=instance)
        assert bench.accelerator.read(reg.Mlat.address(2)) == 0x03020100


def test_the_address_is_loaded_on_the_edge(bench) -> None:
    fill(bench, 0)
    load(bench)
    bench.accelerator.read(reg.Mlat.address(0))
    bench.put(reg.Ctrl(clk_en=1, mlat_ld=1), 0)  # still set: no new load
    assert bench.accelerator.read(reg.Mlat.address(0)) == 0x07060504
    load(bench)
    assert bench.accelerator.read(reg.Mlat.address(0)) == 0x03020100


@pytest.mark.parametrize(
    ("change", "register", "field", "value"),
    [
        (reg.Ctrl(clk_en=1), "CTRL", "mlat_ld", 0),
        (reg.Ctrl(clk_en=1, cnn_en=1, mlat_ld=1, ext_sync_en=1, ext_sync_quadrant=3), "CTRL",
         "cnn_en", 1),
        (reg.LayerControl1(inpchexp=2), "Ly_LCTRL1", "inpchexp", 2),
        (reg.LayerControl1(wptr_inc=1), "Ly_LCTRL1", "wptr_inc", 1),
    ],
)  # fmt: skip
def test_refusals(bench, change, register: str, field: str, value: int) -> None:
    load(bench)
    bench.put(change, 0, 0)
    with pytest.raises(NotModelledError) as caught:
        bench.accelerator.read(reg.Mlat.address(0))
    assert (caught.value.register, caught.value.field, caught.value.value) == (
        register, field, value,
    )  # fmt: skip


def test_the_end_of_the_memories(bench) -> None:
    load(bench, word=mem.DATA_WORDS - 4, instance=3)
    assert bench.accelerator.read(reg.Mlat.address(0)) == 0
    with pytest.raises(NotModelledError, match="past the last word"):
        bench.accelerator.read(reg.Mlat.address(0))


def test_another_quadrants_memory(bench) -> None:
    with pytest.raises(NotModelledError, match="its own quadrant"):
        load(bench, instance=4)
