"""Requests of the synthesizer: texts or symbol ids in, mel spectrograms out."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from shared.audio.mel import MEL_FORMAT
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model
from shared.http.deadlines import check_connected
from shared.http.errors import InvalidRequest, TooLarge, TooSlow
from shared.http.process_memory import return_freed_memory
from shared.http.tensors import Float32Array, Int64Array
from shared.text.scripts import UnreadableScript, hide_unreadable
from shared.voices import example_embed
from synthesizer_service.schemas import CharsRequest, TextRequest, TextsRequest
from synthesizer_service.settings import Settings
from synthesizer_service.tacotron.alignment import audible_spans, divided, word_spans
from synthesizer_service.tacotron.attention_monitor import (
    Fault,
    find_fault,
    severity,
    steps_to_keep,
)
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import Tacotron, trim_silence
from synthesizer_service.tacotron.native_decoder import decoder_for
from synthesizer_service.text import (
    NO_LEXICON,
    PAD_ID,
    Lexicon,
    LexiconError,
    Reading,
    closed,
    ids_of,
    read,
    speakable,
)

FRAMES_A_SECOND = MEL_FORMAT.sample_rate // MEL_FORMAT.hop_length
DECIMALS = 4  # of a time: a frame is 0.0125 s, so no word ends after the sound
_MAX_SECONDS, _MAX_SECONDS_PER_SYMBOL = 1.0, 0.25  # limit of a text's length: a constant and a rate
_TOO_LONG: frozenset[Fault | None] = frozenset({"stalled", "never_stopped"})


def load(settings: Settings) -> Tacotron:
    """Load the network from its checkpoint. Raises CheckpointError, which names file and remedy."""
    return_freed_memory(65_536)
    torch.set_num_threads(settings.torch_threads)
    model = load_model(
        settings.checkpoints_dir / "synthesizer",
        lambda architecture: Tacotron(hparams_from(Hparams, architecture)),
        has_mel_format=True,
    )
    model.register_module("decoder", decoder_for(model.decoder, settings.precision))
    return model


@dataclass(frozen=True)
class Speech:
    """One take of a text."""

    mel: Float32Array  # [80, T]; trailing silence is trimmed once the take is chosen
    attention: Float32Array  # [S, L]
    fault: Fault | None
    retries: int = 0  # attempts after the first one, because of attention faults


def synthesize(
    model: Tacotron, request: TextRequest | CharsRequest, settings: Settings
) -> dict[str, Any]:
    """The response's fields: `spec` for a text, `mel` and `lengths` for a batch.

    `retries` and `fault` are added where a take was repeated. Raises InvalidRequest, TooLarge,
    TooSlow and ClientDisconnected.
    """
    if isinstance(request, TextRequest):
        text = _readable(request.text)
        (reading,) = readings_of([text], request.lexicon, settings, param="text")
        names = [f"text: {request.text[:40]!r}"]
        ids = ids_of(reading.said)
        (speech,) = _speak_all(model, [ids], request.embed[None], request.seed, names, settings)
        answer: dict[str, Any] = {"spec": speech.mel}
        if request.attention:
            answer["attention"] = speech.attention
        if request.timestamps:
            answer["words"] = word_times(request.text, reading, speech, int(model.decoder.r))
        if speech.retries:
            answer |= {"retries": speech.retries, "fault": speech.fault}
        return answer
    chars, embeds = request.chars, request.batched_embeds
    if len(chars) != len(embeds):
        raise InvalidRequest(
            f"batched_embeds has {len(embeds)} entries, chars has {len(chars)}; "
            "give one embedding for each row of chars",
            param="batched_embeds",
        )
    names = [f"chars: row {i}" for i in range(len(chars))]
    for row, name in zip(chars, names, strict=True):
        _require_speakable(row, name, param="chars")
    spoken = _speak_all(model, chars, embeds, request.seed, names, settings)
    mels = [speech.mel for speech in spoken]
    answer = {"mel": _padded(mels), "lengths": [mel.shape[1] for mel in mels]}
    if any(speech.retries for speech in spoken):
        answer["retries"] = [speech.retries for speech in spoken]
        answer["fault"] = [speech.fault for speech in spoken]
    return answer


def chars_of(request: TextsRequest, settings: Settings) -> dict[str, Any]:
    """`chars` [B, L], symbol ids padded with 0, and `spoken`, the texts as they will be spoken.

    Raises InvalidRequest for a text without a letter or digit, TooLarge for one that is too long.
    """
    readings = readings_of(request.texts, request.lexicon, settings, param="texts")
    said = [reading.said for reading in readings]
    rows = [ids_of(text) for text in said]
    chars = np.full((len(rows), max(map(len, rows))), PAD_ID)
    for line, row in zip(chars, rows, strict=True):
        line[: len(row)] = row
    return {"chars": chars, "spoken": said}


def readings_of(
    texts: Sequence[str], entries: Any, settings: Settings, param: str
) -> list[Reading]:
    """Read texts: the words that will be spoken, each with its place in the source.

    entries: the request's lexicon, which takes precedence over the deployment's. param: the field
    that errors name. Raises InvalidRequest, TooLarge.
    """
    try:
        lexicon = settings.lexicon | (NO_LEXICON if entries is None else Lexicon(entries))
    except LexiconError as error:
        raise InvalidRequest(f"lexicon: {error}", param="lexicon", code="invalid_lexicon") from None
    readings = [read(text, lexicon) for text in texts]
    for text, reading in zip(texts, readings, strict=True):
        ids = ids_of(reading.said)
        _require_speakable(ids, f"{param}: {text[:40]!r}", param)
        if len(ids) > settings.max_ids:
            raise TooLarge(
                f"{param}: {text[:40]!r} has {len(ids)} symbols with its numbers in words, the "
                f"limit is {settings.max_ids}; split it into sentences",
                param=param,
                code="text_too_long",
            )
    return readings


def word_times(text: str, reading: Reading, speech: Speech, r: int) -> list[dict[str, Any]]:
    """The words of `text` with the seconds in which `speech` says them. r: frames a step."""
    words = reading.words
    spans = word_spans(
        speech.attention,
        [(word.first_symbol, word.last_symbol) for word in words],
        _seconds_per_step(r),
        audible_spans(speech.mel),
    )
    return [
        {"word": part, "start": round(start, DECIMALS), "end": round(end, DECIMALS)}
        for word, span in zip(words, spans, strict=True)
        for part, (start, end) in divided(text[word.start : word.end].split(), span)
    ]


def example() -> dict[str, Any]:
    """A body for POST /inference/."""
    return {"text": "Hello, this is my voice.", "embed": example_embed()}


def _readable(text: str) -> str:
    """The text with spaces for words in other scripts. Raises InvalidRequest if most are."""
    try:
        return hide_unreadable(text)
    except UnreadableScript as error:
        raise InvalidRequest(f"text: {error}", param="text", code="unreadable_script") from None


def _require_speakable(ids: Sequence[int] | Int64Array, name: str, param: str) -> None:
    if not speakable(ids):
        raise InvalidRequest(
            f"{name} has nothing that can be spoken; write it in Latin letters or digits",
            param=param,
            code="nothing_to_speak",
        )


def _speak_all(
    model: Tacotron,
    chars: Sequence[Sequence[int]] | Int64Array,
    embeds: Float32Array,
    seed: int | None,
    names: Sequence[str],
    settings: Settings,
) -> list[Speech]:
    """Synthesize each row on its own, so that its mel does not depend on the rest of the batch.

    seed: random for each row if None. names: of the rows, for errors.
    """
    ends = time.monotonic() + settings.compute_seconds
    spoken: list[Speech] = []
    for row, embed, name in zip(chars, embeds, names, strict=True):
        if time.monotonic() > ends:
            raise TooSlow(
                f"{len(spoken)} of {len(chars)} texts took {settings.compute_seconds:g} s; send "
                "fewer texts per request"
            )
        seed_of_row = secrets.randbits(63) if seed is None else seed
        speech = _speak(model, np.array(closed(row)), embed, seed_of_row, ends, settings)
        if speech is None:
            raise InvalidRequest(
                f"{name} could not be spoken: the attention failed in all {settings.max_attempts} "
                "attempts; rephrase the text or send another seed",
                param=name.partition(":")[0],
                code="speech_failed",
            )
        spoken.append(speech)
    return spoken


def _speak(
    model: Tacotron,
    chars: Int64Array,
    embed: Float32Array,
    seed: int,
    ends: float,
    settings: Settings,
) -> Speech | None:
    """The first take without a fault, or else the one with the least severe fault.

    Overlong takes are cut. Returns None if no attempt gave a usable take. No attempt except the
    first starts after `ends`, in time.monotonic(). Raises ClientDisconnected.
    """
    attempts: list[Speech] = []
    for attempt in range(settings.max_attempts):
        check_connected()
        attempts.append(_attempt(model, chars, embed, (seed + attempt) % 2**63, settings))
        if attempts[-1].fault is None or time.monotonic() > ends:
            break
    threshold = float(model.stop_threshold)
    for speech in sorted(attempts, key=lambda speech: severity(speech.fault)):
        whole = _cut(speech, int(model.decoder.r)) if speech.fault in _TOO_LONG else speech
        if whole is not None:
            mel = trim_silence(torch.from_numpy(whole.mel), threshold).numpy()
            return replace(whole, mel=np.ascontiguousarray(mel), retries=len(attempts) - 1)
    return None


def _attempt(
    model: Tacotron, chars: Int64Array, embed: Float32Array, seed: int, settings: Settings
) -> Speech:
    generated = model.generate(
        torch.from_numpy(chars[None]),
        torch.from_numpy(embed[None]),
        [torch.Generator().manual_seed(seed)],
        max_frames=_frames_at_most(len(chars), settings.max_frames),
    )
    attention = generated.attention[0]
    fault = find_fault(attention, generated.stopped[0], _seconds_per_step(int(model.decoder.r)))
    return Speech(generated.mels[0].numpy(), attention.numpy(), fault)


def _frames_at_most(symbols: int, limit: int) -> int:
    """Frame limit for a text. Slow speech takes 0.15 s per symbol; beyond 0.25 s it has failed."""
    seconds = _MAX_SECONDS + _MAX_SECONDS_PER_SYMBOL * symbols
    return min(limit, round(seconds * FRAMES_A_SECOND))


def _cut(speech: Speech, r: int) -> Speech | None:
    """`speech` without long dwells and without the steps after the end of the text.

    Returns None if the attention never reached the end. r: frames per step.
    """
    keep = steps_to_keep(torch.from_numpy(speech.attention), _seconds_per_step(r))
    if keep is None:
        return None
    frames = keep.repeat_interleave(r).numpy()[: speech.mel.shape[1]]
    return replace(speech, mel=speech.mel[:, frames], attention=speech.attention[keep.numpy()])


def _seconds_per_step(r: int) -> float:
    return r / FRAMES_A_SECOND


def _padded(mels: Sequence[Float32Array]) -> Float32Array:
    """[B, 80, T]: shorter mels are padded with silence."""
    longest = max(mel.shape[1] for mel in mels)
    padded = np.full((len(mels), MEL_FORMAT.n_mels, longest), -MEL_FORMAT.max_abs, np.float32)
    for row, mel in zip(padded, mels, strict=True):
        row[:, : mel.shape[1]] = mel
    return padded
