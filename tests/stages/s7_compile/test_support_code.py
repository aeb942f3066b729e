"""printf, exp() and the memory routines of the board support, run on the virtual board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.stages.s6_emit import emit
from mxdeploy.stages.s6_emit.escape import c_string
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from tests.tiny_program import tiny_answer, tiny_program

END = "the end"
COMPILERS = ("gcc", "zig")


@pytest.fixture(scope="module", params=COMPILERS)
def run(request: pytest.FixtureRequest, cache: Path):
    """``run(statements, head)``: what a main() with these statements prints."""
    pytest.importorskip("unicorn")
    if find_compiler(request.param) is None:
        pytest.skip(f"NOT TESTED with {request.param}: it is not installed")
    from mxdeploy.emulator.board import VirtualBoard

    project = emit(tiny_program(), tiny_answer(), load_board("max78000fthr"))

    def execute(statements: str, head: str = "") -> list[str]:
        source = (
            '#include "board.h"\n#include "console.h"\n#include "exponential.h"\n'
            f"#include <stddef.h>\n#include <stdint.h>\n{head}\n"
            f'int main(void)\n{{\nboard_init();\n{statements}\nconsole_printf("{END}\\n");\n'
            "for (;;) {}\n}\n"
        )
        files = dict(project.files) | {"src/main.c": source.encode()}
        changed = replace(project, files=tuple(sorted(files.items())))
        firmware = compile_project(changed, compiler=request.param, cache=cache)
        board = VirtualBoard("max78000fthr", firmware.elf)
        board.run(until=END.encode())
        return board.uart_output.decode().split("\r\n")[:-1]

    return execute


FORMATS: tuple[tuple[str, tuple[int | str, ...]], ...] = (
    ("%d|%d|%d|%d", (0, -1, 2**31 - 1, -(2**31))),
    ("%u|%x|%x", (2**32 - 1, 2**32 - 1, 0)),
    ("%5d|%-5d|%05d", (-42, -42, -42)),
    ("%8x|%08x|%-8x|", (0xBEEF, 0xBEEF, 0xBEEF)),
    ("%s|%6s|%-6s|%1s|", ("abc", "abc", "abc", "abc")),
    ("%c%%%3c|", ("x", "y")),
    ("%*d|%-*s|", (6, 7, 5, "ab")),
    ("%012d|%02u", (-123456, 5)),
)


def test_printf(run) -> None:
    """The same as Python's formatting, which follows C."""
    lines, expected = [], []
    for text, values in FORMATS:
        arguments = [_argument(v) for v in values]
        lines.append(f"console_printf({', '.join([c_string(text + chr(10)), *arguments])});")
        expected.append(text % values)
    assert run("\n".join(lines)) == expected


def _argument(value: int | str) -> str:
    if isinstance(value, int):
        return f"(int32_t)0x{value & 0xFFFFFFFF:08x}u"
    return f"'{value}'" if len(value) == 1 else c_string(value)


def test_printf_leaves_out_an_unfinished_directive(run) -> None:
    assert run('console_printf("a%"); console_printf("%5"); console_printf("b\\n");')[0] == "ab"


# The float nearest to 99.995 is a little larger.
REALS = ((0.0, 1), (-0.0004, 3), (0.9996, 3), (-12.0625, 4), (99.995, 2), (1e6, 6), (123456.7, 1))


def test_real_numbers(run) -> None:
    lines = [f'console_print_real({v!r}f, {d}u, 12u); console_printf("\\n");' for v, d in REALS]
    lines.append("console_print_real(-2e9f, 2u, 8u); console_print_real(3e30f, 2u, 8u);")
    expected = [
        "         0.0", "       0.000", "       1.000", "    -12.0625", "      100.00",
        "1000000.000000", "    123456.7", "  < -1e9   > 1e9",
    ]  # fmt: skip
    found = run("\n".join(lines) + 'console_printf("\\n");')
    assert found == expected


def test_exponential(run) -> None:
    """Within the promised error of the true function, on the whole range and around its ends."""
    x = np.concatenate(
        [
            np.linspace(-86.9, 87.9, 300),
            np.linspace(-1, 1, 100),
            [0, -0.0, 1e-8, -87, -200, 88, 88.5, 200],
        ]
    ).astype(np.float32)
    words = ", ".join(f"0x{word:08x}u" for word in x.view(np.uint32))
    head = f"static const union {{ uint32_t bits; float value; }} inputs[] = {{ {words} }};"
    head = head.replace("{ 0x", "{ {0x").replace(", 0x", "}, {0x").replace("u };", "u} };")
    found = run(
        f"for (uint32_t i = 0; i < {len(x)}u; i++) {{"
        "union { uint32_t bits; float value; } y = {.value = exponential(inputs[i].value)};"
        'console_printf("%08x\\n", y.bits); }',
        head,
    )
    y = np.array([int(line, 16) for line in found], np.uint32).view(np.float32).astype(np.float64)
    inside = (x > -87) & (x <= 88)
    true = np.exp(x.astype(np.float64))
    assert np.max(np.abs(y[inside] / true[inside] - 1)) < 2e-7
    assert set(y[x == 0]) == {1.0}
    assert not y[x <= -87].any()
    assert np.allclose(y[x > 88], np.exp(88), rtol=2e-7)


def test_memory_routines(run) -> None:
    """Every small alignment and length, against bytes moved one by one."""
    head = """
        void *memcpy(void *restrict, const void *restrict, size_t);
        void *memmove(void *, const void *, size_t);
        void *memset(void *, int, size_t);
        int memcmp(const void *, const void *, size_t);
        static uint8_t a[64], b[64];
        static void fill(void) { for (uint32_t i = 0; i < 64u; i++) { a[i] = (uint8_t)(3u * i + 1u); b[i] = 0; } }
        static uint32_t bad;
        static void check(int good) { bad += good ? 0u : 1u; }
    """  # noqa: E501 - C
    statements = """
        for (uint32_t to = 0; to < 8u; to++) for (uint32_t from = 0; from < 8u; from++)
        for (uint32_t n = 0; n < 20u; n++) {
            fill(); memcpy(b + to, a + from, n);
            for (uint32_t i = 0; i < 64u; i++)
                check(b[i] == (i >= to && i < to + n ? (uint8_t)(3u * (i - to + from) + 1u) : 0));
            fill(); memmove(a + to, a + from, n);
            for (uint32_t i = 0; i < 64u; i++)
                check(a[i] == (uint8_t)(3u * (i >= to && i < to + n ? i - to + from : i) + 1u));
        }
        fill(); memset(a + 1, 0x5A5, 7);
        check(a[0] == 1 && a[1] == 0xA5 && a[7] == 0xA5 && a[8] == 25);
        check(memcmp("abc", "abd", 3) < 0 && memcmp("abd", "abc", 3) > 0);
        check(memcmp("abc", "abd", 2) == 0);
        console_printf("%u\\n", bad);
    """
    assert run(statements, head)[0] == "0"
