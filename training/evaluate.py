"""What a set of checkpoints is worth: held-out texts in held-out voices through the real chain.

The three services are started on free ports with the checkpoints; every text is spoken in one of
the voices, which take turns. A recogniser and the encoder judge what comes back.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from client.chain import SAMPLE_RATE, Chain, speakable_pieces
from client.processes import ready_services
from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import UnusableClip, resample
from shared.audio import read_sound
from shared.mel import mel_spectrogram
from shared.tensors import Float32Array
from training.errors import TrainingError
from training.evaluation_texts import TEXTS
from training.features import embed_voice, load_encoder
from training.griffin_lim import griffin_lim
from training.recognition import Errors, Recogniser
from training.sound import tidy

Say = Callable[[str], None]

SERVICES = ["encoder", "synthesizer", "vocoder"]
SECONDS_AT_LEAST, CHARACTERS_A_SECOND = 0.35, 15  # of usual speech
FAR_OFF = (0.5, 2.0)  # of the usual length
LONGEST_CLIP = 60.0  # seconds


@dataclass(frozen=True)
class Utterance:
    """One text in one voice. likeness: cosine of the embeddings, None where no voice was found."""

    kind: str
    text: str
    voice: str
    heard: str
    seconds: float
    errors: Errors
    likeness: float | None
    faults: tuple[str, ...]
    """What is still amiss with the attention after the synthesizer's last attempt, as it names it
    (synthesizer_service/attention_monitor.py)."""

    @property
    def failed(self) -> bool:
        """Whether the attention lost its way, or the speech is far too short or too long."""
        low, high = FAR_OFF
        usual = SECONDS_AT_LEAST + len(self.text) / CHARACTERS_A_SECOND
        return bool(self.faults) or not low <= self.seconds / usual <= high


@dataclass(frozen=True)
class Copy:
    """A clip made anew from its own mel; what the recogniser hears of the clip is the truth."""

    voice: str
    maker: str
    errors: Errors
    likeness: float | None


@dataclass(frozen=True)
class Evaluation:
    utterances: list[Utterance]
    copies: list[Copy]
    two_halves: list[float]
    """Likeness of each clip's two halves: what a clip of the same speaker, minute and microphone
    has."""
    two_speakers: list[float]
    """Likeness of each pair of voices."""


class Judge:
    def __init__(self, encoder: SpeakerEncoder, recogniser: Recogniser) -> None:
        self._encoder, self._recogniser = encoder, recogniser

    def heard(self, wav: Float32Array) -> str:
        return self._recogniser.transcribe(wav)

    def embed(self, wav: Float32Array) -> Float32Array | None:
        """[256], unit length; None where no voice is found. wav: 16 kHz."""
        try:
            return embed_voice(self._encoder, wav, SAMPLE_RATE)
        except UnusableClip:
            return None

    def likeness(self, one: Float32Array, other: Float32Array) -> float | None:
        """Cosine of the embeddings of two sounds at 16 kHz."""
        left, right = self.embed(one), self.embed(other)
        return None if left is None or right is None else float(left @ right)


def evaluate(
    checkpoints: Path,
    voices: Sequence[Path],
    *,
    rounds: int = 1,
    limit: int | None = None,
    details: Path | None = None,
    say: Say = lambda line: None,
) -> Evaluation:
    """checkpoints: holds the folders of all three. voices: sound files. limit: texts of a kind.
    details: where each utterance and each copy goes as a line of JSON.

    Raises TrainingError for clips of one name and a clip without a voice; ApiError for one that
    cannot be read; CheckpointError; ProcessError; ChainError; OSError.
    """
    clips = read_voices(voices)
    if details:
        details.write_text("")  # whether it can be written is known before the work
    judge = Judge(load_encoder(checkpoints), Recogniser())
    with (
        ready_services(SERVICES, checkpoints) as services,
        Chain(*(services.urls[name] for name in SERVICES)) as chain,
    ):
        utterances = []
        for utterance in speak_all(chain, judge, clips, rounds, limit):
            utterances.append(utterance)
            _note(details, utterance)
            say(f"{len(utterances)}: {utterance.text!r} -> {utterance.heard!r}")
        copies = list(_copy_all(chain, judge, clips))
    for copy in copies:
        _note(details, copy)
    return Evaluation(utterances, copies, *_references(judge, clips))


def read_voices(paths: Sequence[Path]) -> dict[str, Float32Array]:
    """[n] at 16 kHz, by the files' names. Raises TrainingError, ApiError, OSError."""
    if not paths:
        raise TrainingError("there is no voice to speak in; give clips with --voice")
    clips = dict[str, Float32Array]()
    for path in paths:
        if path.stem in clips:
            raise TrainingError(f"two clips are called {path.stem}; rename one: {path}")
        clip = read_sound(path.read_bytes(), LONGEST_CLIP)
        clips[path.stem] = resample(clip.wav, clip.rate)
    return clips


def speak_all(
    chain: Chain,
    judge: Judge,
    clips: dict[str, Float32Array],
    rounds: int,
    limit: int | None,
) -> Iterator[Utterance]:
    """Each text once a round, the voices taking turns. Raises TrainingError for a clip without a
    voice; ChainError."""
    embeds = dict[str, Float32Array]()
    for voice, clip in clips.items():
        embed = judge.embed(clip)
        if embed is None:
            raise TrainingError(f"the encoder finds no voice in {voice}; give another clip")
        embeds[voice] = embed
    texts = [(kind, text) for kind, texts in TEXTS.items() for text in texts[:limit]]
    names = sorted(embeds)
    for turn in range(rounds):
        for number, (kind, text) in enumerate(texts):
            voice = names[(number + turn) % len(names)]
            yield _utterance(chain, judge, kind, text, voice, embeds[voice], seed=turn)


def _utterance(
    chain: Chain,
    judge: Judge,
    kind: str,
    text: str,
    voice: str,
    embed: Float32Array,
    seed: int,
) -> Utterance:
    """As `Chain.speak` says it, without the pauses."""
    pieces = [chain.synthesize(piece.text, embed, seed) for piece in speakable_pieces(text)]
    wav = np.concatenate([_vocoded(chain, piece.spec, seed) for piece in pieces])
    heard, spoken = judge.heard(wav), judge.embed(wav)
    return Utterance(
        kind=kind,
        text=text,
        voice=voice,
        heard=heard,
        seconds=len(wav) / SAMPLE_RATE,
        errors=Errors.between(text, heard),
        likeness=None if spoken is None else float(spoken @ embed),
        faults=tuple(piece.fault for piece in pieces if piece.fault),
    )


def _vocoded(chain: Chain, spec: Float32Array, seed: int) -> Float32Array:
    """[80, T] -> [n] in ±1 at 16 kHz"""
    return np.concatenate([*chain.vocode(spec, seed)]).astype(np.float32) / np.float32(32768)


def _copy_all(chain: Chain, judge: Judge, clips: dict[str, Float32Array]) -> Iterator[Copy]:
    for voice, clip in clips.items():
        wav = tidy(clip)  # as loud as the vocoder knows it
        mel, truth = mel_spectrogram(wav), judge.heard(wav)
        copies = {"vocoder": _vocoded(chain, mel, seed=0), "Griffin-Lim": griffin_lim(mel)}
        for maker, copy in copies.items():
            errors = Errors.between(truth, judge.heard(copy))
            yield Copy(voice, maker, errors, judge.likeness(wav, copy))


def _references(judge: Judge, clips: dict[str, Float32Array]) -> tuple[list[float], list[float]]:
    """Likeness of the two halves of each clip, and of each two of them."""
    halves = [np.array_split(wav, 2) for wav in clips.values()]
    same = [judge.likeness(*pair) for pair in halves]
    others = [judge.likeness(*pair) for pair in combinations(clips.values(), 2)]
    return _found(same), _found(others)


def _found(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _note(details: Path | None, result: Utterance | Copy) -> None:
    if details:
        with details.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
