"""Texts that the command speaks, and their voices: presets, files, the gateway's, and blends."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from cli.gateway import Gateway, GatewayError
from client.chain import Chain
from shared.http.errors import ApiError
from shared.http.tensors import Float32Array
from shared.text.markup import TextFormat
from shared.voices import BadBlend, blend_parts, is_blend, mean_embed, presets

if TYPE_CHECKING:
    from gateway_service.speech.dialogue import Dialogue


@dataclass(frozen=True)
class FoundVoice:
    """A voice, or the voices of a blend with their weights.

    parts: of each the clip, or the embedding [256].
    """

    parts: Sequence[Path | Float32Array]
    weights: Sequence[float]

    def embed(self, chain: Chain) -> Float32Array:
        """Its embedding [256]."""
        embeds = [chain.embed(part) if isinstance(part, Path) else part for part in self.parts]
        return mean_embed(embeds, self.weights)


def read_text(text: str, text_format: TextFormat, name: str = "text") -> "Dialogue":
    """The pieces of a text and their voices. name: what errors call the text.

    Raises ClickException for a text that cannot be spoken.
    """
    from gateway_service.speech.dialogue import Dialogue  # takes a while to import

    dialogue = Dialogue()
    try:
        dialogue.add(text, name, text_format=text_format)
    except ApiError as error:
        raise click.ClickException(error.message) from None
    return dialogue


def find_voice(voice: str) -> FoundVoice:
    """A preset, a sound file, a voice of the gateway, or a blend of these. Raises ClickException.

    The gateway is asked only for what is neither a preset nor a file.
    """
    if clip := _clip(voice):
        return FoundVoice([clip], [1.0])
    parts = _parts_of(voice) if is_blend(voice) else []
    if parts and all(map(_clip, (name for name, _ in parts))):
        return _blend(parts)
    try:
        return FoundVoice([_of_gateway(voice)], [1.0])
    except click.ClickException:
        if not parts:
            raise
    return _blend(parts)


def _blend(parts: Sequence[tuple[str, float]]) -> FoundVoice:
    names, weights = zip(*parts, strict=True)
    return FoundVoice([_clip(name) or _of_gateway(name) for name in names], weights)


def _parts_of(voice: str) -> list[tuple[str, float]]:
    try:
        return blend_parts(voice)
    except BadBlend as error:
        raise click.ClickException(f"voice: {error}") from None


def _clip(voice: str) -> Path | None:
    """The clip of a preset, or the sound file of that name."""
    if preset := presets().get(voice):
        return preset
    with suppress(OSError, ValueError):  # no path is so long, or holds a NUL
        if Path(voice).is_file():
            return Path(voice)
    return None


def _of_gateway(voice: str) -> Float32Array:
    """The embedding [256]."""
    try:
        with Gateway() as gateway:
            return np.array(gateway.voice_file(voice)["embedding"], np.float32)
    except GatewayError as error:
        shown = voice if len(voice) < 80 else f"{voice[:80]}…"
        raise click.ClickException(
            f"{shown} is neither a sound file nor a preset ({', '.join(presets())}), and "
            f"{error.message}"
        ) from None
