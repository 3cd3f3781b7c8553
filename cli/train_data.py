"""`better train data` and `features`: what the trainers learn from."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from training.data.clips import Clip, ClipFolder
    from training.data.teacher import Teacher

TEACHERS = ["kokoro", "joe", "flite"]
PROGRESS_EVERY = 100  # clips

path_type = click.Path(path_type=Path)
existing = click.Path(exists=True, path_type=Path)
file_type = click.Path(exists=True, dir_okay=False, path_type=Path)
POSITIVE = click.FloatRange(min=0, min_open=True)
data_argument = click.argument("data", type=path_type)


@click.command("data")
@data_argument
@click.option("--text", "texts", multiple=True, type=file_type, help="Plain text to be spoken.")
@click.option(
    "--recordings",
    type=existing,
    help="A folder as LJSpeech, LibriTTS or LibriSpeech have it.",
)
@click.option(
    "--split-at-pauses", is_flag=True, help="Cut recordings longer than 8 s into phrases."
)
@click.option(
    "--punctuate", is_flag=True, help="Write transcripts with the marks that a recogniser hears."
)
@click.option("--variants", is_flag=True, help="Each clip in DATA once more, higher or lower.")
@click.option("--teacher", type=click.Choice(TEACHERS), default="kokoro", show_default=True)
@click.option("--styles", type=existing, help="Kokoro's: the folder voices of npm's kokoro-js.")
@click.option("--hours", type=POSITIVE, help="How much this share has in the end, at most.")
@click.option("--share", default="0/1", show_default=True, help="This process's part, as 1/2.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Of the texts' order and the voices.",
)
def data_command(
    data: Path,
    texts: tuple[Path, ...],
    recordings: Path | None,
    split_at_pauses: bool,
    punctuate: bool,
    variants: bool,
    teacher: str,
    styles: Path | None,
    hours: float | None,
    share: str,
    seed: int,
) -> None:
    """Fill DATA with clips: a teacher speaks texts, recordings are copied in, or variants made."""
    from training.data.augmentation import add_variants
    from training.data.clips import ClipFolder

    if bool(texts) + bool(recordings) + variants != 1:
        raise click.UsageError("give one of --text, --recordings and --variants")
    if (split_at_pauses or punctuate) and not recordings:
        raise click.UsageError("--split-at-pauses and --punctuate are for --recordings")
    folder = ClipFolder(data)
    if recordings:
        clips = _record(folder, recordings, split_at_pauses, punctuate, share)
    elif variants:
        clips = add_variants(folder, seed=seed)
    else:
        clips = _teach(folder, texts, _teacher(teacher, styles), hours, share, seed)
    _count(clips, f"{data}: new clips")


def _count(clips: Iterator["Clip"], what: str) -> None:
    """Have them made, with a line now and then."""
    number, seconds = 0, 0.0
    for number, clip in enumerate(clips, start=1):
        seconds += clip.seconds
        if number % PROGRESS_EVERY == 0:
            click.echo(f"{what}: {number}, {seconds / 60:.1f} minutes")
    click.echo(f"{what}: {number}, {seconds / 60:.1f} minutes; done")


def _record(
    folder: "ClipFolder", recordings: Path, split: bool, punctuate: bool, share: str
) -> Iterator["Clip"]:
    from training.data.recordings import Editing, add_recordings, kept_of_recordings
    from training.data.teacher import Share

    share_of = Share.parsed(share)
    if not split and not punctuate:
        yield from add_recordings(recordings, folder, share=share_of)
        return
    from training.evaluation.recognition import Recogniser

    editing = Editing(Recogniser("base").words, split, punctuate)
    yield from add_recordings(recordings, folder, editing=editing, share=share_of)
    click.echo(f"{folder.folder}: {kept_of_recordings(folder)}")


def _teacher(name: str, styles: Path | None) -> Callable[[], "Teacher[Any]"]:
    """Not loaded yet."""
    from training.data.teachers import TEACHERS
    from training.data.teachers.kokoro import Kokoro

    if styles is None:
        return TEACHERS[name]
    if name != Kokoro.name:
        raise click.UsageError("--styles are Kokoro's; leave out --teacher, or give kokoro")
    return partial(Kokoro, styles)


def _teach(
    folder: "ClipFolder",
    texts: tuple[Path, ...],
    teacher: Callable[[], "Teacher[Any]"],
    hours: float | None,
    share: str,
    seed: int,
) -> Iterator["Clip"]:
    from training.data.corpus import lines_of
    from training.data.teacher import Share, teach

    lines = lines_of(texts, seed)
    click.echo(f"{len(lines)} lines from the texts")
    share_of = Share.parsed(share)
    return teach(teacher(), lines, folder, seed=seed, share=share_of, hours=hours)


@click.command("features")
@data_argument
@click.option(
    "--checkpoints", type=existing, help="Holds the encoder.  [default: the repository's]"
)
@click.option("--synthesizer", type=existing, help="A run or weights: its mels, too.")
@click.option("--force", is_flag=True, help="Those mels anew, for another synthesizer.")
def features_command(
    data: Path, checkpoints: Path | None, synthesizer: Path | None, force: bool
) -> None:
    """Compute what the clips in DATA have not: mels, embeddings, a synthesizer's mels."""
    from training.data.clips import ClipFolder
    from training.data.features import CHECKPOINTS, add_features, load_encoder
    from training.data.synthesized_mels import add_synthesized

    folder = ClipFolder(data)
    encoder = load_encoder(checkpoints or CHECKPOINTS)
    _count(add_features(folder, encoder), f"{data}: features")
    if synthesizer:
        made = add_synthesized(folder, synthesizer, replace=force)
        _count(made, f"{data}: synthesized mels")
