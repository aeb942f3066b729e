"""The networks for a new board: each builds, passes on the virtual board, and is explained."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mxdeploy.stages.s7_compile import find_compiler
from tests.command import Mxdeploy

NAMES = ("convolution", "numbers", "quadrants", "passes", "one_dimension", "average", "fifo",
         "streaming", "fifo_chw", "long_flatten", "absolute", "transposed", "elementwise",
         "interleaved", "narrow", "in_place", "issue_353")  # fmt: skip
BY_FIFO = {"fifo": "FIFOs 0, 1", "streaming": "Layers 0 to 1 stream", "fifo_chw": "FIFOs 0, 1, 2"}
KNOWN_ONLY_FROM_SIMULATION = (
    "transposed", "elementwise", "narrow", "absolute", "interleaved", "in_place",
    "long_flatten", "average pooling, rounded", "Mlator", "one-shot", "issue_353",
)  # fmt: skip


@pytest.fixture(scope="module")
def networks(repository: Path) -> ModuleType:
    file = repository / "examples" / "bring_up" / "networks.py"
    spec = importlib.util.spec_from_file_location("bring_up_networks", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(networks: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bring_up")
    networks.main(folder)
    return folder


def test_they_come_in_the_order_of_what_silicon_has_shown(folder: Path) -> None:
    stems = [f"{number:02}-{name}" for number, name in enumerate(NAMES, 1)]
    assert sorted(p.stem for p in folder.glob("*.onnx")) == stems
    assert sorted(p.stem for p in folder.glob("*.npz")) == stems


@pytest.mark.parametrize("name", NAMES)
def test_each_passes_on_the_virtual_board(
    mxdeploy: Mxdeploy, folder: Path, tmp_path: Path, name: str
) -> None:
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    (model,) = folder.glob(f"*-{name}.onnx")
    ran = mxdeploy("build", model, "--calib", model.with_suffix(".npz"), "-o", tmp_path / "b",
                   "--run", "--json")  # fmt: skip
    assert ran.exit_code == 0, ran.out
    report = ran.document["result"]["report"]
    assert report["board_run"]["passed"] is True
    assert json.dumps(report["proof"]["machines"]).count("accelerator") == 1
    assert BY_FIFO.get(name, "") in " ".join(report["streaming"])
    assert bool(report["streaming"]) is (name in BY_FIFO)


def test_the_public_network_has_the_geometry_that_was_reported(networks: ModuleType) -> None:
    """1 x 768; four convolutions of two taps leave 764; 3:1 pooling leaves 254."""
    chain = networks.issue_353()
    assert chain.shape == (1, 1, 768)
    kinds = [node.op_type for node in chain._nodes]
    assert kinds == [*["Conv", "Relu"] * 4, "MaxPool", "Flatten", "Gemm"]
    assert list(chain._constants[-2].dims) == [2, 254]
    assert (768 - 4) // 3 == 254


def test_the_page_names_every_network_and_every_open_fact(repository: Path) -> None:
    page = (repository / "toolchain" / "docs" / "bring-up.md").read_text(encoding="utf-8")
    for name in (*NAMES, *KNOWN_ONLY_FROM_SIMULATION):
        assert name in page, name
    for linked in ("bootloader.md", "serial-protocol.md", "hardware-notes.md", "registers.md"):
        assert f"({linked})" in page
        assert (repository / "toolchain" / "docs" / linked).is_file()
