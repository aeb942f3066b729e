"""Why the search found nothing: which memory is in the way."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.problem import Block, Problem
from mxdeploy.stages.s4_map.search import search

_LISTED = 3
_SHARE = 4
"""Finding the reason takes a quarter of the steps: one memory alone is an easier question."""


class KernelTest:
    """Whether kernels can be arranged if data do not matter.

    Problems with the same blocks have the same answer, which is found once.
    """

    def __init__(self, steps: int) -> None:
        """Let searches take a quarter of ``steps``."""
        self.steps = steps // _SHARE
        self._known: dict[tuple[Block, ...], bool] = {}

    def passes(self, problem: Problem) -> bool:
        """Whether a placement of the kernels is found."""
        known = self._known.get(problem.blocks)
        if known is None:
            known = search(replace(problem, heed_data=False), self.steps) is not None
            self._known[problem.blocks] = known
        return known


def explain_failure(
    problems: tuple[Problem, ...], kernels: KernelTest, certainty: str
) -> tuple[Diagnostic, ...]:
    """Findings for a network that passed the checks but for which no placement was found.

    Each memory is tried without the other: what fails alone is what is in the way.

    Args:
        problems: what was tried.
        kernels: says whether kernels alone can be placed.
        certainty: how certain it is that there is no placement.
    """
    found: list[Diagnostic] = []
    layers = problems[0].layers
    if not any(kernels.passes(p) for p in problems):
        found.append(findings.kernels_do_not_pack(layers))
    if not any(search(replace(p, heed_kernels=False), kernels.steps) for p in problems):
        found.append(findings.data_does_not_pack(_largest_pairs(problems[-1])))
    if not found:
        found.append(findings.memories_do_not_pack(layers))
    return tuple(replace(f, why=f"{f.why.rstrip('.')}; {certainty}") for f in found)


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
