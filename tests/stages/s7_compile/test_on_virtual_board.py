"""The compiled project on the virtual board: every placement of data, lines, commands, faults."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.program import Program
from mxdeploy.ir.project import Project
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Sigmoid, Softmax
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import emit
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests.builders import build, conv, inputs_for, linear, max_pool, with_tail

PROMPT = b"\n> "
RELU = Activation.RELU


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """Skip loudly without a compiler or the CPU emulator."""
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")


def answered(network: QuantNetwork) -> tuple[Program, KnownAnswer]:
    """The network's program and what the accelerator model answers to a random input."""
    program, x = lower(map_network(network)), inputs_for(network)
    result = AcceleratorMachine(program).run(x)
    return program, KnownAnswer(input=Tensor(x), outputs=result.outputs, source="random numbers")


def board_with(project: Project, cache: Path):
    from mxdeploy.emulator.board import VirtualBoard

    return VirtualBoard(project.board, compile_project(project, cache=cache).elf)


@dataclass(frozen=True)
class Output:
    name: str
    array: np.ndarray


def read_outputs(text: str) -> list[Output]:
    """The outputs in the machine-readable lines, by the format that ``wire.h`` describes."""
    found = []
    pattern = (
        r"@output (\d+) (\S+) (\d+) (\d+) (\d+) (\d+)"
        r"(?: ([0-9a-f]+)\r\n|\r\n((?:@data [0-9a-f]+\r\n)+)@end\r\n)"
    )
    for index, name, bits, c, h, w, direct, lines in re.findall(pattern, text):
        assert int(index) == len(found)
        pieces = [direct] if direct else [line[6:] for line in lines.splitlines()]
        assert all(len(piece) <= 64 * int(bits) // 4 for piece in pieces)
        data = np.frombuffer(bytes.fromhex("".join(pieces)), f">i{int(bits) // 8}")
        found.append(Output(unquote(name), data.reshape(int(c), int(h), int(w))))
    return found


SCORES = [conv(5, pad=1, bias=True), linear(10, flatten=True, output_bits=32)]
NETWORKS = {
    "32-bit scores": build((3, 6, 6), SCORES),
    "bytes in two passes": build((4, 5, 5), [conv(100, activation=RELU)]),
    "32-bit map": build((70, 4, 3), [conv(9, kernel=1, output_bits=32)]),
    "one channel, large": build((1, 100, 90), [conv(2, pad=1, pool=max_pool(8))]),
    "three outputs": build(
        (3, 8, 8),
        [conv(8, pad=1, activation=RELU), conv(70, pad=1, pool=max_pool(2)), *SCORES[1:]],
        outputs=("y0", "y1", "y2"),
    ),
    "name with blanks": replace(build((2, 3, 3), [conv(2)]), name="a b\n@result PASS"),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_every_element_of_every_placement(name: str, cache: Path) -> None:
    network = NETWORKS[name]
    program, answer = answered(network)
    project = emit(program, answer, load_board("max78000fthr"))
    board = board_with(project, cache)
    board.run(until=PROMPT)
    text = board.uart_output.decode()
    outputs = read_outputs(text)
    assert [o.name for o in outputs] == [value for value, _ in answer.outputs]
    for output, (_, expected) in zip(outputs, answer.outputs, strict=True):
        assert np.array_equal(output.array, expected.array)
    lines = text.split("\r\n")
    assert lines.count("@result PASS") == 1
    assert lines[-2] == "PASS"
    hello = next(line for line in lines if line.startswith("@hello ")).split(" ")
    assert [hello[1], unquote(hello[2]), *hello[3:]] == [
        "mxdeploy", network.name, network.digest[:16], "max78000fthr",
    ]  # fmt: skip
    assert board.leds == {"LED1 red": False, "LED1 green": True, "LED1 blue": False}


def test_large_input_goes_channel_by_channel() -> None:
    """The placement above that needs four pixels in each word."""
    plan = map_network(NETWORKS["one channel, large"])
    assert plan.input.order is DataOrder.CHW


def test_measured_time_is_the_accelerators(cache: Path) -> None:
    program, answer = answered(NETWORKS["32-bit scores"])
    board = board_with(emit(program, answer, load_board("max78000evkit")), cache)
    board.run(until=PROMPT)
    cycles = AcceleratorMachine(program).run(answer.input.array.astype(np.int8)).cycles
    assert cycles is not None
    measured = re.search(rb"@time_us (\d+)", board.uart_output)
    assert measured
    assert abs(int(measured[1]) - cycles / 50) < 3
    assert board.leds == {"LED1": True, "LED2": False}


def test_waits_two_seconds_before_the_first_byte(cache: Path) -> None:
    program, answer = answered(NETWORKS["32-bit scores"])
    board = board_with(emit(program, answer, load_board("max78000fthr")), cache)
    board.run(until=b"mxdeploy:")
    assert 2.0 <= board.seconds < 2.1


def test_a_wrong_answer_is_found(cache: Path) -> None:
    program, answer = answered(NETWORKS["bytes in two passes"])
    name, right = answer.outputs[0]
    wrong = right.array.copy()
    wrong[71, 2, 1] ^= 3
    wrong[99, 2, 2] ^= 1
    false = replace(answer, outputs=((name, Tensor(wrong)),))
    board = board_with(emit(program, false, load_board("max78000fthr")), cache)
    board.run(until=PROMPT)
    text = board.uart_output.decode()
    element = 71 * 9 + 2 * 3 + 1
    expected, got = int(wrong[71, 2, 1]), int(right.array[71, 2, 1])
    assert f"FAIL output 0 element {element}: expected {expected}, got {got}\r\n" in text
    assert "2 output elements differ" in text
    assert "@result FAIL\r\nFAIL\r\n" in text
    assert "PASS" not in text
    assert board.leds["LED1 red"]
    assert not board.leds["LED1 green"]


def test_an_accelerator_that_never_ends_is_reported(cache: Path) -> None:
    program, answer = answered(NETWORKS["32-bit scores"])
    stuck = replace(program, start=program.acknowledge)
    board = board_with(emit(stuck, answer, load_board("max78000fthr")), cache)
    board.run(until=PROMPT)
    assert b"FAIL no interrupt from the accelerator within 10000 ms" in board.uart_output
    assert b"@result FAIL" in board.uart_output


def test_commands(cache: Path) -> None:
    program, answer = answered(NETWORKS["32-bit scores"])
    board = board_with(emit(program, answer, load_board("max78000fthr")), cache)
    board.run(until=PROMPT)

    def send(line: bytes) -> str:
        before = len(board.uart_output)
        board.uart_feed(line)
        board.run(until=PROMPT)
        return board.uart_output[before:].decode()

    assert "run   the known-answer test again" in send(b"help\r")
    assert "Input:    3 x 6 x 6" in send(b"info\n")
    assert "@result PASS" in send(b"rux\x08n\r")
    assert "@result PASS" in send(b"run\r")
    assert "unknown command: jump (try help)" in send(b"jump\r")
    assert "line is too long" in send(b"x" * 40 + b"\r")
    assert send(b"\r") == "\r\n> "
    assert board.inferences == 3


def test_classes_are_listed_by_probability(cache: Path) -> None:
    network = replace(
        with_tail(NETWORKS["32-bit scores"], Softmax(axis=0)),
        classes=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    )
    program, answer = answered(network)
    board = board_with(emit(program, answer, load_board("max78000fthr")), cache)
    board.run(until=PROMPT)
    rows = re.findall(
        r"^  (\w+) +(-?\d+\.\d{3}) +(\d+\.\d\d) %\r$", board.uart_output.decode(), re.MULTILINE
    )
    scores = answer.outputs[0][1].array.reshape(-1) / 128
    order = np.argsort(-scores, kind="stable")
    assert [row[0] for row in rows] == [network.classes[i] for i in order]
    assert np.allclose([float(row[1]) for row in rows], scores[order], atol=0.00051)
    exponentials = np.exp(scores[order] - scores.max())
    percent = 100 * exponentials / exponentials.sum()
    assert np.allclose([float(row[2]) for row in rows], percent, atol=0.0051)


def test_sigmoids_are_listed_in_order(cache: Path) -> None:
    network = build((3, 6, 6), [linear(4, flatten=True, output_bits=32)], seed=3)
    network = with_tail(network, Sigmoid())
    network = replace(
        network,
        values=tuple(replace(v, scale=2**-18) if v.name == "y0" else v for v in network.values),
    )
    program, answer = answered(network)
    board = board_with(emit(program, answer, load_board("max78000fthr")), cache)
    board.run(until=PROMPT)
    rows = re.findall(
        r"^  (\d) +(-?\d+\.\d{3}) +(\d+\.\d\d) %\r$", board.uart_output.decode(), re.MULTILINE
    )
    scores = answer.outputs[0][1].array.reshape(-1) * 2.0**-18
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert np.allclose([float(row[2]) for row in rows], 100 / (1 + np.exp(-scores)), atol=0.0051)


def test_an_unexpected_interrupt_is_reported_with_its_place(cache: Path) -> None:
    program, answer = answered(NETWORKS["32-bit scores"])
    project = emit(program, answer, load_board("max78000fthr"))
    source = b"""
        #include "board.h"
        #include "core.h"
        int main(void)
        {
            board_init();
            mmio_write(MXC_NVIC_ISER(0), 1u << MXC_IRQ_WUT % 32u);
            mmio_write(MXC_NVIC_ISER(1), 1u << MXC_IRQ_WUT % 32u);
            mmio_write(MXC_NVIC_ISPR(1), 1u << MXC_IRQ_WUT % 32u);
            for (;;) {
            }
        }
    """
    files = dict(project.files) | {"src/main.c": source}
    board = board_with(replace(project, files=tuple(sorted(files.items()))), cache)
    board.run(until=b"bfar=", limit_seconds_virtual=4)
    line = re.search(
        rb"@fault exception=(\d+) pc=([0-9a-f]{8}) lr=([0-9a-f]{8}) cfsr=00000000",
        board.uart_output,
    )
    assert line
    assert int(line[1]) == 16 + 53
    assert 0x1000_0000 < int(line[2], 16) < 0x1000_4000
    board.run(limit_seconds_virtual=0.1)
    assert board.leds["LED1 red"]
