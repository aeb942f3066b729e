"""Project options: the small TOML file that may lie beside a model (``model.toml``)."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mxdeploy.data import Scale
from mxdeploy.errors import Diagnostic, UsageError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleOptions(_Section):
    """The input of the known-answer test: a data file beside the options file."""

    file: str
    key: str | None = None
    label: str | None = None


class InputOptions(_Section):
    """How integer data become the model's input (see ``--scale``)."""

    scale: Scale = Scale.NONE


class ProjectOptions(_Section):
    """What a model file cannot say about itself.

    Attributes:
        classes: names of the output channels, for people.
        input: how data files are scaled unless ``--scale`` says otherwise.
        sample: input of the known-answer test.
    """

    classes: tuple[str, ...] = ()
    input: InputOptions = Field(default_factory=InputOptions)
    sample: SampleOptions | None = None


def options_path(model: Path) -> Path:
    """Where the options of ``model`` are looked for: the same name with ``.toml``."""
    return model.with_suffix(".toml")


def load_options(path: Path) -> ProjectOptions:
    """Read an options file.

    Raises:
        UsageError: with every fault of the file.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return ProjectOptions.model_validate(document)
    except ValidationError as error:
        raise UsageError(
            Diagnostic(
                code="MX8020",
                where=f"{path}: {'.'.join(map(str, fault['loc']))}",
                what=fault["msg"],
                fix="see toolchain/docs/options.md",
            )
            for fault in error.errors()
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            Diagnostic(
                code="MX8021",
                where=str(path),
                what=f"cannot be read: {error}",
                fix="write it as TOML, or remove it",
            )
        ) from error
