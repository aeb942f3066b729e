"""Users' own code: in place of the generated application, with its errors named, on the board."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.errors import ToolError
from mxdeploy.ir.project import Project
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import emit  # the project under test
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.user_code import read_user_code
from tests.builders import build, conv, inputs_for, linear
from tests.tiny_program import tiny_answer, tiny_program

COMPILERS = [name for name in ("gcc", "zig") if find_compiler(name) is not None]
MAIN = b"int main(void)\n{\n    return 0;\n}\n"


@pytest.fixture(params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def with_app(**files: bytes) -> Project:
    app = tuple((name.replace("_dot_", "."), content) for name, content in files.items())
    return emit(tiny_program(), tiny_answer(), load_board("max78000fthr"), app=app)


def test_it_takes_the_place_of_the_generated_main() -> None:
    paths = [path for path, _ in with_app(mine_dot_c=MAIN, mine_dot_h=b"").files]
    assert {"app/mine.c", "app/mine.h", "src/cnn.c", "src/selftest.c", "bsp/startup.c"} <= set(
        paths
    )
    assert "src/main.c" not in paths
    assert paths == sorted(paths)
    readme = with_app(mine_dot_c=MAIN).content("README.md").decode()
    assert "`app/mine.c`" in readme
    assert "`run`, `info`" not in readme


def test_an_error_names_the_users_file_and_line(compiler: str, cache: Path) -> None:
    source = b"#include <stdint.h>\nint main(void)\n{\n    return nothing;\n}\n"
    with pytest.raises(ToolError) as caught:
        compile_project(with_app(mine_dot_c=source), compiler=compiler, cache=cache)
    (found,) = caught.value.diagnostics
    assert (found.code, found.where) == ("MX6015", "mine.c")
    assert "app/mine.c:4:12: error" in found.what
    assert "nothing" in found.what


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (b"void nope(void);\nint main(void)\n{\n    nope();\n}\n", ("nope", "app/mine.c:4")),
        (b"void helper(void);\nvoid helper(void)\n{\n}\n", ("main",)),
    ],
)
def test_what_does_not_exist_is_the_users_fault_too(
    compiler: str, cache: Path, source: bytes, named: tuple[str, ...]
) -> None:
    with pytest.raises(ToolError) as caught:
        compile_project(with_app(mine_dot_c=source), compiler=compiler, cache=cache)
    (found,) = caught.value.diagnostics
    assert found.code == "MX6015"
    assert all(name in found.what for name in named)


def test_several_files_see_each_other(compiler: str, cache: Path) -> None:
    files = {
        "mine_dot_c": b'#include "helper.h"\nint main(void)\n{\n    return helper();\n}\n',
        "helper_dot_h": b"int helper(void);\n",
        "helper_dot_c": b'#include "helper.h"\n\nint helper(void)\n{\n    return 3;\n}\n',
    }
    assert compile_project(with_app(**files), compiler=compiler, cache=cache).binary


def test_the_shipped_example_computes_what_the_accelerator_model_does(
    compiler: str, cache: Path, repository: Path
) -> None:
    board_module = pytest.importorskip("mxdeploy.emulator.board")
    pytest.importorskip("unicorn")
    network = build((3, 8, 8), [conv(6, bias=True), linear(5, flatten=True, bias=True)])
    program, x = lower(map_network(network)), inputs_for(network)
    sample = AcceleratorMachine(program).run(x)
    empty = AcceleratorMachine(program).run(np.zeros_like(x))
    answer = KnownAnswer(input=Tensor(x), outputs=sample.outputs, source="random numbers")
    app = read_user_code([repository / "examples/own_application/my_main.c"])
    project = emit(program, answer, load_board("max78000evkit"), app=app)
    firmware = compile_project(project, compiler=compiler, cache=cache, warnings_are_errors=True)
    board = board_module.VirtualBoard("max78000evkit", firmware.elf)
    board.run(until=b"done\r\n")
    found = re.findall(
        r"(\w+): element (\d+) is the largest, (-?\d+) = ", board.uart_output.decode()
    )
    for name, result, (told, index, value) in zip(
        ("sample", "empty"), (sample, empty), found, strict=True
    ):
        flat = result.outputs[0][1].array.ravel()
        assert (told, int(index), int(value)) == (name, int(flat.argmax()), int(flat.max()))
    assert board.inferences == 20
    assert board.leds["LED1"]
    assert not board.diagnostics
