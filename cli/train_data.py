"""`better train data` and `better train features`: make the training data."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from training.data.clips import Clip, ClipFolder
    from training.data.synthetic_speech import TtsSystem

TTS_SYSTEMS = ["kokoro", "joe", "flite"]
PROGRESS_EVERY = 100  # clips

path_type = click.Path(path_type=Path)
existing = click.Path(exists=True, path_type=Path)
file_type = click.Path(exists=True, dir_okay=False, path_type=Path)
POSITIVE = click.FloatRange(min=0, min_open=True)
AT_LEAST_ONE = click.IntRange(min=1)
data_argument = click.argument("data", type=path_type)


@click.command("data")
@data_argument
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=file_type,
    help="Plain text for a TTS system; repeatable.",
)
@click.option(
    "--recordings",
    type=existing,
    help="Recordings with transcripts, laid out as LJSpeech, LibriTTS or LibriSpeech.",
)
@click.option(
    "--split-at-pauses", is_flag=True, help="Cut recordings longer than 8 s into phrases."
)
@click.option("--punctuate", is_flag=True, help="Punctuate the transcripts with Whisper base.")
@click.option("--augment", is_flag=True, help="Add a pitch-shifted copy of each clip in DATA.")
@click.option(
    "--tts",
    type=click.Choice(TTS_SYSTEMS),
    default="kokoro",
    show_default=True,
    help="The system that speaks the texts.",
)
@click.option(
    "--styles", type=existing, help="Kokoro's styles: the folder `voices` of npm's kokoro-js."
)
@click.option("--hours", type=POSITIVE, help="Stop once this shard has so many hours of speech.")
@click.option(
    "--shard", default="0/1", show_default=True, help="Do one part of the work: 0/2 and 1/2."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Decides the order of the texts, and the voices.",
)
def data_command(
    data: Path,
    texts: tuple[Path, ...],
    recordings: Path | None,
    split_at_pauses: bool,
    punctuate: bool,
    augment: bool,
    tts: str,
    styles: Path | None,
    hours: float | None,
    shard: str,
    seed: int,
) -> None:
    """Add clips to the folder DATA: spoken texts, recordings, or augmented clips."""
    from training.data.augmentation import add_augmented
    from training.data.clips import ClipFolder

    if bool(texts) + bool(recordings) + augment != 1:
        raise click.UsageError("give one of --text, --recordings and --augment")
    if (split_at_pauses or punctuate) and not recordings:
        raise click.UsageError("--split-at-pauses and --punctuate need --recordings")
    folder = ClipFolder(data)
    if recordings:
        clips = _add_recordings(folder, recordings, split_at_pauses, punctuate, shard)
    elif augment:
        clips = add_augmented(folder, seed=seed)
    else:
        clips = _add_speech(folder, texts, _tts_system(tts, styles), hours, shard, seed)
    _run(clips, f"{data}: new clips")


def _run(clips: Iterator["Clip"], label: str) -> None:
    """Consume the iterator, which does the work, and report progress."""
    number, seconds = 0, 0.0
    for number, clip in enumerate(clips, start=1):
        seconds += clip.seconds
        if number % PROGRESS_EVERY == 0:
            click.echo(f"{label}: {number}, {seconds / 60:.1f} minutes")
    click.echo(f"{label}: {number}, {seconds / 60:.1f} minutes; done")


def _add_recordings(
    folder: "ClipFolder", recordings: Path, split: bool, punctuate: bool, shard: str
) -> Iterator["Clip"]:
    from training.data.clips import Shard
    from training.data.recordings import Editing, add_recordings, total_counts

    part = Shard.parsed(shard)
    if not split and not punctuate:
        yield from add_recordings(recordings, folder, shard=part)
        return
    from training.evaluation.recognition import Recogniser

    editing = Editing(Recogniser("base").words, split, punctuate)
    yield from add_recordings(recordings, folder, editing=editing, shard=part)
    click.echo(f"{folder.folder}: {total_counts(folder)}")


def _tts_system(name: str, styles: Path | None) -> Callable[[], "TtsSystem[Any]"]:
    """A constructor, which loads the system when called."""
    from training.data.tts_systems import TTS_SYSTEMS, Kokoro

    if styles is None:
        return TTS_SYSTEMS[name]
    if name != Kokoro.name:
        raise click.UsageError("--styles needs --tts kokoro")
    return partial(Kokoro, styles)


def _add_speech(
    folder: "ClipFolder",
    texts: tuple[Path, ...],
    tts_system: Callable[[], "TtsSystem[Any]"],
    hours: float | None,
    shard: str,
    seed: int,
) -> Iterator["Clip"]:
    from training.data.clips import Shard
    from training.data.corpus import training_lines
    from training.data.synthetic_speech import synthesize_clips

    lines = training_lines(texts, seed)
    click.echo(f"{len(lines)} lines from the texts")
    part = Shard.parsed(shard)
    return synthesize_clips(tts_system(), lines, folder, seed=seed, shard=part, hours=hours)


@click.command("features")
@data_argument
@click.option(
    "--checkpoints",
    type=existing,
    help="Folder that holds the encoder.  [default: the repository's]",
)
@click.option(
    "--synthesizer", type=existing, help="A run or weights: add this synthesizer's mels too."
)
@click.option("--force", is_flag=True, help="Recompute those mels, for another synthesizer.")
def features_command(
    data: Path, checkpoints: Path | None, synthesizer: Path | None, force: bool
) -> None:
    """Add missing features to the clips in DATA: mels, embeddings, a synthesizer's mels."""
    from training.data.clips import ClipFolder
    from training.data.features import CHECKPOINTS, add_features, load_encoder
    from training.data.synthesized_mels import add_synthesized

    folder = ClipFolder(data)
    encoder = load_encoder(checkpoints or CHECKPOINTS)
    _run(add_features(folder, encoder), f"{data}: features")
    if synthesizer:
        mels = add_synthesized(folder, synthesizer, replace=force)
        _run(mels, f"{data}: synthesized mels")
