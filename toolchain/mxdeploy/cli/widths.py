"""Options that say how wide the weights are."""

from __future__ import annotations

from dataclasses import dataclass

import click

from mxdeploy.cli.common import Body, gathered
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.options import ProjectOptions, WeightBits

_WIDTHS: dict[str, WeightBits] = {"8": 8, "4": 4, "2": 2, "1": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthArguments:
    """``--weight-bits``, ``--fit``, ``--weight-memory``, ``--max-drop``."""

    weight_bits: tuple[str, ...]
    fit: bool
    weight_memory: str | None
    max_drop: float | None

    def applied(self, options: ProjectOptions) -> ProjectOptions:
        """Project options with these; they come after those of the file.

        Who says here what widths are to follow from need not care what the file says about it.

        Raises:
            UsageError: not a width.
        """
        section = options.quantize
        default, layers = section.weight_bits, dict(section.layers)
        for text in self.weight_bits:
            pattern, equals, number = text.rpartition("=")
            bits = _WIDTHS.get(number)
            if bits is None:
                raise UsageError(_no_width(text))
            if equals:
                layers.pop(pattern, None)
                layers[pattern] = bits
            else:
                default = bits
        changes: dict[str, object] = {"weight_bits": default, "layers": layers}
        if self.fit or self.weight_memory is not None or self.max_drop is not None:
            changes |= {name: getattr(self, name) for name in ("fit", "weight_memory", "max_drop")}
        return options.model_copy(update={"quantize": section.model_copy(update=changes)})


def width_options(body: Body) -> Body:
    """Add the options; the body gets them together, as ``widths``."""
    command = gathered(body, "widths", WidthArguments)
    for option in (
        click.option(
            "--max-drop",
            type=click.FloatRange(0, 100),
            metavar="POINTS",
            help="The smallest weights that lose at most so many percent of the answers.",
        ),
        click.option(
            "--weight-memory",
            metavar="SIZE",
            help="The best widths of weights within SIZE: 50%, or bytes, or 216K.",
        ),
        click.option(
            "--fit", is_flag=True, help="If weights do not fit, narrow those that cost least."
        ),
        click.option(
            "--weight-bits",
            metavar="[LAYER=]BITS",
            multiple=True,
            help="Width of weights: 8, 4, 2 or 1; of some layers with their name or pattern.",
        ),
    ):
        command = option(command)
    return command


def _no_width(text: str) -> Diagnostic:
    return Diagnostic(
        code="MX8023",
        where=f"--weight-bits {text}",
        what="is no width of weights",
        why=f"the accelerator has weights of {', '.join(_WIDTHS)} bits",
        fix="--weight-bits 4, or --weight-bits LAYER=4 for one layer, or a pattern as conv*=4",
    )
