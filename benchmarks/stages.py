"""The three stages of one sentence, through the running services with the bundled weights."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import click
import soundfile

from benchmarks.results import Row, Table, ratios
from benchmarks.services import running
from client.chain import SAMPLE_RATE, Chain
from shared.services import SERVICES
from shared.voices import sample_path

SENTENCE = "The north wind blew as hard as he could today."  # ten words
QUICK_SENTENCE = "The north wind."
SEED = 1


@dataclass(frozen=True)
class Run:
    """Seconds of each stage of one sentence, and of the speech that came out."""

    embed: float
    synthesize: float
    first_sound: float
    vocode: float
    speech: float


def measure(runs: int, quick: bool) -> Table:
    sentence = QUICK_SENTENCE if quick else SENTENCE
    with running(SERVICES) as services, Chain(settings=services.client_settings()) as chain:
        _speak(chain, sentence)  # the first request of a process is slower
        measured = [_speak(chain, sentence) for _ in range(runs)]
    clip_seconds = soundfile.info(sample_path()).duration
    note = (
        f"{len(sentence.split())} words, {measured[0].speech:.1f} s of speech; a reference clip of "
        f"{clip_seconds:.1f} s; bundled weights, over HTTP"
    )
    return Table("Stages", note, [*_rows(measured)])


def _rows(runs: list[Run]) -> Iterator[Row]:
    speech = [run.speech for run in runs]
    stages = {
        "embed": [run.embed for run in runs],
        "synthesize": [run.synthesize for run in runs],
        "vocode": [run.vocode for run in runs],
    }
    stages["all three"] = [sum(seconds) for seconds in zip(*stages.values(), strict=True)]
    yield from (Row(name, "s", seconds) for name, seconds in stages.items())
    yield Row("vocode, until the first sound", "s", [run.first_sound for run in runs])
    for name, seconds in stages.items():
        yield Row(f"{name}, per second of speech", "s/s", ratios(seconds, speech))


def _speak(chain: Chain, sentence: str) -> Run:
    started = time.perf_counter()
    embed = chain.embed(sample_path())
    embedded = time.perf_counter()
    spec = chain.spectrogram(sentence, embed, SEED)
    synthesized = time.perf_counter()
    pieces = chain.vocode(spec, SEED)
    samples = len(next(pieces))
    heard = time.perf_counter()
    samples += sum(map(len, pieces))
    if not samples:
        raise click.ClickException("the vocoder answered without a sample")
    return Run(
        embedded - started,
        synthesized - embedded,
        heard - synthesized,
        time.perf_counter() - synthesized,
        samples / SAMPLE_RATE,
    )
