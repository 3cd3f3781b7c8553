"""Copy synthesis: recordings rebuilt from their own mels, which shows the loss of a vocoder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from shared.audio.mel import MEL_FORMAT, mel_amplitudes, mel_spectrogram
from shared.checkpoints.manifest import MANIFEST_NAME, parse_manifest
from shared.http.tensors import Float32Array
from training.data.waveforms import trim_and_normalise
from training.evaluation.judging import Judge, Judgement
from training.evaluation.voices import Voice, clips_in_turn
from vocoder_service.inference import Vocoder
from vocoder_service.settings import NETWORK_NAMES, NetworkName, Settings
from vocoder_service.vocos import vocoder as vocos
from vocoder_service.waveform import de_emphasis
from vocoder_service.wavernn import vocoder as wavernn

Vocode = Callable[[Float32Array], Float32Array]
"""Turns a mel [80, T] in ±4 into sound [n] in ±1 at 16 kHz."""
OnSound = Callable[[str, str, Float32Array], None]
"""Receives the voice's name, the vocoder's name and the sound."""

RECORDING, GRIFFIN_LIM = "recording", "Griffin-Lim"
GRIFFIN_LIM_ITERATIONS = 60
FOLDERS: dict[NetworkName, str] = {"vocos": "vocos", "wavernn": "vocoder"}  # in checkpoints/


@dataclass(frozen=True)
class Copy:
    """maker: the vocoder's name, or RECORDING. mel_error: mean distance of the copy's mel from the
    recording's, in ±4."""

    voice: str
    maker: str
    judged: Judgement
    mel_error: float


def networks_in(checkpoints: Path) -> list[NetworkName]:
    """The networks with weights there, the default first."""
    return [name for name in NETWORK_NAMES if (checkpoints / FOLDERS[name]).is_dir()]


def vocoders_in(checkpoints: Path) -> dict[str, Vocode]:
    """Every vocoder with weights there, and Griffin-Lim, by name. Raises CheckpointError."""
    networks: dict[str, Vocode] = {
        NETWORK_NAMES[name]: load_vocoder(checkpoints / FOLDERS[name])
        for name in networks_in(checkpoints)
    }
    return {**networks, GRIFFIN_LIM: griffin_lim}


def load_vocoder(folder: Path) -> Vocode:
    """Load a checkpoint folder of either network. Raises CheckpointError, OSError."""
    model = parse_manifest((folder / MANIFEST_NAME).read_bytes(), folder).model
    if model == "vocos":
        return partial(_vocode, vocos.load(folder))
    own = Settings()
    vocoder = wavernn.load(folder, own.vocoder_threads, own.precision, own.correction_passes)
    return partial(_vocode, vocoder)


def _vocode(vocoder: Vocoder, mel: Float32Array) -> Float32Array:
    return np.concatenate([*vocoder.generate(mel, seed=0, temperature=1.0)])


def griffin_lim(mel: Float32Array) -> Float32Array:
    """Sound from a mel without a network, for comparison (D. Griffin and J. Lim, 1984).

    mel: [80, T] in ±4. Returns [(T - 1) * 200] in ±1 at 16 kHz.
    """
    import librosa

    fmt = MEL_FORMAT
    spectrum = librosa.feature.inverse.mel_to_stft(
        mel_amplitudes(mel),
        sr=fmt.sample_rate,
        n_fft=fmt.n_fft,
        power=1,
        fmin=fmt.fmin,
        fmax=fmt.fmax,
    )
    emphasised = librosa.griffinlim(
        spectrum,
        n_iter=GRIFFIN_LIM_ITERATIONS,
        hop_length=fmt.hop_length,
        win_length=fmt.win_length,
        random_state=0,
    )
    wav, _ = de_emphasis(emphasised[np.newaxis], np.zeros((1, 1)))
    clipped: Float32Array = np.clip(wav[0], -1, 1)
    return clipped


def copy_all(
    voices: Sequence[Voice],
    vocoders: dict[str, Vocode],
    judge: Judge,
    limit: int | None = None,
    on_sound: OnSound = lambda voice, maker, wav: None,
) -> Iterator[Copy]:
    """Judge each recording and its copy by each vocoder. limit: number of recordings."""
    for voice, clip in islice(clips_in_turn(voices), limit):
        wav = trim_and_normalise(clip.wav)  # to the loudness of the training
        mel, embed = mel_spectrogram(wav), judge.embed(wav)
        reference = judge.transcribe(wav) if clip.text is None else clip.text
        sounds = {RECORDING: wav, **{name: vocode(mel) for name, vocode in vocoders.items()}}
        for maker, sound in sounds.items():
            on_sound(voice, maker, sound)
            error = float(np.abs(mel_spectrogram(sound) - mel).mean())
            yield Copy(voice, maker, judge.judge(sound, reference, embed), error)
