"""Real compilers on a small project: zig from pip always, gcc where it is installed."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mxdeploy.boards import load_board
from mxdeploy.chip.max78000 import memories
from mxdeploy.errors import ModelError, ToolError
from mxdeploy.ir.project import Firmware, Project
from mxdeploy.stages.s6_emit import emit
from mxdeploy.stages.s7_compile import compile as compile_module
from mxdeploy.stages.s7_compile import compile_project, find_compiler
from mxdeploy.stages.s7_compile.elf import read_elf
from tests.tiny_program import tiny_answer, tiny_program


@pytest.fixture(scope="module")
def project() -> Project:
    return emit(tiny_program(), tiny_answer(), load_board("max78000fthr"))


@pytest.fixture(scope="module", params=["zig", "gcc"])
def compiler(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if find_compiler(name) is None:
        pytest.skip(f"NOT TESTED with {name}: it is not installed")
    return name


@pytest.fixture(scope="module")
def firmware(project: Project, compiler: str, cache: Path) -> Firmware:
    return compile_project(project, compiler=compiler, cache=cache, warnings_are_errors=True)


def changed(project: Project, path: str, content: bytes) -> Project:
    files = dict(project.files) | {path: content}
    return replace(project, files=tuple(sorted(files.items())))


def elf_file(firmware: Firmware):
    elffile = pytest.importorskip("elftools.elf.elffile")
    return elffile.ELFFile(io.BytesIO(firmware.elf))


def test_vector_table_comes_first(firmware: Firmware) -> None:
    stack = int.from_bytes(firmware.binary[0:4], "little")
    reset = int.from_bytes(firmware.binary[4:8], "little")
    symbols = elf_file(firmware).get_section_by_name(".symtab")
    assert stack == symbols.get_symbol_by_name("__stack_top")[0]["st_value"]
    assert reset == symbols.get_symbol_by_name("Reset_Handler")[0]["st_value"]
    assert reset & 1, "thumb"
    assert reset == read_elf(firmware.elf).entry


def test_interrupts_in_the_vector_table(firmware: Firmware) -> None:
    symbols = elf_file(firmware).get_section_by_name(".symtab")

    def address(name: str) -> int:
        value: int = symbols.get_symbol_by_name(name)[0]["st_value"]
        return value

    words = [int.from_bytes(firmware.binary[4 * i : 4 * i + 4], "little") for i in range(120)]
    assert words[117] == address("CNN_Handler")
    assert words[15] == address("SysTick_Handler")
    others = {i for i in range(2, 120) if words[i] == address("fault_handler")}
    assert others == set(range(2, 120)) - {15, 117}


def test_segments_as_pyelftools_sees_them(firmware: Firmware) -> None:
    expected = [
        (s["p_vaddr"], s["p_paddr"], s.data(), s["p_memsz"])
        for s in elf_file(firmware).iter_segments("PT_LOAD")
        if s["p_memsz"]
    ]
    found = [
        (s.address, s.load_address, s.content, s.size_bytes)
        for s in read_elf(firmware.elf).segments
    ]
    assert found == expected


def test_size_report(firmware: Firmware) -> None:
    sections = {s.name: s for s in elf_file(firmware).iter_sections()}
    size = {name: s["sh_size"] for name, s in sections.items()}
    assert firmware.size.flash_bytes == size[".text"] + size[".weights"] + size[".data"]
    assert firmware.size.sram_bytes == size[".stack"] + size[".data"] + size[".bss"]
    assert firmware.size.kernel_bytes == 27 * 4 == size[".weights"]
    assert 0 <= len(firmware.binary) - firmware.size.flash_bytes < 16
    assert firmware.size.flash_bytes < 12_000, "board support has grown a lot"


def test_stack_lies_below_everything_else(firmware: Firmware) -> None:
    """An overflow then leaves the memory and faults at once."""
    sections = {s.name: s for s in elf_file(firmware).iter_sections()}
    assert sections[".stack"]["sh_addr"] == memories.SRAM_BASE
    assert sections[".stack"]["sh_size"] >= 4096
    assert sections[".data"]["sh_addr"] > memories.SRAM_BASE


def test_floating_point_is_done_by_the_fpu(firmware: Firmware) -> None:
    """Neither soft-float routines nor integer registers for float arguments."""
    elf = elf_file(firmware)
    names = {s.name for s in elf.get_section_by_name(".symtab").iter_symbols()}
    assert not [n for n in names if n.startswith(("__aeabi_f", "__aeabi_d", "__adds", "__muls"))]
    (attributes,) = elf.get_section_by_name(".ARM.attributes").iter_subsections()
    tags = {a.tag: a.value for a in next(attributes.iter_subsubsections()).iter_attributes()}
    assert tags["TAG_ABI_VFP_ARGS"] == 1
    assert tags["TAG_FP_ARCH"] == 6  # VFPv4-D16: the Cortex-M4's unit


def test_debug_information_names_relative_files(firmware: Firmware) -> None:
    dwarf = elf_file(firmware).get_dwarf_info()
    names = {cu.get_top_DIE().attributes["DW_AT_name"].value.decode() for cu in dwarf.iter_CUs()}
    assert {"src/main.c", "bsp/startup.c"} <= names
    folders = {cu.get_top_DIE().attributes["DW_AT_comp_dir"].value for cu in dwarf.iter_CUs()}
    assert folders == {b"."}
    assert len(firmware.elf) < 300_000, "debug information has grown a lot"


def test_same_bytes_from_cold_and_warm_caches(
    project: Project, compiler: str, cache: Path, tmp_path: Path, firmware: Firmware
) -> None:
    warm = compile_project(project, compiler=compiler, cache=cache, warnings_are_errors=True)
    cold = compile_project(project, compiler=compiler, cache=tmp_path, warnings_are_errors=True)
    assert warm == firmware
    assert cold == firmware


def test_a_warm_cache_compiles_nothing(
    project: Project, compiler: str, cache: Path, firmware: Firmware,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    commands = []
    run = subprocess.run

    def counted(command: tuple[str, ...], **rest: object):
        commands.append(command)
        return run(command, **rest)

    monkeypatch.setattr(compile_module.subprocess, "run", counted)
    assert compile_project(
        project, compiler=compiler, cache=cache, warnings_are_errors=True
    ) == firmware  # fmt: skip
    compiled = [c[c.index("-c") + 1] for c in commands if "-c" in c]
    assert compiled == ["src/weights.S"]


def test_changed_kernels_arrive(project: Project, compiler: str, cache: Path) -> None:
    """The assembler source stays the same; only the file that it reads changes."""
    content = bytes(reversed(range(108)))
    firmware = compile_project(
        changed(project, "src/weights.bin", content), compiler=compiler, cache=cache
    )
    assert content in firmware.binary


def test_a_changed_header_recompiles_what_includes_it(
    project: Project, compiler: str, cache: Path
) -> None:
    header = project.content("bsp/board.h").replace(b'"MAX78000FTHR"', b'"OTHER TITLE!"')
    firmware = compile_project(
        changed(project, "bsp/board.h", header), compiler=compiler, cache=cache
    )
    assert b"OTHER TITLE!" in firmware.binary
    assert b"MAX78000FTHR" not in firmware.binary


def test_images_hold_the_program(firmware: Firmware) -> None:
    assert firmware.hex.splitlines()[-1] == ":00000001FF"
    assert firmware.srec.startswith("S0")
    for segment in read_elf(firmware.elf).segments:
        place = segment.load_address - memories.FLASH_BASE
        if segment.content:
            assert firmware.binary[place : place + len(segment.content)] == segment.content


def test_a_source_that_does_not_compile(project: Project, compiler: str, cache: Path) -> None:
    broken = changed(project, "src/main.c", b"int main(void) { return nonsense; }\n")
    with pytest.raises(ToolError, match="nonsense") as caught:
        compile_project(broken, compiler=compiler, cache=cache)
    assert caught.value.diagnostics[0].where == "src/main.c"
    assert caught.value.diagnostics[0].code == "MX6013"


def test_an_unresolved_name_is_the_linkers_error(
    project: Project, compiler: str, cache: Path
) -> None:
    broken = changed(
        project, "src/main.c", b"int missing(void); int main(void) { return missing(); }"
    )
    with pytest.raises(ToolError, match="missing") as caught:
        compile_project(broken, compiler=compiler, cache=cache)
    assert caught.value.diagnostics[0].where == "the linker"


@pytest.mark.parametrize(
    ("path", "content", "memory"),
    [
        ("src/weights.bin", bytes(600_000), "flash"),
        (
            "src/main.c",
            b"static volatile char big[200000]; int main(void) { return big[5]; }",
            "sram",
        ),
    ],
)
def test_too_large(
    project: Project, compiler: str, cache: Path, path: str, content: bytes, memory: str
) -> None:
    with pytest.raises(ModelError, match=f"firmware, {memory}") as caught:
        compile_project(changed(project, path, content), compiler=compiler, cache=cache)
    (found,) = caught.value.diagnostics
    limit = memories.FLASH_BYTES if memory == "flash" else memories.SRAM_BYTES
    assert f"the chip has {limit} bytes" in found.why
    needed = int(found.what.split()[-2])
    assert limit < needed < limit + 120_000


def test_make_gives_the_same_program(project: Project, tmp_path: Path, cache: Path) -> None:
    if find_compiler("gcc") is None or shutil.which("make") is None:
        pytest.skip("NOT TESTED: make and arm-none-eabi-gcc are not both installed")
    for path, content in project.files:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    subprocess.run(["make", "-s"], cwd=tmp_path, check=True, capture_output=True)
    made = (tmp_path / "build" / "firmware.bin").read_bytes()
    ours = compile_project(project, compiler="gcc", cache=cache).binary
    assert ours[: len(made)] == made
    assert set(ours[len(made) :]) <= {0xFF}
