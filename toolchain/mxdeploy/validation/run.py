"""The loop: an input to the board, its outputs back, compared with the integer model's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.accuracy import Accuracy, PairedComparison
from mxdeploy.builds import BuildFolder
from mxdeploy.chip.max78000.limits import WIDE_OUTPUT_BITS
from mxdeploy.data import DataSet
from mxdeploy.errors import DeviceError, Diagnostic, UsageError
from mxdeploy.evaluation import accuracy_of, check_labels, paired_of
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.link.protocol.client import Client, Identity, RunTimes
from mxdeploy.outputs import classifier_of, model_outputs
from mxdeploy.validation.result import Difference, Durations, IntArray, Validation

SEED = 78000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """What is sent.

    Attributes:
        source: where it comes from.
        x: int8 (n, C, H, W), at least one.
        dataset: the data file it was made from; None when there is none.
    """

    source: str
    x: NDArray[np.int8]
    dataset: DataSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Answer:
    """What the board made of one input."""

    outputs: tuple[IntArray, ...]
    times: RunTimes


def built_in_inputs(folder: BuildFolder, count: int) -> Inputs:
    """The build's own sample, then random numbers (always the same ones).

    Raises:
        UsageError: the build's sample cannot be read.
    """
    sample = folder.sample_input
    random = np.random.default_rng(SEED)
    others = random.integers(-128, 128, (count - 1, *sample.shape), dtype=np.int8)
    return Inputs(
        source=f"the build's sample and {text.count(count - 1, 'random input')} (seed {SEED})",
        x=np.concatenate([sample[np.newaxis], others]),
    )


def inputs_from(folder: BuildFolder, dataset: DataSet) -> Inputs:
    """Real data as the chip's integers."""
    x = chip_inputs(folder.plan.network, dataset.x)
    return Inputs(source=dataset.source, x=x, dataset=dataset)


def validate(
    folder: BuildFolder,
    client: Client,
    port: str,
    inputs: Inputs,
    *,
    layers: bool,
    advance: Callable[[int], None],
) -> Validation:
    """Run ``inputs`` on a board and on the build's integer model and compare everything.

    Args:
        folder: the build whose firmware runs on the board.
        client: a connection to the board; ``hello`` is said here.
        port: its name, for messages.
        inputs: what to send.
        layers: compare every layer on input 0 too; otherwise only when an output differs.
        advance: told how many inputs are done.

    Raises:
        UsageError: the board runs another network, or labels do not suit the outputs.
        DeviceError: the board does not answer, was reset, or cannot hold an input.
    """
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    network = folder.plan.network
    machine = IntegerMachine(folder.integer_model, network)
    expected: list[IntArray] = [array for _, array in machine.run(inputs.x).outputs]
    if inputs.dataset is not None:
        check_labels(classifier_of(network), inputs.dataset)
    identity = _identify(folder, client, port)
    started = time.monotonic()
    answers = list(_answers(client, network, inputs.x, advance))
    seconds = time.monotonic() - started
    found = [np.stack([answer.outputs[i] for answer in answers]) for i in range(len(expected))]
    unequal = _unequal(expected, found)
    first = unequal[0] if unequal else 0
    compared, layer = 0, None
    if layers or unequal:
        reference = machine.run(inputs.x[first : first + 1], layers=True).layers
        compared, layer = _compare_layers(client, folder.plan, inputs.x[first], first, reference)
    accuracy, paired = _judged(network, inputs, {"board": found, "integer": expected})
    return Validation(
        port=port,
        identity=identity,
        source=inputs.source,
        inputs=len(inputs.x),
        unequal=unequal,
        output=_first_output(network, expected, found, first) if unequal else None,
        layer=layer,
        layers_compared=compared,
        accuracy=accuracy,
        paired=paired,
        cnn=_durations([answer.times.cnn_ticks for answer in answers], identity),
        load=_durations([answer.times.load_ticks for answer in answers], identity),
        estimate_us=folder.plan.cycles * 1e6 / identity.cnn_hz,
        seconds=seconds,
        statistics=client.statistics(),
        repeats=client.repeats,
    )


def _identify(folder: BuildFolder, client: Client, port: str) -> Identity:
    """Say hello; the board must run this build's network and be able to take its inputs."""
    identity = client.hello()
    if identity.network != folder.info.network_digest:
        raise UsageError(_other_network(port, identity, folder))
    if identity.program != folder.info.program_digest:
        raise UsageError(_other_program(port, identity, folder))
    if not identity.input_room:
        raise DeviceError(_no_room(port, identity))
    return identity


def _answers(
    client: Client, network: QuantNetwork, x: NDArray[np.int8], advance: Callable[[int], None]
) -> Iterator[_Answer]:
    for one in x:
        yield _infer(client, network, one)
        advance(1)


def _infer(client: Client, network: QuantNetwork, x: NDArray[np.int8]) -> _Answer:
    times = client.run(client.load(x.tobytes()), len(network.layers))
    outputs = tuple(
        _tensor(network, name, client.read_output(index, *_size(network, name)))
        for index, name in enumerate(network.outputs)
    )
    return _Answer(outputs=outputs, times=times)


def _size(network: QuantNetwork, name: str) -> tuple[int, int]:
    """Elements of a tensor, and bytes of each."""
    value = network.value(name)
    return int(np.prod(value.shape)), value.bits // 8


def _tensor(network: QuantNetwork, name: str, data: bytes) -> IntArray:
    value = network.value(name)
    if value.bits == WIDE_OUTPUT_BITS:
        return np.frombuffer(data, "<i4").astype(np.int32).reshape(value.shape)
    return np.frombuffer(data, np.int8).reshape(value.shape)


def _compare_layers(
    client: Client,
    plan: Plan,
    x: NDArray[np.int8],
    number: int,
    reference: Sequence[tuple[str, IntArray]],
) -> tuple[int, Difference | None]:
    """Layers compared on one input, and the first one that differs.

    Later layers overwrite earlier tensors, so the network is run anew up to each layer. Between
    layers that stream no whole tensor exists; they are compared by what the last of them writes.
    """
    network, hidden = plan.network, max(0, plan.streams - 1)
    crc = client.load(x.tobytes())
    for index, (layer, (name, expected)) in enumerate(zip(network.layers, reference, strict=True)):
        if index < hidden:
            continue
        client.run(crc, index + 1)
        found = _tensor(network, name, client.read_layer(index, *_size(network, name)))
        if not np.array_equal(found, expected[0]):
            return index + 1 - hidden, Difference(
                input=number, value=name, layer=index, layer_name=layer.name,
                expected=expected[0], found=found,
            )  # fmt: skip
    return len(network.layers) - hidden, None


def _unequal(expected: Sequence[IntArray], found: Sequence[IntArray]) -> tuple[int, ...]:
    different = np.zeros(len(expected[0]), dtype=bool)
    for left, right in zip(expected, found, strict=True):
        different |= (left != right).reshape(len(left), -1).any(axis=1)
    return tuple(int(i) for i in np.flatnonzero(different))


def _first_output(
    network: QuantNetwork, expected: Sequence[IntArray], found: Sequence[IntArray], first: int
) -> Difference:
    differing: Iterator[Difference] = (
        Difference(
            input=first, value=name, layer=None, layer_name="", expected=left[first],
            found=right[first],
        )
        for name, left, right in zip(network.outputs, expected, found, strict=True)
        if not np.array_equal(left[first], right[first])
    )  # fmt: skip
    return next(differing)


def _judged(
    network: QuantNetwork, inputs: Inputs, forms: dict[str, list[IntArray]]
) -> tuple[dict[str, Accuracy] | None, PairedComparison | None]:
    """Right answers of board and integer model, and board against integer model."""
    classifier = classifier_of(network)
    if inputs.dataset is None or classifier is None:
        return None, None
    outputs = {
        form: model_outputs(network, dict(zip(network.outputs, arrays, strict=True)))
        for form, arrays in forms.items()
    }
    choices = {form: classifier.choices(found) for form, found in outputs.items()}
    labels = inputs.dataset.labels
    return accuracy_of(choices, labels), paired_of(choices, labels, "integer", "board")


def _durations(ticks: Sequence[int], identity: Identity) -> Durations:
    return Durations(microseconds=tuple(t * 1e6 / identity.timer_hz for t in ticks))


def _other_network(port: str, identity: Identity, folder: BuildFolder) -> Diagnostic:
    return Diagnostic(
        code="MX8260",
        where=port,
        what=f"the board runs another network (digest {identity.network[:16]}…)",
        why=f"{folder.path} holds the one with digest {folder.info.network_digest[:16]}…",
        fix="flash this build, or name the build that is on the board",
    )


def _other_program(port: str, identity: Identity, folder: BuildFolder) -> Diagnostic:
    return Diagnostic(
        code="MX8261",
        where=port,
        what="the board runs this network, placed otherwise (another register program, digest "
        f"{identity.program[:16]}…)",
        why=f"{folder.path} holds the one with digest {folder.info.program_digest[:16]}…",
        fix="flash this build, or name the build that is on the board",
    )


def _no_room(port: str, identity: Identity) -> Diagnostic:
    shape = " x ".join(str(n) for n in identity.input_shape)
    return Diagnostic(
        code="MX8262",
        where=port,
        what=f"the firmware cannot load inputs: {shape} bytes do not fit the SRAM beside the rest",
        fix="rely on the firmware's own known-answer test: send the line `run` to its console",
    )
