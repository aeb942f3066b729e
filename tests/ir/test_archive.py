"""Artefacts survive the disk unchanged, and damaged files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.errors import UsageError
from mxdeploy.ir import archive
from mxdeploy.ir.quantized import LayerQuality, QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import head
from mxdeploy.ops.graph import Affine, Clip, Softmax, TopK
from mxdeploy.ops.layer import Activation, Kind, LayerSpec, Pool, PoolKind
from mxdeploy.ops.tail import Result, TailStep


def network(seed: int, bits: int) -> QuantNetwork:
    numbers = np.random.default_rng(seed)
    spec = LayerSpec(
        kind=Kind.CONV2D,
        in_channels=3,
        in_size=(8, 8),
        out_channels=5,
        kernel=(3, 3),
        pad=(1, 1),
        pool=Pool(kind=PoolKind.MAX, size=(2, 2), stride=2),
        activation=Activation.RELU,
    )
    half = 1 << bits - 1
    layer = QuantLayer(
        name="conv",
        spec=spec,
        inputs=("x",),
        output="y",
        weight=Tensor(numbers.integers(-half, half, (5, 3, 3, 3)).astype(np.int8)),
        weight_bits=bits,
        bias=Tensor(numbers.integers(-128, 128, 5).astype(np.int8)),
        shift=-3,
        origin=("/conv/Conv", "/relu/Relu"),
        quality=LayerQuality(sqnr_db=31.5, saturated=0.001, bias_saturated=0),
    )

    def value(name: str, shape: tuple[int, int, int]) -> QuantValue:
        return QuantValue(name=name, shape=shape, scale=0.1, bits=8, origin=name, model_shape=shape)

    return QuantNetwork(
        name="net",
        values=(value("x", (3, 8, 8)), value("y", (5, 4, 4))),
        input="x",
        outputs=("y",),
        layers=(layer,),
        head=(
            head.Clip(origin="/clip", low=0.0, high=float("inf")),
            head.Affine(origin="/norm", scale=numbers_of(0.5), offset=numbers_of(1, 2, 3)),
        ),
        tail=(
            step(Affine(scale=numbers_of(2), offset=numbers_of(1)), "y", "a"),
            step(Clip(low=-float("inf"), high=1.0), "a", "c"),
            step(Softmax(axis=0), "c", "s"),
            step(TopK(axis=0, count=5, indices=True), "s", "k"),
        ),
        results=(Result(name="probabilities", value="s"), Result(name="order", value="k")),
        classes=("a", "b"),
    )


def numbers_of(*values: float) -> Tensor:
    array = np.array(values, np.float32)
    return Tensor(array if len(values) > 1 else array.reshape(()))


def step(op, source: str, target: str) -> TailStep:
    return TailStep(op=op, inputs=(source,), output=target, shape=(5, 4, 4), origin="/end")


@given(seed=st.integers(0, 2**32 - 1), bits=st.sampled_from([1, 2, 4, 8]))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, seed: int, bits: int) -> None:
    file = tmp_path_factory.mktemp("archive") / "a.npz"
    original = network(seed, bits)
    file.write_bytes(archive.dump(original))
    loaded = archive.load(file)
    assert loaded == original
    assert isinstance(loaded, QuantNetwork)
    assert loaded.digest == original.digest


def test_known_answer_round_trip(tmp_path: Path) -> None:
    answer = KnownAnswer(
        input=Tensor(np.arange(8, dtype=np.int8).reshape(2, 2, 2)),
        outputs=(("y", Tensor(np.array([[[1 << 20]]], np.int32))),),
        source="drawing",
    )
    (tmp_path / "a.npz").write_bytes(archive.dump(answer))
    assert archive.load(tmp_path / "a.npz") == answer


def test_equal_artefacts_are_equal_bytes() -> None:
    assert archive.dump(network(1, 8)) == archive.dump(network(1, 8))
    assert archive.dump(network(1, 8)) != archive.dump(network(2, 8))


@pytest.mark.parametrize("kept", [0, 10, 300])
def test_truncated_file(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(archive.dump(network(1, 8))[:kept])
    with pytest.raises(UsageError, match="MX8030"):
        archive.load(file)


@pytest.mark.parametrize(
    "structure",
    [
        '{"version":9,"root":{}}',
        '{"version":1,"root":{"class":"Popen","fields":{"args":"ls"}}}',
        '{"version":1,"root":{"class":"Rewrite","fields":{"nonsense":1}}}',
        '{"version":1,"root":5}',
        "not json",
    ],
)
def test_foreign_structure(tmp_path: Path, structure: str) -> None:
    np.savez(tmp_path / "a.npz", structure=np.array(structure))
    with pytest.raises(UsageError, match="MX8030"):
        archive.load(tmp_path / "a.npz")
