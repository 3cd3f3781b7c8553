"""`better train`: from texts or recordings to checkpoints that the services load, and what they
are worth. docs/training.md walks through it."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from client.processes import ProcessError
from shared.checkpoint_manifest import CheckpointError
from shared.checkpoint_writing import DiskDtype
from shared.errors import ApiError
from shared.settings import REPOSITORY

if TYPE_CHECKING:
    from training.clips import Clip
    from training.recipes import Pace
    from training.teacher import Teacher

SIZES = ["compact", "full"]
TEACHERS = ["kokoro", "joe", "flite"]
MAX_R = 20  # the model's, which needs torch
PROGRESS_EVERY = 100  # clips

path_type = click.Path(path_type=Path)
existing = click.Path(exists=True, path_type=Path)
data_argument = click.argument("data", type=path_type)
run_argument = click.argument("run", type=path_type)


class _TrainGroup(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """What goes wrong for a known reason becomes one line and exit code 1."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"{error.name} is missing; training needs more than the services: "
                "pip install -e '.[train]'"
            ) from None
        except (ApiError, CheckpointError, ProcessError) as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:
            from training.errors import TrainingError

            if not isinstance(error, TrainingError):
                raise
            raise click.ClickException(str(error)) from None


@click.group(cls=_TrainGroup)
def train() -> None:
    """Make the voices of the services: data, training, evaluation."""


@train.command("data")
@data_argument
@click.option("--text", "texts", multiple=True, type=existing, help="Plain text to be spoken.")
@click.option("--recordings", type=existing, help="A folder as LJSpeech or LibriTTS have it.")
@click.option("--variants", is_flag=True, help="Each clip in DATA once more, higher or lower.")
@click.option("--teacher", type=click.Choice(TEACHERS), default="kokoro", show_default=True)
@click.option("--styles", type=existing, help="Kokoro's: the folder voices of npm's kokoro-js.")
@click.option("--hours", type=float, help="Speak so much at most.")
@click.option("--share", default="0/1", show_default=True, help="This process's part, as 1/2.")
@click.option("--seed", default=1, show_default=True, help="Of the texts' order and the voices.")
def data_command(
    data: Path,
    texts: tuple[Path, ...],
    recordings: Path | None,
    variants: bool,
    teacher: str,
    styles: Path | None,
    hours: float | None,
    share: str,
    seed: int,
) -> None:
    """Fill DATA with clips: a teacher speaks texts, recordings are copied in, or variants made."""
    from training.clips import ClipFolder
    from training.recordings import add_recordings
    from training.variants import add_variants

    if bool(texts) + bool(recordings) + variants != 1:
        raise click.UsageError("give one of --text, --recordings and --variants")
    folder = ClipFolder(data)
    if recordings:
        clips = add_recordings(recordings, folder)
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
    click.echo(f"{what}: {number}, {seconds / 60:.1f} minutes in all")


def _teacher(name: str, styles: Path | None) -> Callable[[], "Teacher[Any]"]:
    """Not loaded yet."""
    from training.teachers import TEACHERS
    from training.teachers.kokoro import Kokoro

    if styles is None:
        return TEACHERS[name]
    if name != Kokoro.name:
        raise click.UsageError("--styles are Kokoro's; leave out --teacher, or give kokoro")
    return partial(Kokoro, styles)


def _teach(
    folder: Any,
    texts: tuple[Path, ...],
    teacher: Callable[[], "Teacher[Any]"],
    hours: float | None,
    share: str,
    seed: int,
) -> Iterator["Clip"]:
    from training.corpus import lines_of
    from training.teacher import Share, teach

    lines = lines_of(texts, seed)
    click.echo(f"{len(lines)} lines from the texts")
    share_of = Share.parsed(share)
    return teach(teacher(), lines, folder, seed=seed, share=share_of, hours=hours)


@train.command("features")
@data_argument
@click.option(
    "--checkpoints", type=existing, help="Holds the encoder.  [default: the repository's]"
)
@click.option("--synthesizer", type=existing, help="A run or weights: add its mels of the clips.")
@click.option("--force", is_flag=True, help="Those mels anew, for another synthesizer.")
def features_command(
    data: Path, checkpoints: Path | None, synthesizer: Path | None, force: bool
) -> None:
    """Compute mels and embeddings of the clips in DATA that have none."""
    from training.clips import ClipFolder
    from training.features import CHECKPOINTS, add_features, load_encoder
    from training.synthesized import add_synthesized

    folder = ClipFolder(data)
    encoder = load_encoder(checkpoints or CHECKPOINTS)
    _count(add_features(folder, encoder), f"{data}: features")
    if synthesizer:
        made = add_synthesized(folder, synthesizer, replace=force)
        _count(made, f"{data}: synthesized mels")


def run_options(command: Any) -> Any:
    for option in (
        click.option("--start", type=existing, help="Weights that a new run begins with."),
        click.option("--steps", type=click.IntRange(min=1), help="Of the whole run."),
        click.option("--rate", type=float, help="Learning rate."),
        click.option("--batch", type=click.IntRange(min=1), help="Clips or windows a step."),
        click.option("--seed", type=click.IntRange(min=0)),
        click.option("--threads", default=1, show_default=True, help="Of the CPU."),
        click.option("--device", default="cpu", show_default=True, help="cpu or cuda."),
    ):
        command = option(command)
    return data_argument(run_argument(command))


size_option = click.option("--size", type=click.Choice(SIZES), default="compact", show_default=True)


@train.command("synthesizer")
@run_options
@size_option
@click.option(
    "--r",
    type=click.IntRange(1, MAX_R),
    help="Frames a decoder step.  [default: the run's, else the start's, else 4]",
)
@click.option("--listener", type=existing, help="A run of `better train listener`, to teach it.")
def synthesizer_command(
    data: Path,
    run: Path,
    start: Path | None,
    size: str,
    device: str,
    listener: Path | None,
    **overrides: Any,
) -> None:
    """Train a synthesizer on DATA in the folder RUN; go on where it was stopped."""
    _prepare(overrides.pop("threads"))
    from training.clips import ClipFolder
    from training.recipes import SYNTHESIZER_SIZES, SynthesizerRecipe
    from training.run_folder import RunFolder
    from training.synthesizer import SynthesizerTask, frames_a_step

    if overrides["r"] is None:
        overrides["r"] = frames_a_step(RunFolder(run), start)
    recipe = _changed(SynthesizerRecipe(), **overrides)
    task = SynthesizerTask(
        ClipFolder(data),
        SYNTHESIZER_SIZES[size],
        recipe,
        start=start,
        listener=listener,
        device=device,
    )
    _train(task, run)


@train.command("listener")
@run_options
def listener_command(
    data: Path, run: Path, start: Path | None, device: str, **overrides: Any
) -> None:
    """Train on DATA what listens to a synthesizer; go on where it was stopped."""
    _prepare(overrides.pop("threads"))
    from training.clips import ClipFolder
    from training.listener import ListenerTask
    from training.recipes import ListenerRecipe

    recipe = _changed(ListenerRecipe(), **overrides)
    _train(ListenerTask(ClipFolder(data), recipe, start=start, device=device), run)


@train.command("vocoder")
@run_options
@size_option
@click.option("--synthesized", is_flag=True, help="Fine-tune on a synthesizer's mels.")
def vocoder_command(
    data: Path,
    run: Path,
    start: Path | None,
    size: str,
    device: str,
    synthesized: bool,
    **overrides: Any,
) -> None:
    """Train a vocoder on DATA in the folder RUN; go on where it was stopped."""
    _prepare(overrides.pop("threads"))
    from training.clips import ClipFolder
    from training.recipes import VOCODER_SIZES, VocoderRecipe
    from training.vocoder import VocoderTask

    recipe = _changed(VocoderRecipe(synthesized=synthesized), **overrides)
    hparams = VOCODER_SIZES[size]
    _train(VocoderTask(ClipFolder(data), hparams, recipe, start=start, device=device), run)


def _prepare(threads: int) -> None:
    import matplotlib  # noqa: F401  wanted after the first thousand steps: say so now
    import torch

    from training.memory import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(threads)


def _changed(recipe: Any, steps: int | None, rate: float | None, **others: Any) -> Any:
    """The recipe with what was given on the command line."""
    pace: Pace = recipe.pace
    pace = dataclasses.replace(pace, **_given(steps=steps, rate=rate))
    return dataclasses.replace(recipe, pace=pace, **_given(**others))


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _train(task: Any, run: Path) -> None:
    from training.run_folder import RunFolder
    from training.trainer import Trainer

    Trainer(task, RunFolder(run), click.echo).run()


@train.command("export")
@run_argument
@click.argument("folder", type=path_type)
@click.option(
    "--dtype", type=click.Choice(get_args(DiskDtype)), default="float16", show_default=True
)
@click.option("--source", default="trained with `better train`", show_default=True)
@click.option("--licence", default="not stated", show_default=True)
@click.option("--notice", type=click.File(), help="Text for the folder's NOTICE.")
@click.option(
    "--dropout",
    type=float,
    help="Of a synthesizer's prenets in use; 0 makes new attempts useless.  [default: 0.1]",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
def export_command(
    run: Path,
    folder: Path,
    dtype: DiskDtype,
    source: str,
    licence: str,
    notice: Any,
    dropout: float | None,
    force: bool,
) -> None:
    """Write the weights of RUN as FOLDER, of which the services want checkpoints/NAME."""
    from training.export import export

    text = notice.read() if notice else None
    manifest = export(
        run,
        folder,
        source=source,
        licence=licence,
        dtype=dtype,
        notice=text,
        dropout=dropout,
        force=force,
    )
    click.echo(f"{folder}: {manifest.model}, {len(manifest.parameters)} parameters")


@train.command("evaluate")
@click.option(
    "--checkpoints",
    type=existing,
    default=REPOSITORY / "checkpoints",
    help="Holds the three folders.  [default: the repository's]",
)
@click.option(
    "--voice",
    "voices",
    multiple=True,
    type=existing,
    help="A held-out clip; several times.  [default: samples/]",
)
@click.option("--rounds", default=1, show_default=True, help="How often each text is spoken.")
@click.option("--limit", type=click.IntRange(min=1), help="Texts of a kind, for a quick look.")
@click.option("--out", type=path_type, help="Where the table goes; else to the terminal.")
@click.option("--details", type=path_type, help="JSON lines, one for each utterance.")
def evaluate_command(
    checkpoints: Path,
    voices: tuple[Path, ...],
    rounds: int,
    limit: int | None,
    out: Path | None,
    details: Path | None,
) -> None:
    """Measure what is understood, how like the voices are, and what goes wrong."""
    from training.evaluate import evaluate
    from training.evaluation_table import markdown

    clips = voices or tuple(sorted((REPOSITORY / "samples").glob("*.wav")))
    result = evaluate(checkpoints, clips, rounds=rounds, limit=limit, details=details, say=_say)
    table = markdown(result)
    if out:
        out.write_text(table)
    else:
        click.echo(table, nl=False)


def _say(line: str) -> None:
    click.echo(line, err=True)
