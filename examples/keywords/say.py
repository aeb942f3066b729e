"""Say a word: a second of sound from a model of the voice, for the known-answer test.

    python say.py

writes ``sample.wav`` (16 kHz, 16 bits) and ``sample.npz`` (``x``: int8 (1, 128, 128), as the
network takes it). Pulses of the vocal cords and noise go through resonances of throat and mouth
that glide from sound to sound; the same command always gives the same samples.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
SAMPLES = 16_384  # 128 rows of 128 channels
CHANNELS = 128
SEED = 5
OPEN = 0.6  # share of a turn in which the vocal cords let air through
LOUDNESS = 0.55  # peak, share of full scale
BANDWIDTHS = (70, 100, 150, 250)  # of the resonances, Hz

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A moment of the word; between moments everything glides.

    Attributes:
        at: time, seconds.
        formants: resonances, Hz.
        voice: loudness of the vocal cords.
        hiss: loudness of the noise.
        pitch: of the vocal cords, Hz.
    """

    at: float
    formants: tuple[float, float, float, float]
    voice: float
    hiss: float
    pitch: float


Y = (280, 2250, 3000, 3700)
E = (560, 1850, 2550, 3600)
S = (320, 1800, 2600, 3500)
YES = (
    Sound(at=0.30, formants=Y, voice=0.0, hiss=0.0, pitch=125),
    Sound(at=0.34, formants=Y, voice=0.6, hiss=0.0, pitch=130),
    Sound(at=0.40, formants=Y, voice=0.8, hiss=0.0, pitch=132),
    Sound(at=0.47, formants=E, voice=1.0, hiss=0.0, pitch=128),
    Sound(at=0.56, formants=E, voice=0.9, hiss=0.0, pitch=115),
    Sound(at=0.60, formants=S, voice=0.2, hiss=0.2, pitch=105),
    Sound(at=0.64, formants=S, voice=0.0, hiss=0.5, pitch=100),
    Sound(at=0.78, formants=S, voice=0.0, hiss=0.45, pitch=100),
    Sound(at=0.86, formants=S, voice=0.0, hiss=0.0, pitch=100),
)


def resonance(signal: Floats, frequency: Floats, bandwidth: float) -> Floats:
    """A resonance of two poles whose frequency changes with time."""
    radius = np.exp(-np.pi * bandwidth / RATE)
    feedback = 2 * radius * np.cos(2 * np.pi * frequency / RATE)
    gain = 1 - feedback + radius**2
    result = np.zeros_like(signal)
    last = before = 0.0
    for i, x in enumerate(signal):
        last, before = gain[i] * x + feedback[i] * last - radius**2 * before, last
        result[i] = last
    return result


def spoken(word: tuple[Sound, ...], seed: int = SEED) -> Floats:
    """The word as (16384,) samples, peak ``LOUDNESS``."""
    time = np.arange(SAMPLES) / RATE
    moments = [sound.at for sound in word]

    def course(values: list[float]) -> Floats:
        return np.interp(time, moments, values)

    random = np.random.default_rng(seed)
    turns = np.cumsum(course([sound.pitch for sound in word]) / RATE)
    turns += 0.004 * np.sin(2 * np.pi * 5.3 * time)  # no voice is quite even
    phase = turns % 1.0
    pulse = np.where(phase < OPEN, np.sin(np.pi * phase / OPEN) ** 2, 0.0)
    cords = np.gradient(pulse) * course([sound.voice for sound in word])
    breath = random.normal(0, 0.004, SAMPLES) * course([sound.voice for sound in word])
    voice = cords + breath
    for number, bandwidth in enumerate(BANDWIDTHS):
        voice = resonance(voice, course([sound.formants[number] for sound in word]), bandwidth)
    voice /= np.abs(voice).max()
    hiss = random.normal(0, 1, SAMPLES)
    for frequency in (4800.0, 6300.0):
        hiss = hiss - np.roll(hiss, 1)
        hiss = resonance(hiss, np.full(SAMPLES, frequency), 900.0)
    hiss /= np.abs(hiss).max()
    sound = voice + 0.5 * hiss * course([sound.hiss for sound in word])
    sound += random.normal(0, 0.001, SAMPLES)
    return np.asarray(LOUDNESS * sound / np.abs(sound).max())


def features(sound: Floats) -> npt.NDArray[np.int8]:
    """As the network takes it: int8 (128, 128), sample i in channel i mod 128, row i // 128."""
    steps = np.clip(np.round(sound * 128), -128, 127).astype(np.int8)
    return np.ascontiguousarray(steps.reshape(-1, CHANNELS).T)


def main() -> None:
    """Write ``sample.wav`` and ``sample.npz`` beside this script."""
    folder = Path(__file__).parent
    sound = spoken(YES)
    with wave.open(str(folder / "sample.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    np.savez_compressed(folder / "sample.npz", x=features(sound)[np.newaxis])


if __name__ == "__main__":
    main()
