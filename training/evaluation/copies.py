"""Recordings made anew from their own mels: what a vocoder alone loses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from shared.audio.mel import mel_spectrogram
from shared.checkpoints.manifest import MANIFEST_NAME, parse_manifest
from shared.http.tensors import Float32Array
from training.data.sound import tidy
from training.evaluation.griffin_lim import griffin_lim
from training.evaluation.judging import Judge, Judgement
from training.evaluation.voices import Voice, clips_in_turn
from vocoder_service.inference import Vocoder
from vocoder_service.settings import NETWORK_NAMES, NetworkName, Settings
from vocoder_service.vocos import vocoder as vocos
from vocoder_service.wavernn import vocoder as wavernn

Maker = Callable[[Float32Array], Float32Array]
"""A mel [80, T] in ±4 in, sound [n] in ±1 at 16 kHz out."""
Heard = Callable[[str, str, Float32Array], None]
"""Gets the voice, the maker and the sound."""

RECORDING, GRIFFIN_LIM = "recording", "Griffin-Lim"
FOLDERS: dict[NetworkName, str] = {"vocos": "vocos", "wavernn": "vocoder"}  # of checkpoints/


@dataclass(frozen=True)
class Copy:
    """mel_error: mean distance of the copy's mel from the recording's, in ±4."""

    voice: str
    maker: str
    judged: Judgement
    mel_error: float


def networks_in(checkpoints: Path) -> list[NetworkName]:
    """Those with weights there, the default first."""
    return [name for name in NETWORK_NAMES if (checkpoints / FOLDERS[name]).is_dir()]


def makers_of(checkpoints: Path) -> dict[str, Maker]:
    """By name: every vocoder that has weights there, and Griffin-Lim. Raises CheckpointError."""
    networks: dict[str, Maker] = {
        NETWORK_NAMES[name]: maker_of(checkpoints / FOLDERS[name])
        for name in networks_in(checkpoints)
    }
    return {**networks, GRIFFIN_LIM: griffin_lim}


def maker_of(folder: Path) -> Maker:
    """The network whose weights lie in a folder. Raises CheckpointError, OSError."""
    model = parse_manifest((folder / MANIFEST_NAME).read_bytes(), folder).model
    if model == "vocos":
        return partial(_vocoded, vocos.load(folder))
    own = Settings()
    vocoder = wavernn.load(folder, own.vocoder_threads, own.precision, own.correction_passes)
    return partial(_vocoded, vocoder)


def _vocoded(vocoder: Vocoder, mel: Float32Array) -> Float32Array:
    return np.concatenate([*vocoder.generate(mel, seed=0, temperature=1.0)])


def copy_all(
    voices: Sequence[Voice],
    makers: dict[str, Maker],
    judge: Judge,
    limit: int | None = None,
    heard: Heard = lambda voice, maker, wav: None,
) -> Iterator[Copy]:
    """Each clip as it was recorded, and as each maker makes it. limit: clips."""
    for voice, clip in islice(clips_in_turn(voices), limit):
        wav = tidy(clip.wav)  # as loud as the vocoders know it
        mel, embed = mel_spectrogram(wav), judge.embed(wav)
        said = judge.heard(wav) if clip.text is None else clip.text
        sounds = {RECORDING: wav, **{name: make(mel) for name, make in makers.items()}}
        for maker, sound in sounds.items():
            heard(voice, maker, sound)
            error = float(np.abs(mel_spectrogram(sound) - mel).mean())
            yield Copy(voice, maker, judge.judge(sound, said, embed), error)
