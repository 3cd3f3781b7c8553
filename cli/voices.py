"""Saved voices: embeddings under a name in the user's data folder, beside the presets of samples/.

VoiceError
├── BadVoiceName     a name that cannot be a file's
├── VoiceExists      saved already, or a preset
├── UnknownVoice     neither saved, nor a preset, nor a file
├── PresetVoice      presets stay
└── BrokenVoice      its file was damaged
"""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from client.chain import EMBED_SIZE
from shared.atomic_files import replacing
from shared.http.tensors import Float32Array
from shared.voices import presets

# Letters of any script; 60 of them fit every file system.
_NAME = re.compile(r"\w[\w-]{0,59}")


class VoiceError(Exception):
    pass


class BadVoiceName(VoiceError):
    pass


class VoiceExists(VoiceError):
    pass


class UnknownVoice(VoiceError):
    pass


class PresetVoice(VoiceError):
    pass


class BrokenVoice(VoiceError):
    pass


@dataclass(frozen=True)
class Voice:
    """embed: [256], unit length. clips: names of the files it was made of."""

    name: str
    embed: Float32Array
    clips: list[str]


class VoiceStore:
    """One JSON file a voice in `folder`, which is made when the first one is saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def check_new(self, name: str) -> str:
        """The name in its normal form. Raises BadVoiceName or VoiceExists."""
        name = _checked(name)
        if name in presets():
            raise VoiceExists(f"{name} is a preset voice; choose another name")
        if self._path(name).exists():
            raise VoiceExists(f"{name} is saved already; remove it first: better voices rm {name}")
        return name

    def save(self, voice: Voice) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"name": voice.name, "clips": voice.clips, "embed": voice.embed}
        with replacing(self._path(voice.name)) as path:
            path.write_bytes(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))

    def load(self, name: str) -> Voice:
        """Raises UnknownVoice or BrokenVoice."""
        path = self._path(_checked(name))
        try:
            content = orjson.loads(path.read_bytes())
            embed = np.array(content["embed"], np.float32)
            voice = Voice(content["name"], embed, content["clips"])
        except FileNotFoundError:
            raise self._unknown(name) from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise BrokenVoice(f"{path} is damaged; remove the voice and add it anew") from None
        if embed.shape != (EMBED_SIZE,):
            raise BrokenVoice(f"{path} has an embedding of shape {embed.shape}, not {EMBED_SIZE}")
        return voice

    def remove(self, name: str) -> None:
        """Raises PresetVoice or UnknownVoice."""
        name = _checked(name)
        if name in presets():
            raise PresetVoice(f"{name} is a preset voice and stays")
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise self._unknown(name) from None

    def find(self, voice: str) -> Voice | Path:
        """What `--voice` means: a saved voice, a preset's clip, or a sound file's path.

        Raises UnknownVoice.
        """
        try:
            return self.find_named(voice)
        except (BadVoiceName, UnknownVoice):
            with suppress(OSError):  # a text given as a voice is too long for a path
                if Path(voice).is_file():
                    return Path(voice)
            raise self._unknown(voice) from None

    def find_named(self, name: str) -> Voice | Path:
        """A saved voice, or a preset's clip. Raises BadVoiceName, UnknownVoice or BrokenVoice."""
        return presets().get(name) or self.load(name)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _unknown(self, voice: str) -> UnknownVoice:
        there_are = ", ".join([*presets(), *self.names()])
        shown = voice if len(voice) < 80 else f"{voice[:80]}…"
        return UnknownVoice(f"{shown} is neither a sound file nor a voice; there are {there_are}")


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    if not _NAME.fullmatch(name):
        raise BadVoiceName(
            f"{name!r} cannot be a voice's name; use up to 60 letters, digits, - and _"
        )
    return name
