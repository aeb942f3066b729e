"""A network in a user's own Python file: found, run, and what it raises told by its own lines."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from mxdeploy.errors import Diagnostic, UsageError

Builder = Callable[..., object]


def fault(code: str, where: str, what: str, fix: str) -> UsageError:
    """Something that the user has to mend in the recipe or the file."""
    return UsageError(Diagnostic(code=code, where=where, what=what, fix=fix))


def find_builder(text: str, folder: Path) -> Builder:
    """What ``file.py:Class`` names: a class, a function, or a module that is there already.

    The file is run each time, so that a module made in it gets first weights from the random
    numbers of that time.

    Args:
        text: of the recipe.
        folder: what the file is relative to.

    Raises:
        UsageError: there is no such thing, or the file cannot be run.
    """
    path_text, colon, name = text.rpartition(":")
    path = folder / (path_text if colon else text)
    if not path.is_file():
        raise fault("MX0035", text, "there is no such file", "write it as network.py:Class")
    module = user_call(text, lambda: _loaded(path))
    found: object = getattr(module, name, None) if colon else None
    if isinstance(found, nn.Module):
        return lambda: found
    if not callable(found):
        there = ", ".join(_networks(module)) or "none"
        raise fault(
            "MX0036",
            text,
            f"has no class {name}" if colon and name else "does not say which class",
            f"write it as network.py:Class; networks in it: {there}",
        )
    return found


def build(where: str, builder: Builder, arguments: Mapping[str, Any]) -> object:
    """Call it with the arguments.

    Raises:
        UsageError: it takes others, or fails.
    """
    takes = inspect.signature(builder)
    try:
        takes.bind(**arguments)
    except TypeError as error:
        free = [p.name for p in takes.parameters.values() if p.kind not in _STARS]
        raise fault(
            "MX0038",
            where,
            f"cannot be made: {error}",
            f"it takes {', '.join(free) or 'no arguments'}; input_shape and classes are filled in, "
            "others are given by --set network.options.NAME=VALUE",
        ) from error
    return user_call(where, lambda: builder(**arguments))


def user_call(where: str, call: Callable[[], Any], given: str = "") -> Any:  # noqa: ANN401 - a user's own code
    """Call code of the user; what it raises is the user's to mend, so it is told where.

    Args:
        where: for the error.
        call: the code.
        given: what it is given, for the error.
    """
    try:
        return call()
    except UsageError:
        raise
    except SystemExit as error:
        raise fault(
            "MX0039",
            where,
            "ends the program when it is imported",
            'keep what is no definition under if __name__ == "__main__":',
        ) from error
    except Exception as error:
        text = " ".join(str(error).split())
        raise fault(
            "MX0037", where, f"stops{given} with {type(error).__name__}: {text}", _place(error)
        ) from error


_STARS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_NOT_THE_USERS = ("site-packages", "<frozen", str(Path(__file__).parent))
"""In names of files whose lines are of no help."""


def _place(error: Exception) -> str:
    """The last line that is the user's own: torch's are of no help."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"look at {error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(text in f.filename for text in _NOT_THE_USERS)]
    if not own:
        return "see whether its layers suit each other and what they are given"
    return f"look at {own[-1].filename}, line {own[-1].lineno}"


def _networks(module: ModuleType) -> list[str]:
    """Names in the file that could be meant."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, nn.Module) or (inspect.isclass(value) and issubclass(value, nn.Module))
    ]


def _loaded(path: Path) -> ModuleType:
    """Run a Python file that may import its neighbours."""
    spec = importlib.util.spec_from_file_location(f"mxdeploy_network_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
