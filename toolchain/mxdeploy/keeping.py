"""The smallest weights whose answers are good enough (``--max-drop``).

Some of the calibration inputs calibrate, the others judge: a choice of widths counts as good when
the answers on the judging inputs leave little doubt that it is. Where there are too few of them for
that, the user is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.accuracy import Z_95_ONE_SIDED, PairedComparison
from mxdeploy.arith.head import quantized_input
from mxdeploy.errors import Diagnostic, ModelError, UsageError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.narrowing import choices, no_data, price, with_choice
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.calibration import BRIEF, THOROUGH
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.trace import Steps, unwatched
from mxdeploy.width_choice import Choice, last_good

FloatArray = NDArray[np.float32]
Answers = NDArray[np.integer]

_JUDGES = 4096
"""Inputs that judge, at most."""
_TRIALS = 25
"""Choices between the largest and the smallest among which accuracy decides."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judging inputs say about integers, in points.

    Attributes:
        drop: what is lost against the float network.
        most: what may be lost, with 95 % confidence.
        changed: answers that are others.
    """

    drop: float
    most: float
    changed: float


def quantize_to_drop(
    network: Network,
    data: FloatArray | None,
    options: QuantizeOptions,
    points: float,
    labels: Answers | None = None,
    on_step: Steps = unwatched,
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """Quantize with the smallest weights whose answers are good enough.

    Half of the calibration inputs calibrate, as far as so many are used; the others judge.

    Args:
        network: legalized; the largest of its output's channels is the answer.
        data: calibration data, after the network's head.
        options: the widths to start from.
        points: percent of the answers that may be lost.
        labels: right answers, one per input; without them, no answer should change.
        on_step: told how far it is.

    Raises:
        UsageError: no calibration data, or too few; or as :func:`quantize`.
        ModelError: no choice of widths is good enough; or as :func:`quantize`.
    """
    if data is None or len(data) < len(("calibrates", "judges")):
        raise UsageError(no_data("--max-drop"))
    known, others = _split(len(data))
    if labels is not None and labels.shape != (len(data),):
        labels = None
    jury = _jury(network, data[others], None if labels is None else labels[others])
    found = _thinned(choices(network, data[known], options, on_step))
    trials = _Trials(network, data[known], options, found, jury, on_step)
    place, is_good = trials.smallest(points)
    if len(known) == THOROUGH.samples:  # no more calibrate: what judges can judge what is built
        used = data[known]
        result, verdict = trials.confirmed(place, is_good)
    else:
        used, verdict = data, trials.verdicts[place]
        result = quantize(network, used, with_choice(options, found[place]))
    what = "of the answers change" if jury.right is jury.answers else "of the answers are lost"
    reason = (
        f"as far as {points:g} {text.agreeing(points, 'point')} may be lost: {verdict.drop:.2f} % "
        f"{what} on {text.count(len(jury.inputs), 'input')} that did not calibrate, at most "
        f"{verdict.most:.2f} % with 95 % confidence"
    )
    notes = price(network, used, options, result, reason)
    if verdict.most > points:
        return result, (*notes, _too_few(points, len(jury.inputs), verdict.most))
    return result, notes


@dataclass(frozen=True, slots=True, eq=False)
class _Jury:
    """Inputs that judge.

    Attributes:
        inputs: (n, ...), after the network's head.
        answers: of the float network, (n, positions).
        right: what they should be, (n, positions); without labels, the same.
    """

    inputs: FloatArray
    answers: Answers
    right: Answers

    def verdict(self, network: QuantNetwork) -> Verdict:
        """What becomes of the answers."""
        given = _integer_answers(network, self.inputs)
        before = (self.answers == self.right).mean(axis=1)
        after = (given == self.right).mean(axis=1)
        lost: NDArray[np.float64] = before - after  # -1, 0 or 1 where an input has one answer
        return Verdict(
            drop=100 * float(lost.mean()),
            most=100 * (_most_of_many(lost) if given.shape[1] > 1 else _most(lost)),
            changed=100 * float((given != self.answers).mean()),
        )

    @property
    def least_doubt(self) -> float:
        """What may be lost, in points, when no answer changes."""
        kept = np.zeros(len(self.inputs))
        return 100 * (_most_of_many(kept) if self.answers.shape[1] > 1 else _most(kept))


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """Choices that are tried, the largest first, and what the jury said."""

    network: Network
    data: FloatArray
    options: QuantizeOptions
    found: Sequence[Choice]
    jury: _Jury
    on_step: Steps
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def smallest(self, points: float) -> tuple[int, Callable[[Verdict], bool]]:
        """Place of the smallest choice that is good enough, and what that means.

        Raises:
            ModelError: not even the largest is.
        """

        def is_sure(verdict: Verdict) -> bool:
            return verdict.most <= points

        def changes_little(verdict: Verdict) -> bool:
            return verdict.changed <= points

        place = None
        if self.jury.least_doubt <= points:
            place = last_good(len(self.found), lambda k: is_sure(self._tried(k)))
        if place is not None:
            return place, is_sure
        widest = self._tried(0)
        if widest.drop > points:
            raise ModelError(_too_much(points, widest.drop))
        # Gains make up for losses by chance as well: with so few inputs they do not count.
        place = last_good(len(self.found), lambda k: changes_little(self._tried(k)))
        return place or 0, changes_little

    def confirmed(
        self, place: int, is_good: Callable[[Verdict], bool]
    ) -> tuple[QuantNetwork, Verdict]:
        """The smallest from ``place`` on that is good when all inputs calibrate."""
        while True:
            self._say(place)
            result = quantize(self.network, self.data, with_choice(self.options, self.found[place]))
            verdict = self.jury.verdict(result)
            if not place or is_good(verdict):
                return result, verdict
            place -= 1

    def _tried(self, place: int) -> Verdict:
        """What the jury says when few inputs calibrate, which is fast and on the safe side."""
        if place not in self.verdicts:
            self._say(place)
            chosen = with_choice(self.options, self.found[place])
            chosen = replace(chosen, measure=False, max_samples=BRIEF.samples)
            result = quantize(self.network, self.data, chosen)
            self.verdicts[place] = self.jury.verdict(result)
        return self.verdicts[place]

    def _say(self, place: int) -> None:
        """Tell what is tried now; how many trials there will be is a guess."""
        done = len(self.verdicts)
        total = max(done + 1, len(self.found).bit_length() + 3)
        self.on_step(done, total, f"trying weights of {self.found[place].size:,} bytes")


def _most(lost: NDArray[np.float64]) -> float:
    """The largest share of answers (n,) that may be lost when -1, 0 or 1 was at each."""
    gone, come = int((lost > 0).sum()), int((lost < 0).sum())
    pairs = PairedComparison(total=len(lost), changed=gone + come, gained=come, lost=gone)
    return pairs.most_lost


def _most_of_many(lost: NDArray[np.float64]) -> float:
    """The same where inputs have answers at many positions: inputs are samples, positions not."""
    spread = float(lost.std(ddof=1)) if len(lost) > 1 else 1.0
    return float(lost.mean()) + Z_95_ONE_SIDED * spread / math.sqrt(len(lost))


def _split(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the inputs that calibrate, and of those that judge; whatever their order is."""
    mixed = np.random.default_rng(0).permutation(count)
    known = min((count + 1) // 2, THOROUGH.samples)
    return np.sort(mixed[:known]), np.sort(mixed[known : known + _JUDGES])


def _jury(network: Network, inputs: FloatArray, labels: Answers | None) -> _Jury:
    answers = _float_answers(network, inputs)
    right = answers
    if labels is not None and answers.shape[1] == 1:
        right = labels[:, np.newaxis]
    return _Jury(inputs, answers, right)


def _thinned(found: Sequence[Choice]) -> list[Choice]:
    """Some of the choices, evenly spaced in size, the first and the last among them."""
    sizes = np.array([-choice.size for choice in found])
    wanted = np.linspace(sizes[0], sizes[-1], _TRIALS)
    return [found[place] for place in np.unique(np.searchsorted(sizes, wanted))]


def _float_answers(network: Network, data: FloatArray) -> Answers:
    session, name = Session(build_float_model(network), 2), network.outputs[0]
    parts = [
        session.run({network.inputs[0]: data[start : start + _BATCH]}, [name])[name]
        for start in range(0, len(data), _BATCH)
    ]
    return _answers(np.concatenate(parts))


def _integer_answers(network: QuantNetwork, data: FloatArray) -> Answers:
    from mxdeploy.stages.s8_run.integer import IntegerMachine

    source = network.value(network.input)
    steps = quantized_input(data, source.scale)
    machine = IntegerMachine(build_integer_model(network, all_layers=False), network)
    return _answers(machine.run(steps.reshape(-1, *source.shape))[network.outputs[0]])


def _answers(outputs: NDArray[np.generic]) -> Answers:
    """The largest channel (n, positions)."""
    answers: Answers = outputs.reshape(len(outputs), outputs.shape[1], -1).argmax(axis=1)
    return answers


def _too_much(points: float, drop: float) -> Diagnostic:
    return Diagnostic(
        code="MX3021",
        where=f"--max-drop {points:g}",
        what=f"{drop:.2f} points are lost on the calibration data without narrower weights",
        why="8-bit activations and weights alone cost more than allowed",
        fix="mxdeploy quantize shows where; train quantization-aware, or allow more",
    )


def _too_few(points: float, count: int, most: float) -> Diagnostic:
    share = points / 100
    needed = Z_95_ONE_SIDED**2 * (1 - share) / share if share else math.inf
    more = f", twice {math.ceil(needed):,} at the very least," if math.isfinite(needed) else ""
    return Diagnostic(
        code="MX3023",
        where=f"--max-drop {points:g}",
        what=f"{text.count(count, 'input')} to judge by, too few to be sure: {most:.2f} points may "
        "be lost",
        why="even the widest weights leave more doubt than so many points; chosen were the "
        "smallest that change no more than that share of the answers",
        fix=f"calibrate on more inputs{more} or allow more",
        severity="warning",
    )
