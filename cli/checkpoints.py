"""`better checkpoints`: fetch, split, join, verify and show weights."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click

from cli.download import FetchError
from cli.fetch import fetch, remote_file
from shared.checkpoints.manifest import RTVC_MODELS, CheckpointError, Manifest
from shared.checkpoints.reading import verify
from shared.checkpoints.writing import DiskDtype, join, read_rtvc, refuse_overwriting, write
from shared.settings import REPOSITORY

CHECKPOINTS = REPOSITORY / "checkpoints"

force_option = click.option("--force", is_flag=True, help="Replace existing files.")
folder_argument = click.argument("folder", type=click.Path(path_type=Path))


class OneLineErrors(click.Group):
    """Commands whose errors are one line on stderr, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (CheckpointError, FetchError) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=OneLineErrors)
def checkpoints() -> None:
    """Manage weights: one folder per model, one file per parameter."""


@checkpoints.command("fetch")
@click.argument("model", type=click.Choice([*RTVC_MODELS, "all"]), default="all")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    default=CHECKPOINTS,
    help="Folder for the models' folders.  [default: the repository's checkpoints/]",
)
@click.option("--url", help="Folder of <model>.pt, in place of Hugging Face.")
@click.option("--sha256", help="Expected SHA-256 of the file.")
@force_option
def fetch_command(
    model: str, directory: Path, url: str | None, sha256: str | None, force: bool
) -> None:
    """Download RTVC's official weights: encoder 17 MB, synthesizer 371 MB, vocoder 54 MB.

    An interrupted download continues when you run the command again. The vocoder is a WaveRNN; the
    vocoder service uses it with VOCODER=wavernn.
    """
    chosen = [name for name in RTVC_MODELS if model in (name, "all")]
    if sha256 and len(chosen) > 1:
        raise click.UsageError("--sha256 belongs to one file; name one model")
    for name in chosen:
        refuse_overwriting(directory / name, force)
    for name in chosen:
        remote = remote_file(name, url, sha256)
        with _progress_bar(name) as progress:
            manifest = fetch(name, directory, remote, force=force, progress=progress, say=_say)
        _report(directory / name, manifest)
        if name == "vocoder":
            click.echo("This is a WaveRNN. The vocoder service uses it with VOCODER=wavernn.")


@checkpoints.command("split")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@folder_argument
@click.option(
    "--dtype",
    type=click.Choice(get_args(DiskDtype)),
    default="float32",
    show_default=True,
    help="float16 halves the folder's size; services load it as float32.",
)
@click.option("--source", help="Origin of the weights.  [default: the file's name]")
@click.option("--licence", default="not stated", show_default=True)
@click.option("--notice", type=click.File(), help="Text of the folder's NOTICE.")
@force_option
def split_command(
    file: Path,
    folder: Path,
    dtype: DiskDtype,
    source: str | None,
    licence: str,
    notice: Any,
    force: bool,
) -> None:
    """Split FILE, a checkpoint of RTVC, into FOLDER."""
    checkpoint = read_rtvc(file)
    for name in checkpoint.dropped:
        click.echo(f"Left out {name}, which only the training loss uses.")
    manifest = write(
        folder,
        checkpoint.state_dict,
        source=source or file.name,
        licence=licence,
        step=checkpoint.step,
        dtype=dtype,
        notice=notice.read() if notice else None,
        force=force,
    )
    _report(folder, manifest)


@checkpoints.command("join")
@folder_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@force_option
def join_command(folder: Path, file: Path, force: bool) -> None:
    """Join FOLDER into FILE, a checkpoint for RTVC."""
    manifest = join(folder, file, force=force)
    click.echo(f"{file}: {manifest.model}, {len(manifest.parameters)} parameters")


@checkpoints.command("verify")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--dir",
    "directory",
    envvar="CHECKPOINTS_DIR",
    type=click.Path(path_type=Path),
    default=CHECKPOINTS,
    show_default=True,
    show_envvar=True,
    help="Folder of the models' folders, if no FOLDERS are given.",
)
def verify_command(folders: tuple[Path, ...], directory: Path) -> None:
    """Check all files of FOLDERS, as a service does at start. Default: all models.

    One of the two vocoders, vocoder and vocos, may be absent.
    """
    for folder in folders or model_folders(directory):
        _report(folder, verify(folder))


@checkpoints.command("show")
@folder_argument
def show_command(folder: Path) -> None:
    """List the parameters and hyperparameters in FOLDER."""
    manifest = verify(folder)
    width = max(len(entry.name) for entry in manifest.parameters)
    for entry in manifest.parameters:
        shape = " x ".join(str(size) for size in entry.shape) or "scalar"
        size = f"{entry.tensor_bytes:,}"
        click.echo(f"{entry.name:<{width}}  {shape:>16}  {entry.dtype:<8} {size:>11} bytes")
    click.echo()
    for name, value in manifest.architecture.items():
        click.echo(f"{name:<{width}}  {value}")
    click.echo()
    click.echo(f"source: {manifest.source}\nlicence: {manifest.licence}")
    _report(folder, manifest)


def model_folders(directory: Path) -> list[Path]:
    vocoders = [name for name in ("vocoder", "vocos") if (directory / name).exists()]
    return [directory / name for name in ("encoder", "synthesizer", *(vocoders or ["vocos"]))]


def _report(folder: Path, manifest: Manifest) -> None:
    numbers = sum(entry.numel for entry in manifest.parameters)
    megabytes = sum(entry.tensor_bytes for entry in manifest.parameters) / 1e6
    step = f", step {manifest.step:,}" if manifest.step else ""
    click.echo(
        f"{folder}: {manifest.model}, {len(manifest.parameters)} parameters, {numbers:,} numbers, "
        f"{megabytes:.1f} MB{step}"
    )


def _say(message: str) -> None:
    click.echo(message, err=True)


@contextmanager
def _progress_bar(label: str) -> Iterator[Any]:
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=0, label=label, file=sys.stderr, hidden=hidden) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress
