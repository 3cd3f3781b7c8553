"""`better voices`: saved voices."""

from pathlib import Path

import click
import orjson

from cli.speak import warn
from cli.voices import Voice, VoiceError, VoiceStore
from client.chain import Chain
from client.settings import Settings
from shared.voices import mean_embed, presets


class _VoicesGroup(click.Group):
    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except VoiceError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_VoicesGroup)
def voices() -> None:
    """Keep voices under a name."""


@voices.command()
@click.argument("name")
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def add(name: str, clips: tuple[Path, ...]) -> None:
    """Save the voice of one or more sound files, all of the same speaker."""
    settings = Settings()
    store = VoiceStore(settings.voices_dir)
    name = store.check_new(name)
    with Chain(settings=settings, on_warning=warn) as chain:
        embed = mean_embed([chain.embed(clip) for clip in clips])
    store.save(Voice(name, embed, [clip.name for clip in clips]))
    click.echo(f"saved {name}")


@voices.command("list")
def list_voices() -> None:
    """List presets and saved voices."""
    for name in presets():
        click.echo(f"{name}  (preset)")
    for name in _store().names():
        click.echo(name)


@voices.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a voice as JSON; a saved one with its embedding."""
    voice = _store().find_named(name)
    if isinstance(voice, Path):
        shown = {"name": name, "preset": True, "clips": [str(voice)]}
    else:
        shown = {"name": name, "preset": False, "clips": voice.clips, "embed": voice.embed}
    click.echo(orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY))


@voices.command()
@click.argument("name")
def rm(name: str) -> None:
    """Remove a saved voice."""
    _store().remove(name)
    click.echo(f"removed {name}")


def _store() -> VoiceStore:
    return VoiceStore(Settings().voices_dir)
