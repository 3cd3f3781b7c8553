"""`python -m benchmarks.crossfade`: how the vocoder's folds overlap and are joined.

Measures the choices of vocoder_service/wavernn/folding.py with the bundled weights on the shipped
voices. Each run of a row is one voice.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import click
import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks import warm_up
from benchmarks.machine import usable_cores
from benchmarks.results import Row, Table
from benchmarks.speech_clips import (
    CLASSES,
    HOP,
    PAD,
    SpeechClip,
    bundled_vocoder,
    read_clips,
    shipped_clips,
)
from shared.http.tensors import Float32Array
from vocoder_service.waveform import MEL_MAX, Wave, de_emphasis
from vocoder_service.wavernn.engine import Engine, FoldState
from vocoder_service.wavernn.folding import (
    FADE,
    FRAMES_HEARD,
    OVERLAP,
    REACH,
    best_lag,
    fade_in,
    plan,
)
from vocoder_service.wavernn.generation import generate
from vocoder_service.wavernn.mu_law import Labels, mu_law_levels
from vocoder_service.wavernn.native_engine import engine_for

SECONDS = 2  # per clip
FOLDS = 64
FRAMES = FRAMES_HEARD + OVERLAP  # per fold
MIDDLE = slice(FADE // 2 - 40, FADE // 2 + 40)  # the middle 5 ms of a crossfade
UTTERANCE = 480  # frames


@click.command()
def main() -> None:
    """Measure the warm-up of folds and ways to join them."""
    torch.set_num_threads(1)
    model = bundled_vocoder()
    clips = read_clips(shipped_clips(), SECONDS)
    engine = engine_for(model, usable_cores(), "float32")
    for measure in (partial(warm_up.measure, model), partial(measure_joins, engine)):
        for line in measure(clips).lines():
            click.echo(line)
        click.echo()


def measure_joins(engine: Engine, clips: Sequence[SpeechClip]) -> Table:
    """Level at the crossfades of two folds, on a constant mel."""
    voices = [_of_voice(engine, clip) for clip in clips]
    rows = [
        Row(name, "dB" if name.startswith("level") else "", [voice[name] for voice in voices])
        for name in voices[0]
    ]
    note = (
        f"{FOLDS - 1} crossfades on the loudest frame of each voice, repeated; level of the middle "
        "5 ms relative to the folds"
    )
    return Table("Crossfade of folds", note, rows)


class Join(NamedTuple):
    """[FADE] each: the end of a fold, the start of the next one, and that start aligned by lag."""

    tail: Wave
    head: Wave
    shifted: Wave


def _sum_to_one(tail: Wave, head: Wave) -> Wave:
    return (1 - fade_in()) * tail + fade_in() * head


def _equal_power(tail: Wave, head: Wave) -> Wave:
    wave: Wave = (np.sqrt(1 - fade_in()) * tail + np.sqrt(fade_in()) * head).astype(np.float32)
    return wave


WAYS: dict[str, Callable[[Join], Wave]] = {
    "gains that sum to one, in place": lambda join: _sum_to_one(join.tail, join.head),
    "equal power, in place": lambda join: _equal_power(join.tail, join.head),
    "gains that sum to one, shifted (ours)": lambda join: _sum_to_one(join.tail, join.shifted),
    "equal power, shifted": lambda join: _equal_power(join.tail, join.shifted),
}


def _of_voice(engine: Engine, clip: SpeechClip) -> dict[str, float]:
    mel = clip.mel[clip.mel.mean(axis=1).argmax()]  # [80]
    labels = stationary_folds(engine, mel)
    waves, _ = de_emphasis(mu_law_levels(engine.hparams.bits)[labels], np.zeros((FOLDS, 1)))
    elsewhere = _level_db(waves[:, OVERLAP * HOP :])
    joins = [_join(before, after) for before, after in pairwise(waves)]
    measured = {
        f"level, {name}": _level_db(np.stack([way(join)[MIDDLE] for join in joins])) - elsewhere
        for name, way in WAYS.items()
    }
    rtvc = np.stack([_rtvc_middle(before, after) for before, after in pairwise(labels)])
    measured["level, RTVC's: silence in mid-overlap, before mu-law decoding"] = (
        _level_db(rtvc) - elsewhere
    )
    measured["level, in the service's output"] = _level_at_joins_db(engine, mel)
    in_place = [_correlation(join.tail, join.head) for join in joins]
    shifted = [_correlation(join.tail, join.shifted) for join in joins]
    measured["correlation of the two folds, in place"] = float(np.mean(in_place))
    measured["correlation of the two folds, shifted"] = float(np.mean(shifted))
    return measured


def stationary_folds(engine: Engine, mel: Float32Array) -> Labels:
    """[FOLDS, FRAMES * hop] labels of a constant mel. mel: [80] in ±1."""
    held = np.tile(mel, (FRAMES + 2 * PAD, 1))
    aux = engine.aux_features(held)
    uniforms = np.random.default_rng(1).random((FOLDS, FRAMES * HOP), np.float32)
    return engine.run(
        FoldState.at_rest(FOLDS, engine.hparams.rnn_dims),
        np.stack([held] * FOLDS),
        np.stack([aux] * FOLDS),
        uniforms,
        np.ones(FOLDS, np.float32),
    )


def _join(before: Wave, after: Wave) -> Join:
    at = len(before) - REACH - FADE
    place = at - FRAMES_HEARD * HOP
    tail, around = before[at : at + FADE], after[place - REACH : place + REACH + FADE]
    lag = best_lag(tail, around)
    return Join(tail, around[REACH : REACH + FADE], around[REACH + lag : REACH + lag + FADE])


def _rtvc_middle(before: Labels, after: Labels) -> Wave:
    """The middle 5 ms of RTVC's crossfade, whose gains are zero for half of the overlap."""
    overlap = OVERLAP * HOP
    silence = overlap // 2
    fade = np.sqrt((np.arange(overlap - silence) + 0.5) / (overlap - silence))
    gains = np.concatenate([np.zeros(silence), fade])
    tail, head = (_companded(part) for part in (before[-overlap:], after[:overlap]))
    companded = np.concatenate([_companded(before[:-overlap]), gains[::-1] * tail + gains * head])
    mu = CLASSES - 1
    decoded = np.sign(companded) * np.expm1(np.abs(companded) * np.log1p(mu)) / mu
    wave, _ = de_emphasis(decoded, np.zeros(1))
    return wave[len(wave) - overlap // 2 - 40 :][:80]


def _companded(labels: Labels) -> NDArray[np.float64]:
    return 2 * labels.astype(np.float64) / (CLASSES - 1) - 1


def _level_at_joins_db(engine: Engine, mel: Float32Array) -> float:
    held = np.repeat(mel[:, np.newaxis] * MEL_MAX, UTTERANCE, axis=1)
    wave = np.concatenate([*generate(engine, held, seed=1)])
    joins = np.array(
        [
            (start + part.frames) * HOP - REACH - FADE // 2
            for part in plan(UTTERANCE)
            for start in part.starts[:-1]
        ]
    )
    windows = sliding_window_view(wave, 80)  # [n, 80]
    elsewhere = np.concatenate([joins + 700, joins + 1200])
    return _level_db(windows[joins - 40]) - _level_db(windows[elsewhere - 40])


def _correlation(a: Wave, b: Wave) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-12))


def _level_db(wave: Wave) -> float:
    return float(10 * np.log10(np.mean(wave.astype(np.float64) ** 2)))


if __name__ == "__main__":
    main()
