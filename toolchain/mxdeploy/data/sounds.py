"""Recordings: one class folder per word, any rate, one length."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.data.folders import FolderFiles
from mxdeploy.data.wish import Wish
from mxdeploy.errors import Diagnostic

KIND = "recordings"
SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".ogg", ".wav"})
STEPS = 128
"""Steps of 8-bit samples from silence to full scale."""
LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
MARGIN = 1.1
"""So much more than needed is read of long recordings: the end of a filtered piece is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """Samples per second, samples per recording, and channels into which these are folded."""

    rate: int
    samples: int
    channels: int


def soundfile() -> Any:  # noqa: ANN401 - a module
    """The module ``soundfile``.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import soundfile as module
    except (ImportError, OSError) as error:
        raise findings.missing_library("soundfile", "recordings") from error
    return module


def read_sounds(files: FolderFiles, wish: Wish) -> Examples:
    """Recordings as int8 (n, C, L): full scale is -128..127.

    Sample i is in channel i mod C, row i // C. The channels of a recording are averaged, other
    rates are converted. Without a rate or length wished for, those of most recordings are taken.
    What cannot be read is listed and left out.

    Raises:
        UsageError: no recording can be read, or the length is no multiple of the channels.
    """
    soundfile()
    form, problems = _form(files, wish)
    loaded = [_attempt(path, form) for path in files.paths]
    kind = f"{KIND} at {form.rate:,} samples per second"
    lines = files.examples(loaded, problems, kind)
    return replace(lines, inputs=folded(lines.inputs, form.channels))


def folded(samples: NDArray[np.generic], channels: int) -> NDArray[np.generic]:
    """(n, S) as (n, C, S / C): sample i is in channel i mod C, row i // C."""
    count = len(samples)
    return np.ascontiguousarray(samples.reshape(count, -1, channels).transpose(0, 2, 1))


def resampled(signal: NDArray[np.float32], rate: int, target: int) -> NDArray[np.float32]:
    """The signal at another rate, without what that rate cannot hold (band limited, by Fourier)."""
    if rate == target:
        return signal
    ratio = Fraction(target, rate)
    step = ratio.denominator
    # Silence behind the signal: a Fourier series goes round, so its end would run into its begin.
    blocks = -(-len(signal) * 2 // step)
    spectrum = np.fft.rfft(signal, n=blocks * step)
    count = blocks * ratio.numerator
    bins = min(len(spectrum), count // 2 + 1)
    result = np.fft.irfft(spectrum[:bins], n=count) * float(ratio)
    return result[: -(-len(signal) * ratio.numerator // step)].astype(np.float32)


def _form(files: FolderFiles, wish: Wish) -> tuple[_Form, list[Diagnostic]]:
    """The form of all recordings, from the wish and the heads of the files."""
    channels = wish.channels or 1
    rate, samples, problems = wish.rate, wish.samples, list[Diagnostic]()
    if rate is None or samples is None:
        heads = [_attempt_head(path) for path in files.paths]
        known = [head for head in heads if not isinstance(head, Diagnostic)]
        problems = [head for head in heads if isinstance(head, Diagnostic)]
        if not known:
            raise findings.nothing_usable(files.root, (*files.problems, *problems))
        rate = rate or Counter(found for found, _ in known).most_common(1)[0][0]
        if samples is None:
            lengths = Counter(-(-frames * rate // found) for found, frames in known)
            samples = -(-lengths.most_common(1)[0][0] // channels) * channels
    if samples % channels or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise findings.refusal(
            "MX8350",
            files.root,
            f"cannot become {samples} samples at {rate} per second in {channels} channels",
            "choose samples as a multiple of channels",
            f"the rate may be {LOWEST_RATE:,}..{HIGHEST_RATE:,} samples per second",
        )
    return _Form(rate=rate, samples=samples, channels=channels), problems


def _attempt_head(path: Path) -> tuple[int, int] | Diagnostic:
    """Rate and number of samples per channel."""
    try:
        with soundfile().SoundFile(path) as file:
            return _checked_rate(path, file.samplerate), int(file.frames)
    except _SoundError as error:
        return error.finding
    except Exception as error:  # noqa: BLE001 - the library raises what it stumbles over
        return _unreadable(path, f"cannot be decoded: {error}")


class _SoundError(Exception):
    """A recording that is left out; carries the finding."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.to_text())
        self.finding = finding


def _checked_rate(path: Path, rate: int) -> int:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise _SoundError(_unreadable(path, f"has {rate:,} samples per second"))
    return rate


def _attempt(path: Path, form: _Form) -> NDArray[np.int8] | Diagnostic:
    try:
        return _loaded(path, form)
    except _SoundError as error:
        return error.finding
    except Exception as error:  # noqa: BLE001 - the library raises what it stumbles over
        return _unreadable(path, f"cannot be decoded: {error}")


_RIFF_HEAD = 8
"""Bytes of ``RIFF`` and the number of those that follow."""
_UNKNOWN_LENGTH = 0x7FFF0000
"""Programs that cannot go back to the beginning of the file write this or more."""
_PADDING = 1
"""Bytes at the end that some programs count, but leave out."""


def _check_whole(path: Path) -> None:
    """A WAV file says how long it is; the library takes what is there."""
    with path.open("rb") as file:
        head = file.read(_RIFF_HEAD)
    told, there = int.from_bytes(head[4:], "little"), path.stat().st_size - _RIFF_HEAD
    if head[:4] == b"RIFF" and there + _PADDING < told < _UNKNOWN_LENGTH:
        raise _SoundError(_unreadable(path, f"ends after {there:,} of {told:,} bytes"))


def _loaded(path: Path, form: _Form) -> NDArray[np.int8]:
    """int8 (S,)."""
    with soundfile().SoundFile(path) as file:
        _check_whole(path)
        rate = _checked_rate(path, file.samplerate)
        needed = int(form.samples * rate / form.rate * MARGIN) + rate // 10
        sound = file.read(frames=needed, dtype="float32", always_2d=True)
    if not len(sound):
        raise _SoundError(_unreadable(path, "is empty"))
    if not np.isfinite(sound).all():
        raise _SoundError(_unreadable(path, "has samples that are NaN or infinity"))
    signal = resampled(sound.mean(axis=1), rate, form.rate)[: form.samples]
    steps = np.clip(np.round(signal * STEPS), -STEPS, STEPS - 1).astype(np.int8)
    return np.pad(steps, (0, form.samples - len(steps)))


def _unreadable(path: Path, what: str) -> Diagnostic:
    return findings.problem("MX8351", path, what, "replace or remove the file", "it is left out")
