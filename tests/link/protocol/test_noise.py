"""Flipped, lost and doubled bytes in both directions: late answers, never wrong ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.link.protocol import description as d
from mxdeploy.link.protocol.client import Client, Patience
from mxdeploy.link.protocol.frames import Frame, Splitter
from tests.link.protocol.conftest import Ready, random_input
from tests.link.protocol.lines import BoardLine, NoisyLine, client_on
from tests.link.protocol.test_firmware import NETWORKS, SMALL, tensor

Start = Callable[[QuantNetwork], Ready]
MARGIN_SECONDS = 3.0
"""The last try may begin just before the time is over."""


def session(ready: Ready, client: Client, line: BoardLine, seed: int) -> str:
    """Load, run and read; the result must be right, or the error honest and in time."""
    network = ready.network
    x = random_input(network, seed)
    expected = ready.machine.run(x).outputs[0][1].array
    started = line.clock()
    try:
        client.hello()
        started = line.clock()
        crc = client.load(x.tobytes())
        started = line.clock()
        client.run(crc, len(network.layers))
        started = line.clock()
        data = client.read_output(0, expected.size, expected.dtype.itemsize)
    except DeviceError as error:
        code, seconds = error.diagnostics[0].code, line.clock() - started
    else:
        assert np.array_equal(tensor(network, network.outputs[0], data), expected)
        return "right"
    assert code == "MX7601"
    assert seconds < 2 * d.ANSWER_SECONDS + MARGIN_SECONDS
    return "gave up"


def test_light_noise_is_overcome(start: Start) -> None:
    ready = start(SMALL)
    faults = repeats = 0
    for seed in range(16):
        noisy: list[NoisyLine] = []

        def wrap(line: BoardLine, seed: int = seed, found: list[NoisyLine] = noisy) -> NoisyLine:
            found.append(NoisyLine(line, seed, 0.004))
            return found[0]

        client, line = client_on(ready.board, wrap)
        assert session(ready, client, line, seed) == "right"
        faults += noisy[0].faults
        repeats += client.repeats
    assert faults > 16
    assert repeats > 5


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_heavy_noise_never_gives_a_wrong_answer(start: Start, rate: float) -> None:
    ready = start(SMALL)
    ends = []
    for seed in range(8):
        client, line = client_on(ready.board, lambda line, s=seed: NoisyLine(line, s, rate))
        ends.append(session(ready, client, line, seed))
    assert ("right" if rate < 0.1 else "gave up") in ends
    client, line = client_on(ready.board)
    assert session(ready, client, line, 99) == "right"  # the board has not been confused for good


def test_noise_in_long_messages(start: Start) -> None:
    ready = start(NETWORKS["several passes"])
    client, line = client_on(ready.board, lambda line: NoisyLine(line, 5, 0.001))
    assert session(ready, client, line, 5) == "right"
    assert client.repeats > 0


class ScriptedLine:
    """Answers each write as told; time passes only while somebody reads in vain."""

    url = "scripted:"

    def __init__(self, answers: Callable[[Frame], bytes]) -> None:
        self.now = 0.0
        self.writes = 0
        self._answers = answers
        self._waiting = b""

    def clock(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        self.writes += 1
        for frame in Splitter().feed(data):
            self._waiting += self._answers(frame)

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        found, self._waiting = self._waiting[:size], self._waiting[size:]
        self.now += 0 if found else timeout_seconds
        return found


def hello_answer(request: Frame, **changes: int) -> Frame:
    values: dict[str, d.Value] = {
        f.name: {"digest": bytes(32), "text": "name"}.get(f.kind, 1) for f in d.HELLO.answer
    }
    fields = {"sequence": request.sequence, "boot": 7, "status": 0, "code": request.code, **changes}
    return Frame(payload=d.pack(d.HELLO.answer, values), **fields)


def scripted(answers: Callable[[Frame], bytes]) -> tuple[Client, ScriptedLine]:
    line = ScriptedLine(answers)
    return Client(line, Patience(), clock=line.clock), line


def test_a_dead_line_is_given_up_in_the_stated_time() -> None:
    client, line = scripted(lambda _frame: b"")
    with pytest.raises(DeviceError, match="nothing was received") as caught:
        client.hello()
    assert caught.value.exit_code == 5
    assert d.ANSWER_SECONDS <= line.now < d.ANSWER_SECONDS + 0.01
    assert 8 <= line.writes <= 16


def test_text_alone_is_no_answer_but_is_shown() -> None:
    client, _ = scripted(lambda _frame: b"unknown command\r\n> ")
    with pytest.raises(DeviceError, match="unknown command"):
        client.hello()


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": -1}, {"code": 2}, {"status": None},
    ],
)  # fmt: skip
def test_answers_to_something_else_do_not_count(change: dict[str, int]) -> None:
    def answers(frame: Frame) -> bytes:
        wrong = dict(change)
        if "sequence" in wrong:
            wrong["sequence"] = (frame.sequence + wrong["sequence"]) % 0x10000
        return hello_answer(frame, **wrong).encode()

    client, _ = scripted(answers)
    with pytest.raises(DeviceError) as caught:
        client.hello()
    assert caught.value.diagnostics[0].code == "MX7601"


def test_another_version_is_explained() -> None:
    client, _ = scripted(lambda frame: hello_answer(frame, version=3).encode())
    with pytest.raises(DeviceError, match="speaks version 3"):
        client.hello()


def test_a_board_that_does_not_reset() -> None:
    def answers(frame: Frame) -> bytes:
        if frame.code == d.HELLO.code:
            return hello_answer(frame).encode()
        done = Frame(code=frame.code, sequence=frame.sequence, boot=7, status=0, payload=b"")
        return done.encode()

    client, _ = scripted(answers)
    client.hello()
    with pytest.raises(DeviceError, match="did not reset"):
        client.reset()


def test_short_data_are_refused() -> None:
    def answers(frame: Frame) -> bytes:
        if frame.code == d.HELLO.code:
            return hello_answer(frame).encode()
        found = Frame(code=frame.code, sequence=frame.sequence, boot=7, status=0, payload=b"abc")
        return found.encode()

    client, _ = scripted(answers)
    client.hello()
    with pytest.raises(DeviceError, match="another length"):
        client.read_output(0, 4, 1)
    with pytest.raises(DeviceError, match="not what was asked for"):
        client.run(0, 1)
