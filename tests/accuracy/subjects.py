"""Trained networks with data: what is measured, on what, and how near integers must come."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mxdeploy.data import DataReference, ModelInput, Scale, load_data
from mxdeploy.inputs import model_layout
from mxdeploy.ir.network import Network

FloatArray = NDArray[np.float32]

_MEASURED = 1_017
"""Pictures of the official test part, the first ones, that bars are measured on."""
_POOL = 20_000
"""Training inputs among which calibration chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """How near integers must come.

    Attributes:
        drop: points that integers may lose against float, by width of the weights, or by the
            share of the memory of 8-bit ones that they take.
        least: accuracy in points that integers must reach, by the same.
    """

    drop: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A network and its data.

    Attributes:
        train: file and array of which calibration inputs are drawn.
        test: file and array that accuracy is measured on; without array: the compressed pictures
            of the official test part that are in no other subject's test.
        scale: how the data become the network's input.
        bars: when it is calibrated on training inputs.
        data_free: when it is calibrated on made-up inputs.
        model: its file, if it is not called as the subject.
        spare_train: inputs of both parts are left out of the test, not out of calibration.
    """

    train: tuple[str, str]
    test: tuple[str, str | None]
    scale: Scale = Scale.CHIP
    bars: Bars = field(default_factory=Bars)
    data_free: Bars = field(default_factory=Bars)
    model: str | None = None
    spare_train: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Inputs and their labels."""

    x: FloatArray
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Inputs in the network's own units.

    Attributes:
        pool: training inputs, none of which equals a test input.
        x: test inputs.
        labels: of the test inputs.
    """

    pool: Labelled
    x: FloatArray
    labels: NDArray[np.int64]


_CIFAR = (("cifar10_small.npz", "x_train"), ("cifar10_small.npz", "x_test"))
_COMPRESSED = ("cifar10_jpeg60k.npz", None)
_MNIST = (("mnist.npz", "x_train"), ("mnist.npz", "x_test"))
_KWS = (("kws20_small.npz", "x"), ("kws20_test.npz", "x"))
_CLOSE = {"8": 0.5, "50%": 1.5}
_NEAR = Bars(drop={"8": 2.0})

SUBJECTS = {
    "cifar10": Subject(
        train=_CIFAR[0],
        test=_CIFAR[1],
        bars=Bars(drop=_CLOSE, least={"4": 89.0}),
        data_free=_NEAR,
    ),
    "mnist": Subject(
        train=_MNIST[0],
        test=_MNIST[1],
        bars=Bars(drop=_CLOSE, least={"4": 99.4}),
        data_free=_NEAR,
    ),
    "mnist-extrasmall": Subject(
        train=_MNIST[0],
        test=_MNIST[1],
        bars=Bars(drop=_CLOSE, least={"4": 94.0}),
        data_free=_NEAR,
    ),
    "kws20_v3": Subject(train=_KWS[0], test=_KWS[1], bars=Bars(drop=_CLOSE), data_free=_NEAR),
    "mlperf-resnet8": Subject(
        train=_CIFAR[0],
        test=_CIFAR[1],
        scale=Scale.NONE,
        bars=Bars(drop=_CLOSE),
        data_free=_NEAR,
    ),
    "cifar10-batchnorm": Subject(train=_CIFAR[0], test=_CIFAR[1], data_free=_NEAR),
    "cifar10-jpeg": Subject(train=_CIFAR[0], test=_COMPRESSED, model="cifar10"),
    "mlperf-resnet8-jpeg": Subject(
        train=_CIFAR[0], test=_COMPRESSED, scale=Scale.NONE, model="mlperf-resnet8"
    ),
    "cifar10_noclip": Subject(train=_CIFAR[0], test=_CIFAR[1]),
    "mnist_noclip": Subject(train=_MNIST[0], test=_MNIST[1]),
    "mnist-extrasmall_noclip": Subject(train=_MNIST[0], test=_MNIST[1]),
    "kws20_v3-315": Subject(
        train=_KWS[0], test=_KWS[1], bars=Bars(drop=_CLOSE), model="kws20_v3", spare_train=True
    ),
    "kws20_v3_noclip": Subject(train=_KWS[0], test=_KWS[1]),
    "kws20_v3_msnoise": Subject(train=_KWS[0], test=_KWS[1]),
    "lenet5": Subject(train=_MNIST[0], test=_MNIST[1]),
}
"""By name of the model; those with bars first."""


def read_data(shared: Path, subject: Subject, network: Network, limit: int | None) -> Data:
    """A subject's data; no input both calibrates and tests, though it may lie in both parts."""
    model = ModelInput(shape=network.input_shape, layout=model_layout(network.head))

    def read(reference: tuple[str, str | None], most: int | None) -> Labelled:
        path = shared / "data" / reference[0]
        with TemporaryDirectory() as folder:
            if reference[1] is None:
                path = _decompressed(path, Path(folder), limit)
            read = load_data(
                DataReference(path=path, key=reference[1] or "x"),
                model,
                default_key="x",
                scale=subject.scale,
                limit=most,
            )
        assert isinstance(read.labels, np.ndarray)
        return Labelled(read.x, read.labels)

    test, pool = read(subject.test, None), read(subject.train, _POOL)
    if subject.spare_train:
        test = _without(test, pool)
    else:
        pool = _without(pool, test)
    return Data(pool=pool, x=test.x[:limit], labels=test.labels[:limit])


def _decompressed(path: Path, folder: Path, limit: int | None) -> Path:
    """An archive of the pictures that no bar is measured on, from JPEG ones in official order."""
    with np.load(path) as archive:
        header, scans = archive["header"].tobytes(), archive["scans"].tobytes()
        offsets, labels = archive["offsets"], archive["labels"]
        first = int(archive["n_train"]) + _MEASURED
    pictures = [
        np.asarray(Image.open(BytesIO(header + scans[start:stop])).convert("RGB"))
        for start, stop in islice(pairwise(offsets[first:]), limit)
    ]
    known = labels[first : first + len(pictures)].astype(np.int64)
    np.savez(folder / "pictures.npz", x=np.stack(pictures), y=known)
    return folder / "pictures.npz"


def _without(part: Labelled, other: Labelled) -> Labelled:
    """What of ``part`` is not in ``other``."""
    known = {one.tobytes() for one in other.x}
    fresh = np.array([one.tobytes() not in known for one in part.x])
    return Labelled(part.x[fresh], part.labels[fresh])
