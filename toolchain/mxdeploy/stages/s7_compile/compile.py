"""Compile and link a project in a temporary folder."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mxdeploy.chip.max78000 import memories
from mxdeploy.ir.project import Firmware, FirmwareSize, Project
from mxdeploy.stages.s7_compile.compilers import Compiler, find_compiler
from mxdeploy.stages.s7_compile.diagnostics import (
    cannot_start,
    compile_failed,
    does_not_fit,
    no_compiler,
)
from mxdeploy.stages.s7_compile.elf import Elf, read_elf
from mxdeploy.stages.s7_compile.images import flash_image, intel_hex, s_records
from mxdeploy.stages.s7_compile.object_cache import (
    ObjectCache,
    default_cache,
    object_key,
    usable_cache,
)

_ELF = "firmware.elf"
_WEIGHTS = "src/weights.bin"
_FOLDERS = ("app/", "bsp/", "src/")
"""What lies elsewhere is for the vendor's SDK."""
_SOURCES = (".c", ".S")
_TIMEOUT_S = 600


def compile_project(
    project: Project,
    *,
    compiler: str = "auto",
    cache: Path | None = None,
    warnings_are_errors: bool = False,
) -> Firmware:
    """The firmware image of a project.

    The same project and compiler give the same bytes, in whatever folder it happens.

    Args:
        project: the C sources.
        compiler: ``auto`` (gcc if it is there, else zig), ``gcc`` or ``zig``.
        cache: folder for compiled objects; the user's cache folder when left out.
        warnings_are_errors: also refuse what the compiler merely doubts.

    Raises:
        NoCompilerError: the compiler is not installed.
        ToolError: it failed.
        ModelError: the program is larger than the flash memory or the SRAM.
        UsageError: there is no compiler of this name.
    """
    found = find_compiler(compiler)
    if found is None:
        raise no_compiler(compiler)
    with tempfile.TemporaryDirectory(prefix="mxdeploy-") as name:
        folder = Path(name).resolve()
        _write(project, folder)
        extra = ("-Werror",) if warnings_are_errors else ()
        job = _Job(
            project=project,
            compiler=found,
            folder=folder,
            flags=(
                *_flags(project, f"flags/{found.name}.txt"),
                *_flags(project, "compile_flags.txt"),
                *extra,
            ),
            cache=usable_cache(cache or default_cache(), folder),
        )
        elf = _build(job)
    return _firmware(project, found, elf)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    project: Project
    compiler: Compiler
    folder: Path
    flags: tuple[str, ...]
    cache: Path


def _write(project: Project, folder: Path) -> None:
    for path, content in project.files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _flags(project: Project, path: str) -> tuple[str, ...]:
    return tuple(project.content(path).decode().split())


def _build(job: _Job) -> bytes:
    objects = ObjectCache(job.cache / "objects")
    sources = [p for p, _ in job.project.files if p.startswith(_FOLDERS) and p.endswith(_SOURCES)]
    names = []
    for source in sources:
        key = object_key(job.project, source, job.compiler, job.flags)
        content = objects.get(key)
        if content is None:
            content = _compile(job, source)
            objects.put(key, content)
        else:
            (job.folder / _object(source)).write_bytes(content)
        names.append(_object(source))
    objects.prune()
    flags = _flags(job.project, f"flags/{job.compiler.name}_link.txt")
    _run(job, "the linker", (*job.compiler.link_command, *flags, "-o", _ELF, *names))
    return (job.folder / _ELF).read_bytes()


def _object(source: str) -> str:
    return f"{source}.o"


def _compile(job: _Job, source: str) -> bytes:
    command = (
        *job.compiler.compile_command,
        *job.flags,
        *job.compiler.directory_flags(job.folder),
    )
    _run(job, source, (*command, "-c", source, "-o", _object(source)))
    return (job.folder / _object(source)).read_bytes()


def _run(job: _Job, what: str, command: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=job.folder,
            env=job.compiler.environment(job.cache, job.folder),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise cannot_start(command[0], error.strerror or str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise cannot_start(command[0], f"no end after {_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise does_not_fit(done.stderr) or compile_failed(what, job.compiler.version, done.stderr)


def _firmware(project: Project, compiler: Compiler, content: bytes) -> Firmware:
    elf = read_elf(content)
    image = flash_image(elf, memories.FLASH_BASE, memories.FLASH_BYTES)
    return Firmware(
        elf=content,
        binary=image,
        hex=intel_hex(image, memories.FLASH_BASE, elf.entry),
        srec=s_records(image, memories.FLASH_BASE, elf.entry),
        size=_size(elf, len(project.content(_WEIGHTS))),
        compiler=compiler.version,
    )


def _size(elf: Elf, kernel_bytes: int) -> FirmwareSize:
    in_sram = [s for s in elf.segments if s.address >= memories.SRAM_BASE]
    return FirmwareSize(
        flash_bytes=sum(len(s.content) for s in elf.segments),
        sram_bytes=sum(s.size_bytes for s in in_sram),
        kernel_bytes=kernel_bytes,
    )
