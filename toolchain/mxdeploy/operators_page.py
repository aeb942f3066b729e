"""Generate ``docs/supported-operators.md``: what a model may contain, and what becomes of it.

``python -m mxdeploy.operators_page`` writes the page to standard output, with ``--write`` to its
place in the documentation. Constraints, rewrite rules, readers of operators and advice say
themselves what they are; only what becomes of an operator is said here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from mxdeploy.chip.pages import page_command, table
from mxdeploy.ops import constraints
from mxdeploy.ops import constraints_convolution as convolution
from mxdeploy.ops.constraint import Constraint
from mxdeploy.ops.tail import TailOp
from mxdeploy.stages.s1_import.operators import READERS
from mxdeploy.stages.s2_legalize import STEPS
from mxdeploy.stages.s2_legalize.advice import ADVICE, NO_ADVICE
from mxdeploy.stages.s2_legalize.rule import Rule

PAGE = Path(__file__).resolve().parents[1] / "docs" / "supported-operators.md"

INTRODUCTION = """\
# What a model may contain

Generated from the constraints, rewrite rules and advice by
`python -m mxdeploy.operators_page --write`; do not edit.

`mxdeploy check model.onnx` says of every node of a model what becomes of it, or why it cannot run
and what to use instead; all findings come in one run. Models come from any exporter, with ONNX
operator sets from 11 on, one input (or several that one Concat joins before anything else), fixed
sizes (the batch may be symbolic), channels first or last, and one or several outputs. The numbers
of the chip's limits are in `registers.md`.
"""

CPU = "on the CPU, at the end of the network only"
FATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "a hardware layer, or several where the chip does not have it as it is",
        ("Conv", "ConvTranspose", "Gemm", "MatMul"),
    ),
    (
        "done by the layer that reads it, on the way in; otherwise a layer of its own",
        ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "ReduceMax", "ReduceMean",
         "ReduceSum"),
    ),
    (
        "with constants, folded into weights; else done by the layer that reads it, or by its own",
        ("Add", "Sub", "Sum", "Mean"),
    ),
    (
        "folded into weights; otherwise a layer of its own",
        ("BatchNormalization", "Div", "Mul", "Neg"),
    ),
    (
        "part of the layer in front; otherwise a layer of its own",
        ("Abs", "Clip", "LeakyRelu", "Max", "Min", "Relu"),
    ),
    ("values lie side by side for the layers that read them", ("Concat",)),
    (
        "channels: weights of the neighbours; rows and columns: copies and poolings",
        ("Gather", "Slice", "Split"),
    ),
    (
        "nothing, where channels stay channels; in front of a matrix, another order of its weights",
        ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"),
    ),
    (
        "transposed convolutions, or copies and poolings",
        ("DepthToSpace", "Resize", "SpaceToDepth"),
    ),
    (
        "padding of the convolution behind; otherwise copies",
        ("Pad",),
    ),
    ("the 8-bit range of a value, which is kept", ("DequantizeLinear", "QuantizeLinear")),
    ("dropped", ("Cast", "Dropout", "Identity")),
    (
        CPU,
        ("ArgMax", "ArgMin", "Exp", "Expand", "HardSigmoid", "LogSoftmax", "ReduceMin",
         "Sigmoid", "Softmax", "Tanh", "Tile", "TopK"),
    ),
)  # fmt: skip
"""What becomes of the operators that can be read."""

GROUPS: tuple[tuple[str, tuple[Constraint[Any], ...]], ...] = (
    ("Convolutions", (*convolution.CONV, *convolution.CONV_TRANSPOSE, *convolution.UPSAMPLE)),
    (
        "Convolutions that are a single layer",
        (*convolution.CONV_ALONE, *convolution.CONV_TRANSPOSE_ALONE),
    ),
    ("Poolings", constraints.POOLING),
    ("Clips and paddings", (*constraints.CLIP, *constraints.PAD)),
    ("Layers", (*constraints.SPEC, *constraints.LAYER)),
)


def page() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION, _operators(), _tail(), _refused(), _constraints(), _rules()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _sentence(text: str | None) -> str:
    """A docstring's first paragraph on one line."""
    return " ".join((text or "").split("\n\n", maxsplit=1)[0].split())


def _operators() -> str:
    fates = {operator: fate for fate, operators in FATES for operator in operators}
    rows = ((f"`{name}`", fates[name], _read(name)) for name in sorted(READERS))
    text = (
        "What is read of an operator, and what becomes of it inside the network. Constants are "
        "computed when the model is read; nothing of them is left.\n\n"
    )
    return "## ONNX operators\n\n" + text + table(("operator", "becomes", "read"), rows)


def _read(name: str) -> str:
    """What the reader of an operator says beyond its name."""
    text = _sentence(READERS[name].__doc__)
    return "" if text == f"{name}." else text


def _tail() -> str:
    kinds = sorted({kind.__name__ for family in get_args(TailOp) for kind in _kinds(family)})
    return (
        "## At the end of the network\n\n"
        "What no layer stands behind is computed in C on the CPU, and by the reference in the same "
        f"single precision: {', '.join(f'`{kind}`' for kind in kinds)} (names of `ops/graph.py`), "
        "and poolings over all rows and columns. Operators that a layer could do go there only "
        "behind one that the chip does not have, or when no layer took them.\n"
    )


def _kinds(family: Any) -> tuple[type, ...]:  # noqa: ANN401 - a class or a union of some
    return get_args(family) or (family,)


def _refused() -> str:
    operators: dict[str, list[str]] = {}
    for name, advice in ADVICE.items():
        operators.setdefault(advice, []).append(f"`{name}`")
    rows = ((", ".join(sorted(names)), advice) for advice, names in operators.items())
    text = (
        "Operators that are refused, always or in a form that is not read, and what to do about "
        f"it. For all others: {NO_ADVICE}.\n\n"
    )
    return "## What to use instead\n\n" + text + table(("operators", "advice"), rows)


def _constraints() -> str:
    text = (
        "What a layer must satisfy. Models need not: rewriting sees to it where it can. What is "
        "left is an error with the code given here.\n"
    )
    parts = ["## Constraints\n\n" + text]
    for title, group in GROUPS:
        rows = ((f"`{c.code}`", c.text, c.fix) for c in group)
        parts.append(f"### {title}\n\n" + table(("code", "rule", "otherwise"), rows))
    return "\n".join(parts)


def rules() -> tuple[Rule, ...]:
    """All rewrite rules, in the order in which they are first tried."""
    found: dict[str, Rule] = {}
    for step in STEPS:
        for rule in step if isinstance(step, tuple) else ():
            found.setdefault(rule.name, rule)
    return tuple(found.values())


def words(rule: Rule) -> str:
    """What a rule does, in the words of its module; the first line says whether it is exact."""
    return sys.modules[rule.match.__module__].__doc__ or ""


def _rules() -> str:
    text = (
        "In the order in which they are first tried. Exact means that the network computes the "
        "same function of real numbers as before; what is approximate is said in the report of "
        "every build. `mxdeploy check --explain-rewrites` shows what was done to a model.\n"
    )
    return "## Rewrite rules\n\n" + text + "\n" + "\n".join(_rule_lines())


def _rule_lines() -> Iterator[str]:
    for rule in rules():
        first, _, rest = words(rule).partition("\n\n")
        sentence, _, kind = " ".join(first.split()).rpartition(": ")
        more = " ".join(rest.split())
        yield f"- **{rule.name}** ({kind.rstrip('.')}). {sentence}. {more}".rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page to standard output, or with ``--write`` to its place."""
    return page_command("mxdeploy.operators_page", arguments, page, PAGE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
