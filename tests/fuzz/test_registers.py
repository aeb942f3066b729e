"""Random registers: results, or a refusal that names what is really there."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, seed, settings

from mxdeploy.chip.max78000 import registers as reg
from tests.fuzz.search import search
from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.trial import Trial, attempt
from tests.fuzz.trials import trials

CHUNKS, EXAMPLES = 20, 100


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_results_or_a_named_refusal(chunk):
    search(SUBJECTS["registers"], examples=EXAMPLES, number=chunk)


def test_trials_get_far():
    """So that the search cannot fall silent: many run, and many registers are refused."""
    seen: Counter[str] = Counter()

    @seed(0)
    @settings(
        max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(trials())
    def count(trial: Trial) -> None:
        seen.update(set(attempt(trial)))

    count()
    assert seen["run"] > 50
    assert seen["waits"] > 3
    assert seen["access"] > 10
    refusing = {cls.mnemonic for cls in reg.LAYER_REGISTERS if seen[cls.mnemonic]}
    assert len(refusing) >= 8
