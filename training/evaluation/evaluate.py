"""What a set of checkpoints is worth: held-out texts in held-out voices through the real chain.

The three services are started on free ports with the checkpoints; every text is spoken in one of
the voices, which take turns. Recognisers, the encoder and DNSMOS judge what comes back, and copies
of recordings by each vocoder.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np

from client.chain import SAMPLE_RATE, Chain, speakable_pieces
from shared.audio.files import encode_sound
from shared.http.tensors import Float32Array
from training.data.features import load_encoder
from training.errors import TrainingError
from training.evaluation.copies import Copy, copy_all, makers_of, networks_in
from training.evaluation.judging import Judge, Judgement, likeness
from training.evaluation.quality import Dnsmos
from training.evaluation.recognition import RECOGNISERS, Recogniser
from training.evaluation.texts import SENTENCES, TEXTS
from training.evaluation.voices import Voice

Say = Callable[[str], None]
StartChain = Callable[[Path, str], AbstractContextManager[Chain]]
R = TypeVar("R", "Utterance", Copy)

SECONDS_AT_LEAST, CHARACTERS_A_SECOND = 0.35, 15  # of usual speech
FAR_OFF = (0.5, 2.0)  # of the usual length
LISTENING_TEXT = SENTENCES[0]
MAX_LISTENING_SECONDS = 8.0


@dataclass(frozen=True)
class Utterance:
    """One text in one voice."""

    kind: str
    text: str
    voice: str
    seconds: float
    judged: Judgement
    faults: tuple[str, ...]
    """What is still amiss with the attention after the synthesizer's last attempt, as it names it
    (synthesizer_service/tacotron/attention_monitor.py)."""

    @property
    def failure(self) -> str | None:
        """The attention's fault, or that the speech is far too short or too long."""
        low, high = FAR_OFF
        length = self.seconds / (SECONDS_AT_LEAST + len(self.text) / CHARACTERS_A_SECOND)
        if self.faults:
            return self.faults[0]
        return "too short" if length < low else "too long" if length > high else None


@dataclass(frozen=True)
class Evaluation:
    utterances: list[Utterance]
    copies: list[Copy]
    two_halves: list[float]
    """Likeness of each clip's two halves: what a clip of the same speaker, minute and microphone
    has."""
    two_speakers: list[float]
    """Likeness of each pair of voices."""


def evaluate(
    checkpoints: Path,
    voices: Sequence[Voice],
    start_chain: StartChain,
    *,
    vocoder: str | None = None,
    rounds: int = 1,
    limit: int | None = None,
    details: Path | None = None,
    listen: Path | None = None,
    say: Say = lambda line: None,
) -> Evaluation:
    """The utterances, the copies, and how alike the voices are.

    checkpoints: holds the folders of all three. start_chain: starts the services with those weights
    and a network of the vocoder. vocoder: that network; by default the first that has weights.
    limit: texts of a kind, and copied clips. details: a file for a line of JSON for each utterance
    and each copy. listen: a folder for sound files.

    Raises TrainingError for a clip without a voice; CheckpointError; ProcessError; ChainError;
    OSError.
    """
    if details:
        details.write_text("")  # whether it can be written is known before the work
    if listen:
        listen.mkdir(parents=True, exist_ok=True)
    vocoder = vocoder or next(iter(networks_in(checkpoints)), "vocos")
    recognisers = {name: Recogniser(name) for name in RECOGNISERS}
    judge = Judge(load_encoder(checkpoints), recognisers, Dnsmos())
    embeds, makers = _embeds(judge, voices), makers_of(checkpoints)
    with start_chain(checkpoints, vocoder) as chain:
        if listen:
            _let_hear(chain, embeds, listen, vocoder)
        utterances = list(_told(speak_all(chain, judge, embeds, rounds, limit), details, say))
    heard = _writer(listen) if listen else _ignore
    copying = copy_all(voices, makers, judge, limit, heard)
    copies = list(_told(copying, details, say))
    return Evaluation(utterances, copies, *_references(judge, voices, embeds))


def _told(results: Iterator[R], details: Path | None, say: Say) -> Iterator[R]:
    for number, result in enumerate(results, start=1):
        if details:
            with details.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        what = result.text if isinstance(result, Utterance) else f"copy by {result.maker}"
        heard = " | ".join(result.judged.heard.values())
        say(f"{number}: {result.voice}: {what!r} -> {heard!r}, {result.judged.quality.ovrl:.2f}")
        yield result


def _embeds(judge: Judge, voices: Sequence[Voice]) -> dict[str, Float32Array]:
    """Raises TrainingError for none, and for a clip without a voice."""
    if not voices:
        raise TrainingError("there is no voice to speak in; give clips with --voice")
    embeds = dict[str, Float32Array]()
    for voice in voices:
        embed = judge.embed(voice.reference.wav)
        if embed is None:
            raise TrainingError(f"the encoder finds no voice in {voice.name}; give another clip")
        embeds[voice.name] = embed
    return embeds


@dataclass(frozen=True)
class _Take:
    kind: str
    text: str
    voice: str
    seed: int


def speak_all(
    chain: Chain,
    judge: Judge,
    embeds: Mapping[str, Float32Array],
    rounds: int,
    limit: int | None,
) -> Iterator[Utterance]:
    """Each text once a round, the voices taking turns. Raises ChainError.

    The next ones are spoken while one is judged.
    """
    texts = [(kind, text) for kind, texts in TEXTS.items() for text in texts[:limit]]
    names = sorted(embeds)
    takes = [
        _Take(kind, text, names[(number + turn) % len(names)], seed=turn)
        for turn in range(rounds)
        for number, (kind, text) in enumerate(texts)
    ]

    def spoken(take: _Take) -> tuple[Float32Array, tuple[str, ...]]:
        return _spoken(chain, take.text, embeds[take.voice], take.seed)

    with ThreadPoolExecutor(1) as speaker:
        for take, (wav, faults) in zip(takes, speaker.map(spoken, takes), strict=True):
            judged = judge.judge(wav, take.text, embeds[take.voice])
            seconds = len(wav) / SAMPLE_RATE
            yield Utterance(take.kind, take.text, take.voice, seconds, judged, faults)


def _spoken(
    chain: Chain, text: str, embed: Float32Array, seed: int
) -> tuple[Float32Array, tuple[str, ...]]:
    """[n] in ±1 at 16 kHz and the faults: as `Chain.speak` says it, without the pauses."""
    pieces = [chain.synthesize(piece.text, embed, seed) for piece in speakable_pieces(text)]
    chunks = [chunk for piece in pieces for chunk in chain.vocode(piece.spec, seed)]
    wav = np.concatenate(chunks).astype(np.float32) / np.float32(32768)
    return wav, tuple(piece.fault for piece in pieces if piece.fault)


def _references(
    judge: Judge, voices: Sequence[Voice], embeds: Mapping[str, Float32Array]
) -> tuple[list[float], list[float]]:
    """Likeness of the two halves of each reference, and of each two of them."""
    halves = [map(judge.embed, np.array_split(voice.reference.wav, 2)) for voice in voices]
    same = [likeness(*pair) for pair in halves]
    others = [likeness(*pair) for pair in combinations(embeds.values(), 2)]
    return _found(same), _found(others)


def _found(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _let_hear(chain: Chain, embeds: Mapping[str, Float32Array], folder: Path, vocoder: str) -> None:
    """One sentence in each voice, as VOICE-VOCODER.mp3."""
    for voice, embed in embeds.items():
        wav, _ = _spoken(chain, LISTENING_TEXT, embed, seed=0)
        _write(folder / f"{voice}-{vocoder}.mp3", wav)


def _writer(folder: Path) -> Callable[[str, str, Float32Array], None]:
    """A writer of copies: the first of each voice by each maker, as copy-VOICE-MAKER.mp3."""
    written = set[Path]()

    def write(voice: str, maker: str, wav: Float32Array) -> None:
        path = folder / f"copy-{voice}-{maker.lower()}.mp3"
        if path not in written:
            written.add(path)
            _write(path, wav)

    return write


def _ignore(voice: str, maker: str, wav: Float32Array) -> None:
    pass


def _write(path: Path, wav: Float32Array) -> None:
    """Up to eight seconds, some 40 kB."""
    short = wav[: round(MAX_LISTENING_SECONDS * SAMPLE_RATE)]
    path.write_bytes(encode_sound(short, SAMPLE_RATE, "mp3"))
