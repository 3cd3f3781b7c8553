"""`better train`: from texts or recordings to checkpoints that the services load, and what they
are worth. docs/training.md walks through it."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from cli.processes import ProcessError, ready_chain
from cli.train_data import (
    POSITIVE,
    data_argument,
    data_command,
    existing,
    features_command,
    path_type,
)
from client.errors import ChainError
from shared.checkpoints.manifest import CheckpointError
from shared.checkpoints.writing import DiskDtype
from shared.http.errors import ApiError
from shared.settings import REPOSITORY

if TYPE_CHECKING:
    from training.recipes import Pace

SIZES = ["compact", "full"]
NETWORKS = ["vocos", "wavernn"]
MAX_R = 20  # the model's, which needs torch
AT_LEAST_ONE = click.IntRange(min=1)

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
        except BrokenPipeError:
            raise  # click ends in silence
        except (ApiError, ChainError, CheckpointError, OSError, ProcessError) as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:
            from training.errors import TrainingError

            if not isinstance(error, TrainingError):
                raise
            raise click.ClickException(str(error)) from None


@click.group(cls=_TrainGroup)
def train() -> None:
    """Make the voices of the services: data, training, evaluation."""


train.add_command(data_command)
train.add_command(features_command)


def run_options(command: Any) -> Any:
    for option in (
        click.option("--start", type=existing, help="Weights that a new run begins with."),
        click.option("--steps", type=AT_LEAST_ONE, help="Of the whole run."),
        click.option("--rate", type=POSITIVE, help="Learning rate."),
        click.option("--batch", type=AT_LEAST_ONE, help="Clips or windows a step."),
        click.option("--seed", type=click.IntRange(min=0), help="Of the weights and the batches."),
        click.option(
            "--threads", type=AT_LEAST_ONE, default=1, show_default=True, help="Of the CPU."
        ),
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
@click.option(
    "--by-speaker/--by-clip",
    default=None,
    help="Each speaker as often as others, or each clip.  [default: by speaker]",
)
@click.option(
    "--recorded",
    type=click.FloatRange(0, 1),
    help="Share that recordings have beside teachers' clips, by speaker.  [default: 0.5]",
)
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
    from training.data.clips import ClipFolder
    from training.recipes import SYNTHESIZER_SIZES, SynthesizerRecipe
    from training.run_folder import RunFolder
    from training.synthesizer.task import SynthesizerTask, frames_a_step

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
    from training.data.clips import ClipFolder
    from training.recipes import ListenerRecipe
    from training.synthesizer.recogniser_loss import RecogniserTask

    recipe = _changed(ListenerRecipe(), **overrides)
    _train(RecogniserTask(ClipFolder(data), recipe, start=start, device=device), run)


@train.command("vocoder")
@run_options
@size_option
@click.option("--network", type=click.Choice(NETWORKS), default=NETWORKS[0], show_default=True)
@click.option("--synthesized", is_flag=True, help="Fine-tune on a synthesizer's mels.")
@click.option(
    "--adversarial-from",
    type=click.IntRange(min=0),
    help="Steps of a Vocos, those before the run among them, until its discriminators come in.  "
    "[default: 3000]",
)
@click.option(
    "--recorded",
    type=click.FloatRange(0, 1),
    help="Share of a Vocos' windows that come from recordings, where a teacher's clips are there, "
    "too.  [default: 0.6]",
)
def vocoder_command(
    data: Path, run: Path, start: Path | None, device: str, network: str, **overrides: Any
) -> None:
    """Train a vocoder on DATA in the folder RUN; go on where it was stopped."""
    _prepare(overrides.pop("threads"))
    from training.data.clips import ClipFolder

    make = {"vocos": _vocos_task, "wavernn": _wavernn_task}[network]
    _train(make(ClipFolder(data), overrides, start=start, device=device), run)


def _vocos_task(data: Any, overrides: dict[str, Any], **others: Any) -> Any:
    from training.recipes import VOCOS_SIZES, VocosRecipe
    from training.vocoder.vocos import VocosTask

    hparams = VOCOS_SIZES[overrides.pop("size")]
    return VocosTask(data, hparams, _changed(VocosRecipe(), **overrides), **others)


def _wavernn_task(data: Any, overrides: dict[str, Any], **others: Any) -> Any:
    from training.recipes import VOCODER_SIZES, VocoderRecipe
    from training.vocoder.wavernn import WaveRNNTask

    for name in ("adversarial_from", "recorded"):
        if overrides.pop(name) is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is of --network vocos alone")
    hparams = VOCODER_SIZES[overrides.pop("size")]
    return WaveRNNTask(data, hparams, _changed(VocoderRecipe(), **overrides), **others)


def _prepare(threads: int) -> None:
    # Before numpy is imported: in products as small as its are, OpenBLAS' threads but wait.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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


checkpoints_option = click.option(
    "--checkpoints",
    type=existing,
    default=REPOSITORY / "checkpoints",
    help="Holds the folders of all networks.  [default: the repository's]",
)


@train.command("evaluate")
@checkpoints_option
@click.option(
    "--vocoder",
    type=click.Choice(NETWORKS),
    help="The network that speaks.  [default: the first of them that has weights]",
)
@click.option(
    "--voice",
    "voices",
    multiple=True,
    type=existing,
    help="A held-out clip; several times.  [default: samples/]",
)
@click.option(
    "--recordings",
    type=existing,
    help="Held-out speakers with transcripts, as `data` takes them: voices in place of samples/.",
)
@click.option(
    "--rounds",
    type=AT_LEAST_ONE,
    default=1,
    show_default=True,
    help="How often each text is spoken, each time in another voice.",
)
@click.option("--limit", type=AT_LEAST_ONE, help="Texts of a kind, and copies: a quick look.")
@click.option("--out", type=path_type, help="Where the table goes; else to the terminal.")
@click.option("--details", type=path_type, help="JSON lines, one for each utterance and copy.")
@click.option("--listen", type=path_type, help="A folder for sound files: each voice, and copies.")
def evaluate_command(
    checkpoints: Path,
    vocoder: str | None,
    voices: tuple[Path, ...],
    recordings: Path | None,
    rounds: int,
    limit: int | None,
    out: Path | None,
    details: Path | None,
    listen: Path | None,
) -> None:
    """Measure what is understood, how clean and how like the voices are, and what goes wrong."""
    from training.evaluation.evaluate import evaluate
    from training.evaluation.table import markdown
    from training.evaluation.voices import read_voices, recorded_voices

    if out:
        out.touch()  # whether it can be written is known before the work
    if not voices and not recordings:
        voices = tuple(sorted((REPOSITORY / "samples").glob("*.wav")))
    speakers = read_voices(voices) + (recorded_voices(recordings) if recordings else [])
    result = evaluate(
        checkpoints,
        speakers,
        ready_chain,
        vocoder=vocoder,
        rounds=rounds,
        limit=limit,
        details=details,
        listen=listen,
        say=_say,
    )
    _show(markdown(result), out)


@train.command("copies")
@click.argument("recordings", type=existing)
@checkpoints_option
@click.option(
    "--vocoder",
    "vocoders",
    multiple=True,
    type=existing,
    help="A folder of weights, to be compared with those in use; several times.",
)
@click.option("--limit", type=AT_LEAST_ONE, help="Clips.  [default: two of each speaker]")
@click.option("--out", type=path_type, help="Where the table goes; else to the terminal.")
def copies_command(
    recordings: Path,
    checkpoints: Path,
    vocoders: tuple[Path, ...],
    limit: int | None,
    out: Path | None,
) -> None:
    """Measure copies of RECORDINGS from their mels, by each vocoder: how clean, how alike."""
    from training.data.features import load_encoder
    from training.evaluation.copies import copy_all, maker_of, makers_of
    from training.evaluation.judging import Judge
    from training.evaluation.quality import Dnsmos
    from training.evaluation.table import copies_markdown
    from training.evaluation.voices import recorded_voices

    if out:
        out.touch()
    makers = makers_of(checkpoints) | {str(folder): maker_of(folder) for folder in vocoders}
    judge = Judge(load_encoder(checkpoints), {}, Dnsmos())
    copies = []
    for copy in copy_all(recorded_voices(recordings), makers, judge, limit):
        copies.append(copy)
        _say(f"{len(copies)}: {copy.voice} by {copy.maker}, {copy.judged.quality.ovrl:.2f}")
    _show(copies_markdown(copies), out)


def _show(table: str, out: Path | None) -> None:
    if out:
        out.write_text(table)
    else:
        click.echo(table, nl=False)


def _say(line: str) -> None:
    click.echo(line, err=True)
