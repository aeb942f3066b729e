"""What can go wrong while compiling, in words."""

from __future__ import annotations

import re

from mxdeploy.chip.max78000 import memories
from mxdeploy.errors import Diagnostic, ModelError, ToolError, UsageError

_OVERFLOW = re.compile(
    r"(?:region '?`?(FLASH|SRAM)'? overflowed by|in region '(FLASH|SRAM)': over\w* by) (\d+) bytes"
)
_NO_MAIN = re.compile(r"undefined (?:reference|symbol)\b.*\bmain\b")
_SHOWN_LINES = 6
USER_FOLDER = "app/"
"""Where the user's own files are in the project."""


class NoCompilerError(ToolError):
    """There is no C compiler for the Arm core; everything before this stage still holds."""


def unknown_compiler(name: str, known: tuple[str, ...]) -> UsageError:
    """A name that is not one of the back-ends."""
    return UsageError(
        Diagnostic(
            code="MX6010",
            where=f"compiler {name}",
            what="there is no compiler of this name",
            fix=f"choose one of: {', '.join(known)}",
        )
    )


def no_compiler(name: str) -> NoCompilerError:
    """Neither back-end (or not the one asked for) is installed."""
    wanted = {"gcc": "arm-none-eabi-gcc is not on the PATH", "zig": "ziglang is not installed"}
    return NoCompilerError(
        Diagnostic(
            code="MX6011",
            where=f"compiler {name}",
            what=wanted.get(
                name, "neither arm-none-eabi-gcc on the PATH nor the Python package ziglang"
            ),
            why="the firmware image needs a C compiler for the Arm Cortex-M4F",
            fix="pip install 'mxdeploy[firmware]' (brings ziglang), or install arm-none-eabi-gcc",
        )
    )


def cannot_start(command: str, reason: str) -> ToolError:
    """The operating system refuses to run the compiler."""
    return ToolError(
        Diagnostic(
            code="MX6012",
            where=command,
            what=f"the compiler cannot be started: {reason}",
            fix="reinstall it, or choose the other one with --compiler gcc or zig",
        )
    )


def compile_failed(source: str, compiler: str, messages: str) -> ToolError:
    """A source file does not compile, or the linker fails."""
    if USER_FOLDER in source + messages or _NO_MAIN.search(messages):
        return _user_code_failed(source, compiler, messages)
    return ToolError(
        Diagnostic(
            code="MX6013",
            where=source,
            what=f"{compiler} failed:\n{_first_messages(messages)}",
            fix="try the other compiler (--compiler gcc or zig); generated code should compile",
        )
    )


def _user_code_failed(source: str, compiler: str, messages: str) -> ToolError:
    """The user's own file does not compile, or names what does not exist."""
    return ToolError(
        Diagnostic(
            code="MX6015",
            where=source.removeprefix(USER_FOLDER),
            what=f"{compiler} failed:\n{_first_messages(messages)}",
            why="a file given with --app; src/cnn.h and the headers in bsp/ say what it may call",
            fix="correct the file at the line named above",
        )
    )


def does_not_fit(messages: str) -> ModelError | None:
    """The linker's complaint about a full memory, if it is one."""
    match = _OVERFLOW.search(messages)
    if match is None:
        return None
    region, extra = match[1] or match[2], int(match[3])
    size = memories.FLASH_BYTES if region == "FLASH" else memories.SRAM_BYTES
    holds = "code, kernels and sample" if region == "FLASH" else "stack, outputs and buffers"
    return ModelError(
        Diagnostic(
            code="MX6014",
            where=f"firmware, {region.lower()}",
            what=f"{holds} need {size + extra} bytes",
            why=f"the chip has {size} bytes, {extra} fewer",
            fix="use narrower weights or fewer channels; the network itself fits the accelerator"
            if region == "FLASH"
            else "make the network's outputs smaller",
        )
    )


def _first_messages(messages: str) -> str:
    lines = [line for line in messages.splitlines() if line.strip()]
    # Warnings may come before; the last line of gcc's linker only says that there were errors.
    errors = [i for i, line in enumerate(lines) if "error:" in line and "collect2" not in line]
    start = errors[0] if errors else 0
    return "\n".join(f"    {line}" for line in lines[start : start + _SHOWN_LINES])
