"""Request-sized work of the synthesizer: texts or symbol ids in, mel spectrograms out."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

import numpy as np
import torch

from shared.errors import InvalidRequest, TooLarge, TooSlow
from shared.hparams import hparams_from
from shared.loading import load_model
from shared.mel import MEL_FORMAT
from shared.memory import return_freed_memory
from shared.patience import check_caller
from shared.samples import DEFAULT_VOICE, sample_embeds
from shared.tensors import Float32Array, Int64Array
from synthesizer_service import number_words
from synthesizer_service.attention_monitor import Fault, badness, find_fault
from synthesizer_service.hparams import Hparams
from synthesizer_service.model import Tacotron, trim_silence
from synthesizer_service.native_decoder import decoder_for
from synthesizer_service.schemas import CharsRequest, TextRequest
from synthesizer_service.settings import Settings, settings
from synthesizer_service.text import PAD_ID, speakable, text_to_ids


def load(settings: Settings) -> Tacotron:
    """Raises CheckpointError, which names the file and the remedy."""
    return_freed_memory(65_536)
    torch.set_num_threads(settings.torch_threads)
    # The library that spells numbers takes two seconds to import: not at the first text's expense.
    Thread(target=number_words.preload, daemon=True).start()
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

    mel: Float32Array  # [80, T]
    attention: Float32Array  # [S, L]
    fault: Fault | None  # that this one still has
    retries: int = 0


def synthesize(model: Tacotron, request: TextRequest | CharsRequest) -> dict[str, Any]:
    """`spec` for a text, `mel` and `lengths` for a batch. Raises InvalidRequest or TooLarge.

    `retries` and `fault` stand beside them where speech was made anew.
    """
    if isinstance(request, TextRequest):
        chars = chars_of([request.text], param="text")
        (speech,) = _speak_all(model, chars, request.embed[None], request.seed)
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
    for i, row in enumerate(chars):
        _require_speakable(row, f"chars: row {i}", param="chars")
    spoken = _speak_all(model, chars, embeds, request.seed)
    mels = [speech.mel for speech in spoken]
    answer = {"mel": _padded(mels), "lengths": [mel.shape[1] for mel in mels]}
    if any(speech.retries for speech in spoken):
        answer["retries"] = [speech.retries for speech in spoken]
        answer["fault"] = [speech.fault for speech in spoken]
    return answer


def chars_of(texts: Sequence[str], param: str) -> Int64Array:
    """[B, L] symbol ids, padded with 0. Raises InvalidRequest for a text that leaves no symbol."""
    rows = [text_to_ids(text) for text in texts]
    for text, row in zip(texts, rows, strict=True):
        _require_speakable(row, f"{param}: {text[:40]!r}", param)
        if len(row) > settings.max_ids:
            raise TooLarge(
                f"{param}: {text[:40]!r} is {len(row)} symbols long once its numbers are written "
                f"out, at most {settings.max_ids} are read; split it at its sentences",
                param=param,
                code="text_too_long",
            )
    chars = np.full((len(rows), max(map(len, rows))), PAD_ID)
    for line, row in zip(chars, rows, strict=True):
        line[: len(row)] = row
    return chars


def example() -> dict[str, Any]:
    return {"text": "Hello, this is my voice.", "embed": sample_embeds()[DEFAULT_VOICE]}


def _require_speakable(ids: Sequence[int] | Int64Array, name: str, param: str) -> None:
    if not speakable(ids):
        raise InvalidRequest(
            f"{name} leaves no symbol that can be spoken; write it in Latin letters or digits",
            param=param,
            code="nothing_to_speak",
        )


def _speak_all(
    model: Tacotron, chars: Int64Array, embeds: Float32Array, seed: int | None
) -> list[Speech]:
    """Every item draws from generators of its own, so that the same text and seed give the same
    mel whatever else is in the batch."""
    ends = time.monotonic() + settings.compute_seconds
    spoken: list[Speech] = []
    for row, embed in zip(chars, embeds, strict=True):
        if time.monotonic() > ends:
            raise TooSlow(
                f"{len(spoken)} of {len(chars)} texts took {settings.compute_seconds:g} s; send "
                "fewer in one request"
            )
        seed_of_row = secrets.randbits(63) if seed is None else seed
        spoken.append(_speak(model, row, embed, seed_of_row, ends))
    return spoken


def _speak(
    model: Tacotron, chars: Int64Array, embed: Float32Array, seed: int, ends: float
) -> Speech:
    """The first attempt without a fault, else the one with the least; none is begun after `ends`,
    of time.monotonic(), but the first. Raises CallerLeft."""
    attempts: list[Speech] = []
    for attempt in range(settings.max_attempts):
        check_caller()
        attempts.append(_attempt(model, chars, embed, (seed + attempt) % 2**63))
        if attempts[-1].fault is None or time.monotonic() > ends:
            break
    best = min(attempts, key=lambda speech: badness(speech.fault))
    return replace(best, retries=len(attempts) - 1)


def _attempt(model: Tacotron, chars: Int64Array, embed: Float32Array, seed: int) -> Speech:
    generated = model.generate(
        torch.from_numpy(chars[None]),
        torch.from_numpy(embed[None]),
        [torch.Generator().manual_seed(seed)],
        max_frames=settings.max_frames,
    )
    attention = generated.attention[0]
    seconds_per_step = int(model.decoder.r) * MEL_FORMAT.hop_length / MEL_FORMAT.sample_rate
    mel = trim_silence(generated.mels[0], float(model.stop_threshold))
    return Speech(
        np.ascontiguousarray(mel.numpy()),
        attention.numpy(),
        find_fault(attention, generated.stopped[0], seconds_per_step),
    )


def _padded(mels: Sequence[Float32Array]) -> Float32Array:
    """[B, 80, T], the shorter ones filled up with silence."""
    longest = max(mel.shape[1] for mel in mels)
    padded = np.full((len(mels), MEL_FORMAT.n_mels, longest), -MEL_FORMAT.max_abs, np.float32)
    for row, mel in zip(padded, mels, strict=True):
        row[:, : mel.shape[1]] = mel
    return padded
