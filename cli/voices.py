"""`better voices`: the voices of the gateway's library."""

from pathlib import Path
from typing import Any

import click
import orjson

from cli.gateway import Gateway, Settings

_consent_option = click.option(
    "--consent",
    metavar="TEXT",
    help="Who allowed this voice to be cloned, and for what. The gateway keeps it.",
)


@click.group()
def voices() -> None:
    """Keep voices under a name, in the gateway's library.

    GATEWAY_URL is the gateway's address. If it asks for a key, set API_KEY.
    """


@voices.command("list")
def list_voices() -> None:
    """List presets and saved voices."""
    with Gateway() as gateway:
        for voice in gateway.voices():
            click.echo(f"{voice['name']}  (preset)" if voice["preset"] else voice["name"])
    _mention_old_voices(Settings().voices_dir)


@voices.command()
@click.argument("name")
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@_consent_option
def add(name: str, clips: tuple[Path, ...], consent: str | None) -> None:
    """Save the voice of one or more sound files, all of the same speaker."""
    if not consent:
        raise click.ClickException(
            "--consent is missing; say who allowed this voice to be cloned, and for what, such as "
            "--consent 'I am the speaker, and I want my voice to be cloned.'"
        )
    with Gateway() as gateway:
        voice = gateway.add_voice(name, clips, consent)
    for sample in voice["samples"]:
        for warning in sample["warnings"]:
            click.echo(f"Warning: {sample['file']}: {warning}", err=True)
    click.echo(f"saved {voice['name']}")


@voices.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a voice as JSON: its consent, and the verdict on each sample."""
    with Gateway() as gateway:
        click.echo(orjson.dumps(gateway.voice(name)))


@voices.command("export")
@click.argument("name")
def export_voice(name: str) -> None:
    """Print a voice as a file for `better voices import`."""
    with Gateway() as gateway:
        click.echo(orjson.dumps(gateway.voice_file(name)))


@voices.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@_consent_option
def import_voices(files: tuple[Path, ...], consent: str | None) -> None:
    """Add voices from files: those of `better voices export`, or of an earlier version.

    A file of an earlier version holds no consent; --consent states it.
    """
    documents = [_read_voice_file(file, consent) for file in files]
    with Gateway() as gateway:
        for document in documents:
            click.echo(f"saved {gateway.import_voice(document)['name']}")


@voices.command()
@click.argument("name")
def rm(name: str) -> None:
    """Remove a saved voice."""
    with Gateway() as gateway:
        gateway.delete_voice(name)
    click.echo(f"removed {name}")


def _read_voice_file(file: Path, consent: str | None) -> dict[str, Any]:
    """The document of a file, in the form of the gateway. Raises ClickException."""
    try:
        document = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not JSON: {error}") from None
    if not isinstance(document, dict) or not {"embedding", "embed"} & document.keys():
        raise click.ClickException(f"{file} is not the file of a voice: it has no embedding")
    if "embed" in document:  # a voice of `better voices` up to version 0.1
        document = {"name": document.get("name") or file.stem, "embedding": document["embed"]}
    if consent:
        document["consent"] = consent
    if not document.get("consent"):
        raise click.ClickException(
            f"{file} states no consent; add --consent with who allowed this voice to be cloned, "
            "and for what"
        )
    return document


def _mention_old_voices(folder: Path) -> None:
    """Name the voices that an earlier version kept on this machine."""
    if old := sorted(folder.glob("*.json")):
        names = ", ".join(path.stem for path in old)
        click.echo(
            f"{folder} holds voices of an earlier version ({names}). To use them, run: "
            f"better voices import '{folder}'/*.json --consent 'who allowed it, and for what'",
            err=True,
        )
