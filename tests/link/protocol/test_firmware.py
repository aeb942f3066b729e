"""The compiled firmware on the virtual board against the host's side, command by command."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.link.protocol import description as d
from mxdeploy.link.protocol.client import BoardRestartedError, Client
from mxdeploy.link.protocol.frames import Frame, Splitter, crc32
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s4_map import MapOptions
from tests.builders import average_pool, build, conv, conv1d, linear, max_pool, passthrough
from tests.link.protocol.conftest import PROMPT, Ready, random_input
from tests.link.protocol.lines import BoardLine, client_on

RELU = Activation.RELU
SMALL = build((3, 6, 6), [conv(5, pad=1, bias=True), linear(10, flatten=True, output_bits=32)])
NETWORKS = {
    "small": SMALL,
    "several passes": build(
        (70, 5, 4),
        [conv(100, pad=1, activation=RELU), conv(9, 1, pool=max_pool(2), output_bits=32)],
    ),
    "large, four pixels in a word": build(
        (1, 100, 90), [conv(2, pad=1, pool=max_pool(8)), conv(6, pool=average_pool(2))]
    ),
    "outputs on the way": build(
        (3, 8, 8),
        [
            conv(8, pad=1, activation=RELU), conv(70, pad=1, pool=max_pool(2)),
            linear(10, flatten=True, output_bits=32),
        ],
        outputs=("y0", "y1", "y2"),
    ),
    "pooling alone": build(
        (40, 8, 6), [conv(60, pad=1), passthrough(max_pool(2)), conv(3, pool=average_pool(1))]
    ),
    "streaming, with a constant channel": build(
        (3, 12, 10),
        [
            conv(4, pad=1, bias=True, activation=RELU),
            conv(6, pad=1, bias=True, pool=max_pool(2)),
            conv(5, bias=True),
        ],
    ),
    "one dimension": build((20, 32, 1), [conv1d(40, pad=1), conv1d(7, kernel=5)]),
}  # fmt: skip
OPTIONS = {"streaming, with a constant channel": MapOptions(streams=2)}
Start = Callable[..., Ready]


def tensor(network: QuantNetwork, name: str, data: bytes) -> np.ndarray:
    value = network.value(name)
    return np.frombuffer(data, "<i4" if value.bits == 32 else np.int8).reshape(value.shape)


def elements(network: QuantNetwork, name: str) -> tuple[int, int]:
    value = network.value(name)
    return int(np.prod(value.shape)), value.bits // 8


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_every_layer(name: str, start: Start) -> None:
    ready = start(NETWORKS[name], OPTIONS.get(name, MapOptions()))
    network, (client, _) = ready.network, client_on(ready.board)
    layers = len(network.layers)
    assert client.hello().input_shape == network.value(network.input).shape
    for seed in (1, 2) if name == "small" else (3,):
        x = random_input(network, seed)
        expected = ready.machine.run(x)
        crc = client.load(x.tobytes())
        times = client.run(crc, layers)
        if ready.program.plan.fifo:
            assert times.load_ticks < 100
            assert 0 <= times.cnn_ticks - expected.cycles < 100
        for index, (value, right) in enumerate(expected.outputs):
            data = client.read_output(index, *elements(network, value))
            assert np.array_equal(tensor(network, value, data), right.array), value
        hidden = max(0, ready.program.plan.streams - 1)
        for index, (value, right) in enumerate(expected.layers[hidden:], hidden):
            client.run(crc, index + 1)
            data = client.read_layer(index, *elements(network, value))
            assert np.array_equal(tensor(network, value, data), right.array), value
    assert client.repeats == 0


def test_layers_that_stream_run_together(start: Start) -> None:
    ready = start(NETWORKS["streaming, with a constant channel"], MapOptions(streams=2))
    client, _ = client_on(ready.board)
    client.hello()
    assert ready.program.plan.streams == 2
    with pytest.raises(DeviceError, match="out of range"):
        client.run(0, 1)
    with pytest.raises(DeviceError, match="a part is missing"):
        client.run(0, 2)


def test_hello_says_who_is_there(start: Start) -> None:
    ready = start(SMALL)
    client, _ = client_on(ready.board)
    identity = client.hello()
    assert identity.network == SMALL.digest
    assert identity.program == ready.program.digest
    assert (identity.layers, identity.outputs) == (2, 1)
    assert (identity.timer_hz, identity.cnn_hz) == (50_000_000, 50_000_000)
    assert identity.cycles == ready.program.plan.cycles
    assert identity.input_room == 3 * 6 * 6
    assert identity.board == "max78000fthr"
    assert identity.compiler.startswith(("GCC ", "Clang "))
    assert client.boot != d.BOOT_ANY


def test_times_are_the_accelerators_and_the_loads(start: Start) -> None:
    ready = start(SMALL)
    client, _ = client_on(ready.board)
    client.hello()
    x = random_input(SMALL, 1)
    times = client.run(client.load(x.tobytes()), 2)
    cycles = ready.machine.run(x).cycles
    assert cycles is not None
    assert 0 <= times.cnn_ticks - cycles < 100
    # 36 pixels in one word each: at least a store for each, at most some hundred instructions.
    assert 36 < times.load_ticks < 36 * 100
    first_layer = client.run(crc32(x.tobytes()), 1)
    assert first_layer.cnn_ticks < times.cnn_ticks
    found = client.statistics()
    assert found.runs == 1
    assert found.cnn_ticks_min == found.cnn_ticks_max == times.cnn_ticks
    assert found.load_ticks_min == found.load_ticks_max == times.load_ticks
    assert (found.dropped, found.repeated, found.overruns) == (0, 0, 0)


@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 1024])
@pytest.mark.parametrize("byte", [0x00, 0x01, 0xFF])
def test_echo_of_awkward_lengths(echo_client: Client, size: int, byte: int) -> None:
    data = bytes((byte,)) * size
    assert echo_client.echo(data) == data


@pytest.fixture(scope="module")
def echo_client(start: Start) -> Client:
    client, _ = client_on(start(SMALL).board)
    client.hello()
    return client


def test_echo_of_random_bytes(echo_client: Client) -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        size = int(random.integers(0, 1025))
        data = random.integers(0, 256 if size % 2 else 3, size, dtype=np.uint8).tobytes()
        assert echo_client.echo(data) == data


def ask(line: BoardLine, frame: Frame) -> Frame:
    """Send a frame that a client would never send; its answer."""
    line.write(frame.encode())
    splitter = Splitter()
    for _ in range(3000):
        for answer in splitter.feed(line.read(1, timeout_seconds=1.0)):
            return answer
    raise AssertionError("no answer")


@pytest.mark.parametrize(
    ("code", "payload", "status"),
    [
        (0x7E, b"", d.Status.COMMAND),
        (d.HELLO.code, b"x", d.Status.LENGTH),
        (d.LOAD.code, b"\0\0\0", d.Status.LENGTH),
        (d.LOAD.code, (108).to_bytes(4, "little") + b"x", d.Status.RANGE),
        (d.LOAD.code, (0xFFFF_FFFF).to_bytes(4, "little") + b"xx", d.Status.RANGE),
        (d.RUN.code, bytes(4) + b"\x00", d.Status.RANGE),
        (d.RUN.code, bytes(4) + b"\x03", d.Status.RANGE),
        (d.RUN.code, bytes(4) + b"\x02", d.Status.INPUT),
        (d.READ_OUTPUT.code, b"\x01" + bytes(6), d.Status.RANGE),
        (d.READ_OUTPUT.code, bytes(7), d.Status.NO_RESULT),
        (d.READ_LAYER.code, b"\x02" + bytes(6), d.Status.RANGE),
        (d.READ_LAYER.code, bytes(7), d.Status.NO_RESULT),
    ],
)
def test_nonsense_is_refused(start: Start, code: int, payload: bytes, status: d.Status) -> None:
    client, line = client_on(start(SMALL).board)
    client.hello()
    frame = Frame(code=code, sequence=77, boot=client.boot, status=None, payload=payload)
    answer = ask(line, frame)
    assert (answer.code, answer.sequence, answer.status) == (code, 77, status)
    assert answer.payload == b""


def test_reading_beyond_a_tensor_is_refused(start: Start) -> None:
    client, line = client_on(start(SMALL).board)
    client.hello()
    client.run(client.load(random_input(SMALL, 1).tobytes()), 2)
    for number, (first, count) in enumerate([(0, 11), (10, 1), (0xFFFF_FFFF, 2), (5, 6), (0, 300)]):
        payload = b"\0" + first.to_bytes(4, "little") + count.to_bytes(2, "little")
        frame = Frame(
            code=d.READ_OUTPUT.code, sequence=number, boot=client.boot, status=None, payload=payload
        )
        assert ask(line, frame).status == d.Status.RANGE
    with pytest.raises(DeviceError, match="did not end with what is asked for"):
        client.read_layer(0, 1, 1)


def test_another_version_is_told(start: Start) -> None:
    client, line = client_on(start(SMALL).board)
    answer = ask(line, Frame(code=1, sequence=1, boot=0, status=None, payload=b"", version=9))
    assert (answer.version, answer.status) == (d.VERSION, d.Status.VERSION)
    assert client.hello().network == SMALL.digest


def test_a_repeated_request_is_answered_from_memory(start: Start) -> None:
    ready = start(SMALL)
    client, line = client_on(ready.board)
    client.hello()
    crc = client.load(random_input(SMALL, 1).tobytes())
    payload = crc.to_bytes(4, "little") + b"\x02"
    before = ready.board.inferences
    frame = Frame(code=d.RUN.code, sequence=9, boot=client.boot, status=None, payload=payload)
    first, second = ask(line, frame), ask(line, frame)
    assert first == second
    assert ready.board.inferences == before + 1
    assert client.statistics().repeated == 1


def test_a_reset_in_the_middle_is_noticed(start: Start) -> None:
    ready = start(SMALL)
    client, _ = client_on(ready.board)
    client.hello()
    x = random_input(SMALL, 1)
    crc = client.load(x.tobytes())
    boot = client.boot
    ready.board.reset()
    with pytest.raises(BoardRestartedError) as caught:
        client.run(crc, 2)
    assert caught.value.exit_code == 5
    client.hello()
    assert client.boot not in (boot, d.BOOT_ANY)
    with pytest.raises(DeviceError, match="a part is missing"):
        client.run(crc, 2)


def test_reset_on_request(start: Start) -> None:
    ready = start(SMALL)
    client, line = client_on(ready.board)
    identity = client.hello()
    boots = {client.boot}
    for _ in range(3):
        assert client.reset() == identity
        boots.add(client.boot)
    assert len(boots) == 4
    assert line.board.uart_output.count(b"mxdeploy: net on ") == 4


def test_text_goes_on_working_between_frames(start: Start) -> None:
    ready = start(SMALL)
    client, line = client_on(ready.board)
    client.hello()
    x = random_input(SMALL, 1)
    expected = ready.machine.run(x).outputs[0][1].array
    crc = client.load(x.tobytes())
    before = len(ready.board.uart_output)
    line.write(b"run\r")
    ready.board.run(until=PROMPT)
    assert b"@result PASS" in ready.board.uart_output[before:]
    with pytest.raises(DeviceError, match="did not end with"):
        client.read_output(0, 10, 4)  # the test's result is not the host's
    client.run(crc, 2)
    assert np.array_equal(tensor(SMALL, "y1", client.read_output(0, 10, 4)), expected)
    line.write(b"hel")  # a half-typed line is forgotten, not taken for a frame
    assert client.echo(b"abc") == b"abc"
    line.write(b"info\r")
    ready.board.run(until=PROMPT)
    assert b"Input:    3 x 6 x 6" in ready.board.uart_output
    assert b"unknown" not in ready.board.uart_output


def test_a_frame_that_never_ends_gives_way_to_text(start: Start) -> None:
    ready = start(SMALL)
    client, line = client_on(ready.board)
    client.hello()
    line.write(b"\0\x05ab")
    ready.board.run(limit_seconds_virtual=0.3)
    line.write(b"help\r")
    before = len(ready.board.uart_output)
    ready.board.run(until=PROMPT)
    assert b"run   the known-answer test" in ready.board.uart_output[before:]
    assert client.statistics().dropped == 1


def test_too_long_a_frame_is_dropped(start: Start) -> None:
    client, line = client_on(start(SMALL).board)
    client.hello()
    line.write(b"\0" + b"\xff" * 2000 + b"\0")
    line.board.run(limit_seconds_virtual=0.2)  # 174 ms on the line
    assert client.echo(b"still there") == b"still there"
    assert client.statistics().dropped == 1


def test_bytes_take_their_time_only_when_somebody_looks(start: Start) -> None:
    """1,044 bytes with the frame; without real time a full FIFO waits and nothing is lost."""
    seconds = {}
    for waits in (False, True):
        client, line = client_on(start(SMALL).board)
        client.hello()
        line.board._uart.waits_for_room = waits
        began = line.clock()
        assert client.echo(b"\xff" * 1024) == b"\xff" * 1024
        seconds[waits] = line.clock() - began
        assert client.statistics().overruns == 0
    there_and_back = 2 * 1044 * 10 / 115200
    assert there_and_back <= seconds[False] < 1.1 * there_and_back
    assert seconds[True] < 0.7 * seconds[False]
