"""`better train evaluate` and `better train copies`: measure checkpoints."""

from pathlib import Path

import click

from cli.processes import ready_chain
from cli.train_data import AT_LEAST_ONE, existing, path_type
from shared.settings import REPOSITORY

NETWORKS = ["vocos", "wavernn"]

checkpoints_option = click.option(
    "--checkpoints",
    type=existing,
    default=REPOSITORY / "checkpoints",
    help="Folder of all networks' checkpoints.  [default: the repository's]",
)


@click.command("evaluate")
@checkpoints_option
@click.option(
    "--vocoder",
    type=click.Choice(NETWORKS),
    help="Vocoder network.  [default: the first with weights]",
)
@click.option(
    "--voice",
    "voices",
    multiple=True,
    type=existing,
    help="A held-out clip; repeatable.  [default: those in samples/]",
)
@click.option(
    "--recordings",
    type=existing,
    help="Held-out speakers with transcripts, as `data` reads them, in place of samples/.",
)
@click.option(
    "--rounds",
    type=AT_LEAST_ONE,
    default=1,
    show_default=True,
    help="Times that each text is spoken, each time in another voice.",
)
@click.option(
    "--limit", type=AT_LEAST_ONE, help="Texts of each kind, and copies, for a quick look."
)
@click.option("--out", type=path_type, help="File for the table.  [default: the terminal]")
@click.option("--details", type=path_type, help="File for a JSON line per utterance and copy.")
@click.option("--listen", type=path_type, help="Folder for sound files: each voice, and copies.")
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
    """Measure word errors, sound quality, likeness to the voices, and failures."""
    from training.evaluation.evaluate import evaluate
    from training.evaluation.table import markdown
    from training.evaluation.voices import read_voices, recorded_voices

    if out:
        out.touch()  # fail before the work if it cannot be written
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
        report=_report,
    )
    _show(markdown(result), out)


@click.command("copies")
@click.argument("recordings", type=existing)
@checkpoints_option
@click.option(
    "--vocoder",
    "vocoders",
    multiple=True,
    type=existing,
    help="Weights to compare with those of --checkpoints; repeatable.",
)
@click.option(
    "--limit", type=AT_LEAST_ONE, help="Number of recordings.  [default: two per speaker]"
)
@click.option("--out", type=path_type, help="File for the table.  [default: the terminal]")
def copies_command(
    recordings: Path,
    checkpoints: Path,
    vocoders: tuple[Path, ...],
    limit: int | None,
    out: Path | None,
) -> None:
    """Measure copies of RECORDINGS by each vocoder: sound quality and likeness."""
    from training.data.features import load_encoder
    from training.evaluation.copies import copy_all, load_vocoder, vocoders_in
    from training.evaluation.judging import Dnsmos, Judge
    from training.evaluation.table import copies_markdown
    from training.evaluation.voices import recorded_voices

    if out:
        out.touch()
    compared = vocoders_in(checkpoints) | {str(path): load_vocoder(path) for path in vocoders}
    judge = Judge(load_encoder(checkpoints), {}, Dnsmos())
    copies = []
    for copy in copy_all(recorded_voices(recordings), compared, judge, limit):
        copies.append(copy)
        _report(f"{len(copies)}: {copy.voice} by {copy.maker}, {copy.judged.quality.ovrl:.2f}")
    _show(copies_markdown(copies), out)


def _show(table: str, out: Path | None) -> None:
    if out:
        out.write_text(table)
    else:
        click.echo(table, nl=False)


def _report(line: str) -> None:
    click.echo(line, err=True)
