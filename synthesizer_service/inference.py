"""Request-sized work of the synthesizer: texts or symbol ids in, mel spectrograms out."""

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
from shared.voices import example_embed
from synthesizer_service.schemas import CharsRequest, TextRequest, TextsRequest
from synthesizer_service.settings import Settings
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
    closed,
    ids_of,
    normalize,
    speakable,
)

FRAMES_A_SECOND = MEL_FORMAT.sample_rate // MEL_FORMAT.hop_length
_MAX_SECONDS, _MAX_SECONDS_A_SYMBOL = 1.0, 0.25  # of a text, and for each of its symbols
_TOO_LONG: frozenset[Fault | None] = frozenset({"stalled", "never_stopped"})


def load(settings: Settings) -> Tacotron:
    """Raises CheckpointError, which names the file and the remedy."""
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
    """One text spoken. retries: attempts that an attention gone astray brought after the first."""

    mel: Float32Array  # [80, T], with the silence at its end until it is chosen
    attention: Float32Array  # [S, L]
    fault: Fault | None  # that this one still has
    retries: int = 0


def synthesize(
    model: Tacotron, request: TextRequest | CharsRequest, settings: Settings
) -> dict[str, Any]:
    """`spec` for a text, `mel` and `lengths` for a batch. Raises InvalidRequest or TooLarge.

    `retries` and `fault` stand beside them where speech was made anew.
    """
    if isinstance(request, TextRequest):
        said = said_of([request.text], request.lexicon, settings, param="text")
        names = [f"text: {request.text[:40]!r}"]
        ids = [ids_of(said[0])]
        (speech,) = _speak_all(model, ids, request.embed[None], request.seed, names, settings)
        answer: dict[str, Any] = {"spec": speech.mel}
        if request.attention:
            answer["attention"] = speech.attention
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
    """`chars` [B, L], symbol ids padded with 0, and `spoken`, the texts as they will be said.

    Raises InvalidRequest for a text that leaves no symbol.
    """
    said = said_of(request.texts, request.lexicon, settings, param="texts")
    rows = [ids_of(text) for text in said]
    chars = np.full((len(rows), max(map(len, rows))), PAD_ID)
    for line, row in zip(chars, rows, strict=True):
        line[: len(row)] = row
    return {"chars": chars, "spoken": said}


def said_of(texts: Sequence[str], entries: Any, settings: Settings, param: str) -> list[str]:
    """Each text as it will be said. entries: of the request's lexicon, which goes before the
    deployment's. Raises InvalidRequest, TooLarge."""
    try:
        lexicon = settings.lexicon | (NO_LEXICON if entries is None else Lexicon(entries))
    except LexiconError as error:
        raise InvalidRequest(f"lexicon: {error}", param="lexicon", code="invalid_lexicon") from None
    said = [normalize(text, lexicon) for text in texts]
    for text, its in zip(texts, said, strict=True):
        ids = ids_of(its)
        _require_speakable(ids, f"{param}: {text[:40]!r}", param)
        if len(ids) > settings.max_ids:
            raise TooLarge(
                f"{param}: {text[:40]!r} is {len(ids)} symbols long once its numbers are written "
                f"out, at most {settings.max_ids} are read; split it at its sentences",
                param=param,
                code="text_too_long",
            )
    return said


def example() -> dict[str, Any]:
    """A body for POST /inference/."""
    return {"text": "Hello, this is my voice.", "embed": example_embed()}


def _require_speakable(ids: Sequence[int] | Int64Array, name: str, param: str) -> None:
    if not speakable(ids):
        raise InvalidRequest(
            f"{name} leaves no symbol that can be spoken; write it in Latin letters or digits",
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
    """Every item draws from generators of its own, so that the same text and seed give the same
    mel whatever else is in the batch. names: of the items, for errors."""
    ends = time.monotonic() + settings.compute_seconds
    spoken: list[Speech] = []
    for row, embed, name in zip(chars, embeds, names, strict=True):
        if time.monotonic() > ends:
            raise TooSlow(
                f"{len(spoken)} of {len(chars)} texts took {settings.compute_seconds:g} s; send "
                "fewer in one request"
            )
        seed_of_row = secrets.randbits(63) if seed is None else seed
        speech = _speak(model, np.array(closed(row)), embed, seed_of_row, ends, settings)
        if speech is None:
            raise InvalidRequest(
                f"{name} could not be spoken: the attention lost its way in each of "
                f"{settings.max_attempts} attempts; word it differently, or send another seed",
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
    """The first attempt without a fault, else the one with the least; none is begun after `ends`,
    of time.monotonic(), but the first. One that is far too long is cut; None where nothing of any
    attempt is of use. Raises ClientDisconnected."""
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
    """The limit for a text. Slow speech takes 0.15 s a symbol; longer speech has lost its way."""
    seconds = _MAX_SECONDS + _MAX_SECONDS_A_SYMBOL * symbols
    return min(limit, round(seconds * FRAMES_A_SECOND))


def _cut(speech: Speech, r: int) -> Speech | None:
    """`speech` without the steps in which its attention stood still, or had come to the end.

    None where it never came to the end. r: frames a step.
    """
    keep = steps_to_keep(torch.from_numpy(speech.attention), _seconds_per_step(r))
    if keep is None:
        return None
    frames = keep.repeat_interleave(r).numpy()[: speech.mel.shape[1]]
    return replace(speech, mel=speech.mel[:, frames], attention=speech.attention[keep.numpy()])


def _seconds_per_step(r: int) -> float:
    return r / FRAMES_A_SECOND


def _padded(mels: Sequence[Float32Array]) -> Float32Array:
    """[B, 80, T], the shorter ones filled up with silence."""
    longest = max(mel.shape[1] for mel in mels)
    padded = np.full((len(mels), MEL_FORMAT.n_mels, longest), -MEL_FORMAT.max_abs, np.float32)
    for row, mel in zip(padded, mels, strict=True):
        row[:, : mel.shape[1]] = mel
    return padded
