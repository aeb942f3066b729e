"""s7: Project -> Firmware, compiled with arm-none-eabi-gcc or with pip's ziglang."""

from __future__ import annotations

from mxdeploy.stages.s7_compile.compile import compile_project
from mxdeploy.stages.s7_compile.compilers import Compiler, find_compiler
from mxdeploy.stages.s7_compile.diagnostics import NoCompilerError

__all__ = ["Compiler", "NoCompilerError", "compile_project", "find_compiler"]
