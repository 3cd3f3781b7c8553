"""Evaluation of a set of checkpoints: held-out texts in held-out voices through the real chain.

The three services start on free ports with the checkpoints, and the voices take turns at the texts.
Recognisers, the encoder and DNSMOS judge the speech, and copies of recordings by each vocoder.
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
from training import TrainingError
from training.data.features import load_encoder
from training.evaluation.copies import Copy, copy_all, networks_in, vocoders_in
from training.evaluation.judging import Dnsmos, Judge, Judgement, likeness
from training.evaluation.recognition import RECOGNISERS, Recogniser
from training.evaluation.texts import SENTENCES, TEXTS
from training.evaluation.voices import Voice

Report = Callable[[str], None]
StartChain = Callable[[Path, str], AbstractContextManager[Chain]]
R = TypeVar("R", "Utterance", Copy)

# Usual duration of speech, and the ratios to it that count as failures.
BASE_SECONDS, CHARACTERS_PER_SECOND = 0.35, 15
MIN_LENGTH_RATIO, MAX_LENGTH_RATIO = 0.5, 2.0

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
    """Attention faults that remain after the synthesizer's last attempt, as named in
    synthesizer_service/tacotron/attention_monitor.py."""

    @property
    def failure(self) -> str | None:
        """The first attention fault, or "too short" or "too long"."""
        ratio = self.seconds / (BASE_SECONDS + len(self.text) / CHARACTERS_PER_SECOND)
        if self.faults:
            return self.faults[0]
        if ratio < MIN_LENGTH_RATIO:
            return "too short"
        return "too long" if ratio > MAX_LENGTH_RATIO else None


@dataclass(frozen=True)
class Evaluation:
    utterances: list[Utterance]
    copies: list[Copy]
    two_halves: list[float]
    """Likeness of each reference's two halves, an upper bound: same speaker, session and
    microphone."""
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
    report: Report = lambda line: None,
) -> Evaluation:
    """Speak all texts, copy recordings, and judge both.

    checkpoints: folder of all three models. start_chain: starts the services with those weights and
    a vocoder network. vocoder: that network, by default the first with weights. limit: texts of
    each kind, and copied clips. details: file for a JSON line per utterance and copy. listen:
    folder for sound files.

    Raises TrainingError for a clip without a voice; CheckpointError; ProcessError; ChainError;
    OSError.
    """
    if details:
        details.write_text("")  # fail before the work if it cannot be written
    if listen:
        listen.mkdir(parents=True, exist_ok=True)
    vocoder = vocoder or next(iter(networks_in(checkpoints)), "vocos")
    recognisers = {name: Recogniser(name) for name in RECOGNISERS}
    judge = Judge(load_encoder(checkpoints), recognisers, Dnsmos())
    embeds, vocoders = _embeds(judge, voices), vocoders_in(checkpoints)
    with start_chain(checkpoints, vocoder) as chain:
        if listen:
            _write_voices(chain, embeds, listen, vocoder)
        spoken = speak_all(chain, judge, embeds, rounds, limit)
        utterances = list(_reported(spoken, details, report))
    on_sound = _copy_writer(listen) if listen else _ignore
    copies = copy_all(voices, vocoders, judge, limit, on_sound)
    return Evaluation(
        utterances, list(_reported(copies, details, report)), *_references(judge, voices, embeds)
    )


def _reported(results: Iterator[R], details: Path | None, report: Report) -> Iterator[R]:
    for number, result in enumerate(results, start=1):
        if details:
            with details.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        what = result.text if isinstance(result, Utterance) else f"copy by {result.maker}"
        heard = " | ".join(result.judged.heard.values())
        report(f"{number}: {result.voice}: {what!r} -> {heard!r}, {result.judged.quality.ovrl:.2f}")
        yield result


def _embeds(judge: Judge, voices: Sequence[Voice]) -> dict[str, Float32Array]:
    """Embeddings by name. Raises TrainingError for no voices, and for a clip without a voice."""
    if not voices:
        raise TrainingError("no voices to speak in; give clips with --voice")
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
    """Speak each text once per round, the voices taking turns. Raises ChainError.

    The next text is spoken while the last one is judged.
    """
    texts = [(kind, text) for kind, texts in TEXTS.items() for text in texts[:limit]]
    names = sorted(embeds)
    takes = [
        _Take(kind, text, names[(number + turn) % len(names)], seed=turn)
        for turn in range(rounds)
        for number, (kind, text) in enumerate(texts)
    ]

    def speak(take: _Take) -> tuple[Float32Array, tuple[str, ...]]:
        return _speak(chain, take.text, embeds[take.voice], take.seed)

    with ThreadPoolExecutor(1) as executor:
        for take, (wav, faults) in zip(takes, executor.map(speak, takes), strict=True):
            judged = judge.judge(wav, take.text, embeds[take.voice])
            seconds = len(wav) / SAMPLE_RATE
            yield Utterance(take.kind, take.text, take.voice, seconds, judged, faults)


def _speak(
    chain: Chain, text: str, embed: Float32Array, seed: int
) -> tuple[Float32Array, tuple[str, ...]]:
    """Sound [n] in ±1 at 16 kHz, as `Chain.speak` makes it but without pauses, and the faults."""
    pieces = [chain.synthesize(piece.text, embed, seed) for piece in speakable_pieces(text)]
    chunks = [chunk for piece in pieces for chunk in chain.vocode(piece.spec, seed)]
    wav = np.concatenate(chunks).astype(np.float32) / np.float32(32768)
    return wav, tuple(piece.fault for piece in pieces if piece.fault)


def _references(
    judge: Judge, voices: Sequence[Voice], embeds: Mapping[str, Float32Array]
) -> tuple[list[float], list[float]]:
    """Likeness of each reference's two halves, and of each pair of voices."""
    halves = [map(judge.embed, np.array_split(voice.reference.wav, 2)) for voice in voices]
    same = [likeness(*pair) for pair in halves]
    others = [likeness(*pair) for pair in combinations(embeds.values(), 2)]
    return _known(same), _known(others)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _write_voices(
    chain: Chain, embeds: Mapping[str, Float32Array], folder: Path, vocoder: str
) -> None:
    """Write one sentence in each voice, as VOICE-VOCODER.mp3."""
    for voice, embed in embeds.items():
        wav, _ = _speak(chain, LISTENING_TEXT, embed, seed=0)
        _write(folder / f"{voice}-{vocoder}.mp3", wav)


def _copy_writer(folder: Path) -> Callable[[str, str, Float32Array], None]:
    """A writer of each voice's first recording and its copies, as copy-VOICE-MAKER.mp3."""
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
    """Write up to eight seconds, about 40 kB."""
    excerpt = wav[: round(MAX_LISTENING_SECONDS * SAMPLE_RATE)]
    path.write_bytes(encode_sound(excerpt, SAMPLE_RATE, "mp3"))
