"""Why the search found nothing: which memory is in the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.problem import Problem
from mxdeploy.stages.s4_map.search import search

_LISTED = 3
_SHARE = 4
"""Finding the reason takes a quarter of the steps: one memory alone is an easier question."""


def explain_failure(
    problems: tuple[Problem, ...], steps: int, certainty: str
) -> tuple[Diagnostic, ...]:
    """Findings for a network that passed the checks but for which no placement was found.

    Each memory is tried without the other: what fails alone is what is in the way.

    Args:
        problems: what was tried.
        steps: of the search that failed.
        certainty: how certain it is that there is no placement.
    """
    found: list[Diagnostic] = []
    layers = problems[0].layers
    kernels = kernels_pack(problems, steps)
    steps //= _SHARE
    if not kernels:
        found.append(findings.kernels_do_not_pack(layers))
    if not any(search(replace(p, heed_kernels=False), steps) for p in problems):
        found.append(findings.data_does_not_pack(_largest_pairs(problems[-1])))
    if not found:
        found.append(findings.memories_do_not_pack(layers))
    return tuple(replace(f, why=f"{f.why.rstrip('.')}; {certainty}") for f in found)


def kernels_pack(problems: Iterable[Problem], steps: int) -> bool:
    """Whether the kernels of one of the problems can be arranged if data do not matter."""
    return any(search(replace(p, heed_data=False), steps // _SHARE) for p in problems)


def _largest_pairs(problem: Problem) -> list[tuple[str, int, int]]:
    pairs = []
    births = {piece.birth: i for i, piece in enumerate(problem.pieces) if piece.birth >= 0}
    for index, layer in enumerate(problem.layers):
        deaths = [
            problem.words[i]
            for i, piece in enumerate(problem.pieces)
            if piece.birth < index <= piece.death
        ]
        written = problem.words[births[index]] if index in births else 0
        pairs.append(
            (layer.name, mem.WORD_BYTES * max(deaths, default=0), mem.WORD_BYTES * written)
        )
    return sorted(pairs, key=lambda pair: -pair[1] - pair[2])[:_LISTED]
