"""Plans and programs check themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mxdeploy.ir.program import Program
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from tests import zoo


@pytest.fixture(scope="module")
def program() -> Program:
    return lower(map_network(zoo.tiny()))


def test_sound_program(program):
    program.verify()


@pytest.mark.parametrize("phase", ["init", "configure", "start", "acknowledge"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"address": 0x50108000}, "is no register"),
        ({"text": "RowCount()"}, "is not RowCount"),
        ({"address": 0x50100A10, "value": 1 << 31}, "undeclared"),
    ],
)
def test_damaged_write(program, phase, change, message):
    first, *rest = getattr(program, phase)
    damaged = replace(program, **{phase: (replace(first, **change), *rest)})
    with pytest.raises(ValueError, match=message):
        damaged.verify()


@pytest.mark.parametrize(
    "change",
    [
        {"start_word": -1},
        {"start_word": 762},
        {"kernel_words": 0},
        {"kernel_words": 8},
        {"words": Tensor(np.zeros(3, np.uint32))},
    ],
)
def test_damaged_image(program, change):
    first, *rest = program.kernels
    with pytest.raises(ValueError, match="kernels of processor 0"):
        replace(program, kernels=(replace(first, **change), *rest)).verify()


def test_overlapping_images(program):
    with pytest.raises(ValueError, match="kernels of processor 0"):
        replace(program, kernels=(program.kernels[0], *program.kernels)).verify()


def test_bias_beyond_its_memory(program):
    bias = replace(program.biases[0], start_byte=509)
    with pytest.raises(ValueError, match="bias entry 512"):
        replace(program, biases=(bias,)).verify()


@pytest.mark.parametrize(
    "damage",
    [
        lambda plan: {"layers": plan.layers[:1]},
        lambda plan: {"layers": plan.layers[::-1]},
        lambda plan: {"outputs": (plan.input,)},
        lambda plan: {"input": plan.outputs[0]},
    ],
)
def test_plan_of_another_network(program, damage):
    plan = program.plan
    with pytest.raises(ValueError, match=r"layer|network"):
        replace(plan, **damage(plan)).verify()


def test_digest_covers_every_word(program):
    first, *rest = program.configure
    changed = replace(program, configure=(replace(first, value=first.value ^ 1), *rest))
    assert changed.digest != program.digest
    weights = program.kernels[0].words.array.copy()
    weights[0] ^= 1
    image = replace(program.kernels[0], words=Tensor(weights))
    assert replace(program, kernels=(image, *program.kernels[1:])).digest != program.digest
