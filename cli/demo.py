"""`better demo`: starts the services, clones a voice, lets it speak, and says what that cost."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
import numpy as np
import soundfile

from cli.peak_memory import peak_mib
from cli.processes import ProcessError, ServiceProcesses, ready_services
from cli.sound_output import BadOutput, check_output, sound_file
from client.chain import SAMPLE_RATE, Chain, silence
from shared.services import SERVICES
from shared.text.sentences import split_sentences
from shared.voices import DEFAULT_VOICE, sample_path

T = TypeVar("T")

TEXT = "Hello! You hear a voice that was cloned from a few seconds of speech, on a small machine."
SEED = 1


@dataclass(frozen=True)
class Stage:
    """seconds: that it took. of_seconds: of sound that it worked on."""

    service: str
    seconds: float
    of_seconds: float
    peak_mib: float


@click.command()
@click.option(
    "--out",
    default=Path("demo/speech.wav"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where to write.",
)
def demo(out: Path) -> None:
    """Start the services, clone the voice in samples/ and let it speak."""
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        check_output(out)
        started = time.perf_counter()
        with ready_services(SERVICES) as services:
            click.echo(f"The services were ready after {time.perf_counter() - started:.1f} s.")
            stages = _speak(services, sample_path(DEFAULT_VOICE), out)
    except (ProcessError, BadOutput) as error:
        raise click.ClickException(str(error)) from error
    for line in table(stages):
        click.echo(line)
    click.echo(f"{sample_path(DEFAULT_VOICE).name} speaks in {out}: {TEXT}")


def _speak(services: ServiceProcesses, clip: Path, out: Path) -> list[Stage]:
    info = soundfile.info(clip)
    with Chain(settings=services.client_settings()) as chain:
        embed, embed_seconds = _timed(lambda: chain.embed(clip))
        pieces = split_sentences(TEXT)
        specs, spec_seconds = _timed(
            lambda: [chain.spectrogram(piece.text, embed, SEED) for piece in pieces]
        )
        wavs, wav_seconds = _timed(
            lambda: [np.concatenate(list(chain.vocode(spec, SEED))) for spec in specs]
        )
    with sound_file(out) as write:
        for piece, wav in zip(pieces, wavs, strict=True):
            write(wav)
            write(silence(piece.pause))
    speech_seconds = sum(map(len, wavs)) / SAMPLE_RATE
    costs = [
        (embed_seconds, info.duration),
        (spec_seconds, speech_seconds),
        (wav_seconds, speech_seconds),
    ]
    return [
        Stage(name, *cost, peak_mib(services.groups[name]))
        for name, cost in zip(SERVICES, costs, strict=True)
    ]


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def table(stages: Sequence[Stage]) -> Iterator[str]:
    yield "stage         seconds  of sound  real-time factor  peak memory"
    for stage in stages:
        yield (
            f"{stage.service:12} {stage.seconds:8.2f} {stage.of_seconds:7.1f} s "
            f"{stage.seconds / stage.of_seconds:17.3f} {stage.peak_mib:8.0f} MiB"
        )
