"""One-shot mode, by the user guide: each 0 -> 1 of CTRL.cnn_en runs the next layer."""

from __future__ import annotations

import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import NotModelledError
from tests.emulator.accelerator.test_machine import OUT, copy_layer

MODE = {"clk_en": 1, "oneshot": 1}


def prepare(bench, layers: int = 3) -> None:
    bench.initialize(layers)
    bench.kernels(0, [[0, 0, 0, 0, 0, 0, 0, 0, 64]])
    for number in range(layers):
        bench.layer(number, copy_layer(word=number * OUT, out=(number + 1) * OUT))
    bench.data(0, 0, range(16))


def step(bench) -> None:
    bench.put(reg.Ctrl(**MODE))
    bench.put(reg.Ctrl(**MODE, cnn_en=1))
    bench.accelerator.complete()


def test_a_layer_at_a_time(bench) -> None:
    prepare(bench)
    for number in range(3):
        written = [bench.bytes_at(0, OUT * n, 2) for n in range(1, 4)]
        assert written == [[0, 1]] * number + [[0, 0]] * (3 - number)
        step(bench)
        assert bench.accelerator.interrupt
        assert [x.description.number for x in bench.accelerator.layers] == list(range(number + 1))
    step(bench)  # after the last layer it begins anew
    assert [layer.description.number for layer in bench.accelerator.layers] == [0]


def test_memories_can_be_changed_in_between(bench) -> None:
    prepare(bench)
    step(bench)
    bench.data(0, OUT, [99])
    step(bench)
    assert bench.bytes_at(0, 2 * OUT, 2) == [99, 1]


def test_cycles_of_each_step(bench) -> None:
    prepare(bench)
    step(bench)
    first = bench.accelerator.time
    assert first is not None
    assert first.cycles == 1 + bench.accelerator.layers[0].cycles


def test_a_reset_begins_anew(bench) -> None:
    prepare(bench)
    step(bench)
    bench.accelerator.power_on()
    prepare(bench)
    step(bench)
    assert [layer.description.number for layer in bench.accelerator.layers] == [0]


def test_leaving_the_mode_half_way(bench) -> None:
    prepare(bench)
    step(bench)
    bench.put(reg.Ctrl(clk_en=1))
    with pytest.raises(NotModelledError, match="layer 1 is the next one") as caught:
        bench.put(reg.Ctrl(clk_en=1, cnn_en=1))
    assert (caught.value.register, caught.value.field, caught.value.value) == ("CTRL", "oneshot", 0)


def test_not_with_a_fifo(bench) -> None:
    prepare(bench)
    bench.put(reg.InputFrame(ifrm_reg=16))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    with pytest.raises(NotModelledError, match="side by side") as caught:
        bench.put(reg.Ctrl(**MODE, cnn_en=1, fifo_en=1))
    assert caught.value.field == "oneshot"
