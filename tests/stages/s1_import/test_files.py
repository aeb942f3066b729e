"""Files that are no models, damaged, too old or too new, and tensors stored outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.stages.s1_import import import_onnx, read, tensors
from tests.onnx_text import model, random, save

WEIGHTS = {"w": random(4, 3, 3, 3)}


def small() -> onnx.ModelProto:
    return model("y = Conv(x, w)", weights=WEIGHTS)


def finding(path: Path, kind: type[ModelError | UsageError] = UsageError) -> Diagnostic:
    """The only finding of an import that fails with ``kind``."""
    with pytest.raises(kind) as caught:
        import_onnx(path)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.fix
    return diagnostic


def test_a_good_model(tmp_path: Path) -> None:
    network = import_onnx(save(small(), tmp_path))
    assert network.value("x").shape == (3, 8, 8)
    assert network.value("y").shape == (4, 6, 6)
    assert len(network.source_digest) == 64


def test_missing(tmp_path: Path) -> None:
    found = finding(tmp_path / "nothing.onnx")
    assert found.code == "MX1001"
    assert "no such file" in found.what


def test_directory(tmp_path: Path) -> None:
    found = finding(tmp_path)
    assert found.code == "MX1002"
    assert "directory" in found.what


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    found = finding(path)
    assert found.code == "MX1003"
    assert "0 bytes" in found.what


def test_a_name_the_system_refuses(tmp_path: Path) -> None:
    assert finding(tmp_path / ("long" * 100)).code == "MX1004"


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip file", b"\x89PNG\r\n", b"\x00" * 64, b"{}"])
def test_not_onnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    found = finding(path)
    assert found.code == "MX1005"
    assert f"{len(content)} bytes" in found.what


def test_truncated_anywhere(tmp_path: Path) -> None:
    """A model cut off at any byte is refused as a bad file; it never passes and never crashes."""
    content = small().SerializeToString()
    path = tmp_path / "cut.onnx"
    codes = set()
    for length in range(1, len(content), 7):
        path.write_bytes(content[:length])
        codes.add(finding(path).code)
    assert "MX1005" in codes
    assert codes <= {"MX1005", "MX1006", "MX1009", "MX1015"}


def test_against_the_rules_of_onnx(tmp_path: Path) -> None:
    proto = small()
    proto.graph.node[0].input[0] = "never_computed"
    found = finding(save(proto, tmp_path))
    assert found.code == "MX1006"
    assert "never_computed" in found.what


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = save(small(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Conv", b"C\xffnv"))
    assert finding(path).code == "MX1015"


def test_more_than_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file itself, endless files, and data beside it."""
    monkeypatch.setattr(tensors, "MAX_BYTES", 1000)
    monkeypatch.setattr(read, "MAX_BYTES", 300)
    path = save(small(), tmp_path)
    assert finding(path).code == "MX1013"
    assert finding(Path("/dev/zero")).code == "MX1013"
    (tmp_path / "w.bin").write_bytes(bytes(1001))
    assert finding(external(tmp_path, "w.bin")).code == "MX1013"


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    values = onnx.helper.make_tensor("v", onnx.TensorProto.FLOAT, [1], [2.0])
    indices = onnx.helper.make_tensor("i", onnx.TensorProto.INT64, [1], [3])
    sparse = onnx.helper.make_sparse_tensor(values, indices, [4])
    node = onnx.helper.make_node("Constant", [], ["k"], sparse_value=sparse)
    for place in ("initializer", "attribute", "function"):
        proto = small()
        if place == "initializer":
            proto.graph.sparse_initializer.append(sparse)
        elif place == "attribute":
            proto.graph.node.append(node)
        else:
            function = onnx.helper.make_function("local", "f", [], ["k"], [node], [])
            proto.functions.append(function)
        assert finding(save(proto, tmp_path), ModelError).code == "MX1014"


def test_more_nodes_than_are_looked_at(tmp_path: Path) -> None:
    many = " ".join(f"v{i + 1} = Relu(v{i})" for i in range(1001))
    proto = model(f"v0 = Relu(x) {many} y = Relu(v1001)")
    found = finding(save(proto, tmp_path), ModelError)
    assert found.code == "MX1045"
    assert "1003 operations" in found.what
    proto.graph.node.extend(list(proto.graph.node) * 5)
    assert finding(save(proto, tmp_path), ModelError).code == "MX1042"


def test_a_tensor_with_a_negative_dimension(tmp_path: Path) -> None:
    proto = small()
    proto.graph.initializer[0].dims[0] = -1
    found = finding(save(proto, tmp_path))
    assert found.code == "MX1009"
    assert "[-1, 3, 3, 3]" in found.what


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_complex_numbers_are_refused(tmp_path: Path, kind: type) -> None:
    proto = small()
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(2, kind), "c"))
    found = finding(save(proto, tmp_path))
    assert found.code == "MX1009"
    assert "complex" in found.what


def test_a_tensor_with_too_few_bytes(tmp_path: Path) -> None:
    proto = small()
    proto.graph.initializer[0].raw_data = b"\x00" * 5
    found = finding(save(proto, tmp_path))
    assert found.code == "MX1009"
    assert "'w'" in found.what


@pytest.mark.parametrize("opset", [7, 10])
def test_old_operator_sets(tmp_path: Path, opset: int) -> None:
    found = finding(
        save(model("y = Conv(x, w)", weights=WEIGHTS, opset=opset), tmp_path), ModelError
    )
    assert found.code == "MX1010"
    assert str(opset) in found.what


def test_newer_than_known(tmp_path: Path) -> None:
    found = finding(save(model("y = Conv(x, w)", weights=WEIGHTS, opset=999), tmp_path), ModelError)
    assert found.code == "MX1011"
    proto = small()
    proto.ir_version = 99
    assert finding(save(proto, tmp_path), ModelError).code == "MX1011"


@pytest.mark.parametrize("opset", range(11, onnx.defs.onnx_opset_version() + 1))
def test_operator_sets_that_are_read(tmp_path: Path, opset: int) -> None:
    nodes = "a = Conv(x, w) b = Clip(a, l, h) c = Dropout(b) d = Flatten(c) y = Softmax(d)"
    bounds = {"l": np.float32(0).reshape(()), "h": np.float32(6).reshape(())}
    network = import_onnx(save(model(nodes, weights={**WEIGHTS, **bounds}, opset=opset), tmp_path))
    assert [type(n.op).__name__ for n in network.nodes] == ["Conv", "Clip", "Reshape", "Softmax"]


# --- data outside the file ----------------------------------------------------------------------


def external(folder: Path, location: str, **entries: str) -> Path:
    """A model whose tensor ``w`` lies in ``location``."""
    proto = small()
    tensor = proto.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return save(proto, folder)


def test_data_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "w.bin").write_bytes(b"1234" + WEIGHTS["w"].tobytes())
    network = import_onnx(external(tmp_path, "deep/w.bin", offset="4", length=str(4 * 108)))
    assert np.array_equal(network.nodes[0].op.weight.array, WEIGHTS["w"])


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/passwd", "deep/../../secret.bin", "link", ".."]
)
def test_data_elsewhere_are_never_read(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(WEIGHTS["w"].tobytes())
    (folder / "link").symlink_to(tmp_path / "secret.bin")
    found = finding(external(folder, location))
    assert found.code == "MX1007"
    assert location in found.what


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"location": "gone.bin"}, "no such file"),
        ({"location": "w.bin", "length": "999"}, "999"),
        ({"location": "w.bin", "offset": "-4"}, "-4"),
        ({"location": "w.bin", "length": "many"}, "many"),
        ({"location": "w.bin", "offset": str(2**70)}, "from byte"),
        ({"location": ""}, "no such file"),
        ({"location": "."}, "no such file"),
        ({"location": "nul\0"}, "null byte"),
        ({"location": "x" * 300}, "too long"),
    ],
)
def test_data_that_cannot_be_read(tmp_path: Path, entries: dict[str, str], reason: str) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS["w"].tobytes())
    found = finding(external(tmp_path, **entries))
    assert found.code == "MX1008"
    assert reason in found.what


def test_data_of_another_size_than_the_tensor(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS["w"].tobytes()[:-4])
    assert finding(external(tmp_path, "w.bin")).code == "MX1009"
