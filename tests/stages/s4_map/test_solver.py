"""The search against a constraint solver: same feasibility, and hardly more cycles."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.ir.plan import Plan
from mxdeploy.stages.s4_map import MapOptions, map_network, mapper, solver
from mxdeploy.stages.s4_map.search import search
from mxdeploy.stages.s4_map.solver import Verdict, solve
from tests import branches, zoo
from tests.branches import branching_networks
from tests.builders import build, conv
from tests.stages.s4_map.test_changed_plans import NETWORKS
from tests.stages.s4_map.test_exhaustive import QUARTERS, on_the_chip, placeable
from tests.stages.s4_map.test_search import GROUPS, ROWS, STEPS, cut, kept, problem

pytest.importorskip("ortools", reason="NOT TESTED against the solver: OR-tools is not installed")

BLOCKS = st.tuples(st.integers(1, QUARTERS), st.integers(1, QUARTERS))
SIZES = st.sampled_from((1, 3000, 5000, 8000))


def certain(verdict: Verdict) -> bool:
    """Whether there is a placement; the solver must know."""
    assert verdict.proven
    return verdict.placement is not None


# --- the judge is judged by trying everything ---------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(BLOCKS, SIZES), min_size=1, max_size=6))
def test_the_solver_finds_exactly_what_there_is(cases):
    rectangles, pixels = [block for block, _ in cases], [size for _, size in cases]
    assert certain(solve(on_the_chip(rectangles, pixels))) == placeable(rectangles, pixels)


def test_what_does_not_count_is_not_in_the_way():
    both = problem([(8, 190), (8, 1), (8, 190)], pixels=[6000, 6000, 6000, 1])
    assert not certain(solve(both))
    for part in ({"heed_data": False}, {"heed_kernels": False}):
        assert certain(solve(mapper.replace(both, **part)))
    assert not certain(solve(problem([(1, ROWS + 1)])))
    assert not certain(solve(problem([(1, 1)], pixels=[8193, 1])))
    assert not certain(solve(kept(problem([(6, 1)] * 3, pixels=[6000] * 4), 0)))


def test_the_same_question_has_the_same_answer():
    numbers = random.Random(3)
    rectangles = cut(numbers, GROUPS, ROWS, 10)
    assert solve(problem(rectangles)) == solve(problem(rectangles))


# --- the search is judged by the solver ---------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, GROUPS), st.integers(1, ROWS // 2)), max_size=8))
def test_kernels_that_can_be_placed_are_found(rectangles):
    asked = problem(rectangles or [(1, 1)])
    assert (search(asked, STEPS) is not None) == certain(solve(asked))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, GROUPS), st.integers(1, ROWS // 2), st.integers(1, 8192)),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.integers(0, 4), max_size=1),
)
def test_kernels_and_data_that_can_be_placed_are_found(cases, outputs):
    asked = problem([case[:2] for case in cases], [*(case[2] for case in cases), 1])
    asked = kept(asked, *(number for number in outputs if number <= len(cases)))
    assert (search(asked, STEPS) is not None) == certain(solve(asked))


def by_solver(network, monkeypatch) -> Plan | None:
    """The network as the solver alone places it; the proof accepts what it says."""
    with monkeypatch.context() as patch:
        patch.setattr(mapper, "search", lambda problem, _steps: solve(problem).placement)
        try:
            return map_network(network)
        except ModelError:
            return None


MODELS = {
    **NETWORKS,
    "cifar10": zoo.cifar10,
    "mnist": zoo.mnist,
    "keywords": zoo.keywords,
    "resnet8": branches.resnet8,
    "detector": branches.detector,
}


@pytest.mark.parametrize("name", MODELS)
def test_networks_take_hardly_more_cycles_than_they_must(name, monkeypatch):
    found, best = map_network(MODELS[name]()), by_solver(MODELS[name](), monkeypatch)
    assert best is not None
    assert best.cycles <= found.cycles <= 1.02 * best.cycles


@settings(max_examples=12, deadline=None)
@given(network=branching_networks())
def test_random_networks_take_hardly_more_cycles_than_they_must(network):
    try:
        found = map_network(network)
    except ModelError:
        found = None
    best = by_solver(network, pytest.MonkeyPatch())
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert found.cycles <= 1.02 * best.cycles


# --- the second opinion -------------------------------------------------------------------------


def test_a_network_that_the_search_gives_up_is_placed_by_the_solver(monkeypatch):
    network, hasty = branches.residual(), MapOptions(search_steps=0)
    plan = map_network(network, hasty)
    assert plan.cycles == map_network(network).cycles
    monkeypatch.setattr(solver, "available", lambda: False)
    with pytest.raises(ModelError) as refused:
        map_network(network, hasty)
    assert 'pip install "mxdeploy[solver]"' in str(refused.value)


def test_a_refusal_says_that_it_is_certain():
    """Six layers that fill two thirds of the kernel memories of 12 processors: five would fit."""
    layers = [layer for _ in range(6) for layer in (conv(512, 3, 1), conv(12, 1))]
    with pytest.raises(ModelError) as refused:
        map_network(build((12, 4, 4), layers), MapOptions(search_steps=24))
    assert "the solver has proved that there is none" in str(refused.value)
