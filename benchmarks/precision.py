"""`python -m benchmarks.precision [CLIPS]`: the vocoder's cross-entropy in float32 and bfloat16.

Teacher-forced, on the shipped voices and on CLIPS.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.results import Row, Table
from benchmarks.speech_clips import (
    SpeechClip,
    bundled_vocoder,
    cross_entropy,
    read_clips,
    shipped_clips,
)
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.native_engine import NativeEngine, Precision, built, supported

DIGITS = 7


@click.command()
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--seconds", default=2.0, show_default=True, help="Seconds of each clip.")
def main(clips: tuple[Path, ...], seconds: float) -> None:
    """Compare the native loop's precisions on real speech."""
    if not built() or "bfloat16" not in supported():
        raise click.ClickException("needs the native loop and a CPU with bfloat16 products")
    table = measure([*shipped_clips(), *clips], seconds)
    for line in table.lines():
        click.echo(line)


def measure(paths: Sequence[Path], seconds: float) -> Table:
    clips = read_clips(paths, seconds)
    torch.manual_seed(0)
    full_size = WaveRNN(Hparams()).eval().requires_grad_(False)
    models = {"bundled weights": bundled_vocoder(), "full size, random weights": full_size}
    rows = [row for called, model in models.items() for row in _rows(called, model, clips)]
    names = ", ".join(clip.name for clip in clips)
    note = f"teacher-forced, {seconds:g} s of each clip; a run is a clip: {names}"
    return Table("Cross-entropy by precision", note, rows)


def _rows(called: str, model: WaveRNN, clips: Sequence[SpeechClip]) -> Iterator[Row]:
    single, half = (nats_of_clips(model, precision, clips) for precision in ("float32", "bfloat16"))
    percent = [100 * (b / a - 1) for a, b in zip(single, half, strict=True)]
    mean_percent = 100 * (np.mean(half) / np.mean(single) - 1)
    for precision, nats in (("float32", single), ("bfloat16", half)):
        yield Row(f"{called}: {precision}, by clip", "nat", nats, digits=DIGITS)
        mean = [float(np.mean(nats))]
        yield Row(f"{called}: {precision}, mean of all clips", "nat", mean, digits=DIGITS)
    yield Row(f"{called}: bfloat16 over float32, by clip", "%", percent)
    yield Row(f"{called}: bfloat16 over float32, mean of all clips", "%", [float(mean_percent)])


def nats_of_clips(model: WaveRNN, precision: Precision, clips: Sequence[SpeechClip]) -> list[float]:
    """Mean nats per sample, for each clip."""
    engine = NativeEngine(model, precision=precision)
    nats = []
    for clip in clips:
        aux = engine.aux_features(clip.mel)
        logits = engine.logits(clip.mel[None], aux[None], clip.labels[None])
        nats.append(float(cross_entropy(torch.from_numpy(logits[0]), clip.labels).mean()))
    return nats


if __name__ == "__main__":
    main()
