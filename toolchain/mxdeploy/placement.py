"""The placement file (``map.json``): where everything lies, to be read, edited and built again.

Every build writes one; ``mxdeploy build --map`` takes it in place of a search. What follows from
the network (passes, number of processors, interleaving) does not stand in it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from mxdeploy.chip.max78000.limits import MAX_STREAMING_LAYERS
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.plan import Plan
from mxdeploy.stages.s4_map import ChosenPlacement, placement_of


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What tells one file from another; stands first.

    Attributes:
        format: version of this file's format.
        network: name of the network it is for.
    """

    format: Literal[1] = 1
    network: str


@dataclass(frozen=True, kw_only=True)
class PlacementFile(ChosenPlacement, _Header):
    """Content of ``map.json``."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    streams: Annotated[int, Field(ge=0, le=MAX_STREAMING_LAYERS.value)] = 0


_FILE = TypeAdapter(PlacementFile)


def placement_bytes(plan: Plan) -> bytes:
    """The placement of ``plan`` as a file."""
    document = PlacementFile(network=plan.network.name, **_fields(placement_of(plan)))
    return _FILE.dump_json(document, indent=2, exclude_none=True) + b"\n"


def load_placement(path: Path) -> ChosenPlacement:
    """Read a placement file.

    Raises:
        UsageError: it cannot be read, or is malformed; every fault of it.
    """
    try:
        document = _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX8070",
                where=str(path),
                what=f"cannot be read: {error.strerror or error}",
                fix="name the map.json of a build, or an edited copy of it",
            )
        ) from error
    except ValidationError as error:
        raise UsageError(
            Diagnostic(
                code="MX8071",
                where=f"{path}: {'.'.join(map(str, fault['loc'])) or 'line 1'}",
                what=fault["msg"],
                fix="compare with the map.json of a build",
            )
            for fault in error.errors()
        ) from error
    return ChosenPlacement(**_fields(document))


def _fields(placement: ChosenPlacement) -> dict[str, Any]:
    return {field.name: getattr(placement, field.name) for field in fields(ChosenPlacement)}
