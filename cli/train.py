"""`better train`: train networks and export them to checkpoints. docs/training.md is the guide."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from cli.processes import ProcessError
from cli.train_data import (
    AT_LEAST_ONE,
    POSITIVE,
    data_argument,
    data_command,
    existing,
    features_command,
    path_type,
)
from cli.train_evaluation import NETWORKS, copies_command, evaluate_command
from client.errors import ChainError
from shared.checkpoints.manifest import CheckpointError
from shared.checkpoints.writing import DiskDtype
from shared.http.errors import ApiError

if TYPE_CHECKING:
    from training.recipes import Schedule

SIZES = ["compact", "full"]
MAX_R = 20  # as in the model, whose import needs torch

run_argument = click.argument("run", type=path_type)


class _TrainGroup(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Report known errors in one line, with exit code 1."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"{error.name} is not installed; install the training packages: "
                "pip install -e '.[train]'"
            ) from None
        except BrokenPipeError:
            raise  # click exits silently
        except (ApiError, ChainError, CheckpointError, OSError, ProcessError) as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:
            from training import TrainingError

            if not isinstance(error, TrainingError):
                raise
            raise click.ClickException(str(error)) from None


@click.group(cls=_TrainGroup)
def train() -> None:
    """Train the services' networks: data, training, evaluation."""


train.add_command(data_command)
train.add_command(features_command)
train.add_command(evaluate_command)
train.add_command(copies_command)


def run_options(command: Any) -> Any:
    for option in (
        click.option("--start", type=existing, help="Weights for a new run to begin with."),
        click.option("--steps", type=AT_LEAST_ONE, help="Steps of the whole run."),
        click.option("--rate", type=POSITIVE, help="Learning rate."),
        click.option("--batch", type=AT_LEAST_ONE, help="Clips or windows per step."),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Decides initial weights and batches."
        ),
        click.option(
            "--threads", type=AT_LEAST_ONE, default=1, show_default=True, help="CPU threads."
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
    help="Frames per decoder step.  [default: that of the run, else of --start, else 4]",
)
@click.option(
    "--recogniser", type=existing, help="A run of `better train recogniser`, for its losses."
)
@click.option(
    "--speaker-consistency",
    "speaker_checkpoints",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with `encoder` and `vocos`, as checkpoints/, for the speaker-consistency loss.",
)
@click.option(
    "--by-speaker/--by-clip",
    default=None,
    help="Draw every speaker equally often, or every clip.  [default: by speaker]",
)
@click.option(
    "--recorded-share",
    type=click.FloatRange(0, 1),
    help="Share of recorded speakers among the utterances, if there is synthetic speech too.  "
    "[default: 0.5]",
)
def synthesizer_command(
    data: Path,
    run: Path,
    start: Path | None,
    size: str,
    device: str,
    recogniser: Path | None,
    speaker_checkpoints: Path | None,
    **overrides: Any,
) -> None:
    """Train a synthesizer on DATA in the folder RUN, or resume the run."""
    _prepare(overrides.pop("threads"), device)
    from training.data.clips import ClipFolder
    from training.recipes import SYNTHESIZER_SIZES, SynthesizerRecipe
    from training.run_folder import RunFolder
    from training.synthesizer.task import SynthesizerTask, frames_per_step

    if overrides["r"] is None:
        overrides["r"] = frames_per_step(RunFolder(run), start)
    recipe = _changed(SynthesizerRecipe(), **overrides)
    task = SynthesizerTask(
        ClipFolder(data),
        SYNTHESIZER_SIZES[size],
        recipe,
        start=start,
        recogniser=recogniser,
        speaker_checkpoints=speaker_checkpoints,
        device=device,
    )
    _train(task, run)


@train.command("recogniser")
@run_options
def recogniser_command(
    data: Path, run: Path, start: Path | None, device: str, **overrides: Any
) -> None:
    """Train a phoneme recogniser on DATA in RUN, for a synthesizer's losses, or resume the run."""
    _prepare(overrides.pop("threads"), device)
    from training.data.clips import ClipFolder
    from training.recipes import RecogniserRecipe
    from training.synthesizer.recogniser_task import RecogniserTask

    recipe = _changed(RecogniserRecipe(), **overrides)
    _train(RecogniserTask(ClipFolder(data), recipe, start=start, device=device), run)


@train.command("vocoder")
@run_options
@size_option
@click.option("--network", type=click.Choice(NETWORKS), default=NETWORKS[0], show_default=True)
@click.option("--synthesized", is_flag=True, help="Fine-tune on a synthesizer's mels.")
@click.option(
    "--adversarial-from",
    type=click.IntRange(min=0),
    help="Vocos: step of the network at which the discriminators come in.  [default: 3000]",
)
@click.option(
    "--recorded-share",
    type=click.FloatRange(0, 1),
    help="Vocos: share of windows from recordings, if there is synthetic speech too.  "
    "[default: 0.6]",
)
def vocoder_command(
    data: Path, run: Path, start: Path | None, device: str, network: str, **overrides: Any
) -> None:
    """Train a vocoder on DATA in the folder RUN, or resume the run."""
    _prepare(overrides.pop("threads"), device)
    from training.data.clips import ClipFolder

    make = {"vocos": _vocos_task, "wavernn": _wavernn_task}[network]
    _train(make(ClipFolder(data), overrides, start=start, device=device), run)


def _vocos_task(data: Any, overrides: dict[str, Any], **others: Any) -> Any:
    from training.recipes import VOCOS_SIZES, VocosRecipe
    from training.vocoder.vocos import VocosTask

    hparams = VOCOS_SIZES[overrides.pop("size")]
    return VocosTask(data, hparams, _changed(VocosRecipe(), **overrides), **others)


def _wavernn_task(data: Any, overrides: dict[str, Any], **others: Any) -> Any:
    from training.recipes import WAVERNN_SIZES, WaveRNNRecipe
    from training.vocoder.wavernn import WaveRNNTask

    for name in ("adversarial_from", "recorded_share"):
        if overrides.pop(name) is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --network vocos")
    hparams = WAVERNN_SIZES[overrides.pop("size")]
    return WaveRNNTask(data, hparams, _changed(WaveRNNRecipe(), **overrides), **others)


def _prepare(threads: int, device: str) -> None:
    # Before numpy is imported: its products are too small for OpenBLAS' threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import matplotlib  # noqa: F401  needed after a thousand steps: fail now if it is missing
    import torch

    from training.runtime import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(threads)
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError):  # no such device, or a PyTorch without it
        raise click.UsageError(
            f"--device {device} is not available here; give --device cpu"
        ) from None


def _changed(recipe: Any, steps: int | None, rate: float | None, **others: Any) -> Any:
    """The recipe with the options of the command line."""
    schedule: Schedule = recipe.schedule
    schedule = dataclasses.replace(schedule, **_given(steps=steps, rate=rate))
    return dataclasses.replace(recipe, schedule=schedule, **_given(**others))


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
@click.option("--notice", type=click.File(), help="Text of the folder's NOTICE.")
@click.option(
    "--dropout",
    type=float,
    help="Of a synthesizer's prenets at inference; with 0 a retry repeats the first attempt.  "
    "[default: 0.1]",
)
@click.option(
    "--mean-with",
    type=existing,
    help="Write the mean of RUN and these weights, usually those it started from.",
)
@click.option("--force", is_flag=True, help="Replace an existing folder.")
def export_command(
    run: Path,
    folder: Path,
    dtype: DiskDtype,
    source: str,
    licence: str,
    notice: Any,
    dropout: float | None,
    mean_with: Path | None,
    force: bool,
) -> None:
    """Write the weights of RUN as the checkpoint folder FOLDER, for example checkpoints/vocos."""
    from training.weights import export

    text = notice.read() if notice else None
    manifest = export(
        run,
        folder,
        source=source,
        licence=licence,
        dtype=dtype,
        notice=text,
        dropout=dropout,
        mean_with=mean_with,
        force=force,
    )
    click.echo(f"{folder}: {manifest.model}, {len(manifest.parameters)} parameters")
