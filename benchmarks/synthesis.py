"""The synthesizer without HTTP: its decoder loops, and the layers around them."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Generator, Tensor, nn

from benchmarks.machine import torch_threads
from benchmarks.results import Row, Table, ratios, seconds_side_by_side
from benchmarks.stages import SENTENCE
from shared.audio.mel import MEL_FORMAT
from shared.native import modules as native_modules
from shared.voices import DEFAULT_VOICE, sample_embeds
from synthesizer_service.tacotron.attention import Memory
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import Decoder, Tacotron
from synthesizer_service.tacotron.native_decoder import LOOP, NativeDecoder
from synthesizer_service.text import text_to_ids

SIZES = {
    "bundled size": (Hparams(embed_dims=256, encoder_dims=128, postnet_dims=128, lstm_dims=384), 1),
    "full size": (Hparams(), 2),
}
"""Hyperparameters, and frames per decoder step."""
SECONDS, QUICK_SECONDS = 3, 1
LIMITS = {"bundled size": 0.04, "full size": 0.15}


def measure(runs: int, quick: bool) -> Table:
    speech = QUICK_SECONDS if quick else SECONDS
    with torch_threads(1):
        rows = [row for size in SIZES for row in _rows(size, speech, runs)]
    note = (
        f"{len(SENTENCE.split())} words in {speech} s of speech, one thread, random weights; "
        "seconds per second of speech; the limit is for two idle cores"
    )
    skipped = [] if native_modules.built(LOOP) else ["the native decoder, which was not built here"]
    return Table("Synthesizer", note, rows, skipped)


def speaks_to_the_end(size: str) -> Tacotron:
    """A network with random weights that never stops."""
    hparams, r = SIZES[size]
    torch.manual_seed(0)
    model = Tacotron(hparams).eval().requires_grad_(False)
    model.decoder.r.fill_(r)
    nn.init.constant_(model.decoder.stop_proj.bias, -1e3)
    return model


def _rows(size: str, speech: int, runs: int) -> Iterator[Row]:
    """speech: seconds."""
    model = speaks_to_the_end(size)
    frames = speech * MEL_FORMAT.sample_rate // MEL_FORMAT.hop_length
    loops = _loops(model.decoder)
    memory, mel = _memory(model), torch.zeros(1, MEL_FORMAT.n_mels, frames)
    works = [partial(_decode, loop, memory, frames) for loop in loops.values()]
    rest, *seconds = seconds_side_by_side([partial(_rest, model, mel), *works], runs)
    plain = seconds[0]
    yield Row(f"{size}: encoder and postnet", "s/s", [run / speech for run in rest])
    for name, own in zip(loops, seconds, strict=True):
        yield Row(f"{size}: decoder, {name}", "s/s", [run / speech for run in own])
        if name != "torch":
            yield Row(f"{size}: decoder, torch / {name}", "×", ratios(plain, own))
        whole = [(a + b) / speech for a, b in zip(rest, own, strict=True)]
        limit = LIMITS[size] if name == [*loops][-1] else None
        yield Row(f"{size}: all of it, {name}", "s/s", whole, limit)


def _loops(decoder: Decoder) -> dict[str, Decoder | NativeDecoder]:
    """The decoder loops that this machine can run."""
    loops: dict[str, Decoder | NativeDecoder] = {"torch": decoder}
    if native_modules.built(LOOP):
        loops["native float32"] = NativeDecoder(decoder, "float32")
        if "bfloat16" in native_modules.supported(LOOP):
            loops["native bfloat16"] = NativeDecoder(decoder, "bfloat16")
    return loops


def _memory(model: Tacotron) -> Memory:
    chars = torch.tensor([text_to_ids(SENTENCE)])
    embed = torch.from_numpy(sample_embeds()[DEFAULT_VOICE]).unsqueeze(0)
    return model.memory(chars, model.encoder(chars), embed)


@torch.inference_mode()
def _decode(loop: Decoder | NativeDecoder, memory: Memory, frames: int) -> None:
    mel, _, _ = loop.generate(memory, Generator().manual_seed(1), frames)
    if mel.shape[2] != frames:
        raise RuntimeError(f"{mel.shape[2]} frames were made instead of {frames}")


@torch.inference_mode()
def _rest(model: Tacotron, mel: Tensor) -> None:
    _memory(model)
    model.refine(mel)
