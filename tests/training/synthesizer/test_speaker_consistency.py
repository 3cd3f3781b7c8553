from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from encoder_service.embedding import embed_utterance
from encoder_service.preprocess import normalise_volume
from shared.audio.files import read_sound
from shared.audio.mel import mel_spectrogram
from shared.checkpoints.manifest import CheckpointError
from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY
from tests.support.tiny_training import TACOTRON, tiny_task
from training.data.clips import ClipFolder
from training.data.features import CHECKPOINTS
from training.recipes import Schedule, SynthesizerRecipe
from training.synthesizer.scheduled_sampling import forward, free_running
from training.synthesizer.speaker_consistency import SpeakerConsistency
from training.synthesizer.task import SynthesizerTask

PARTIAL = 25_600  # samples that the encoder hears at once


@pytest.fixture(scope="module")
def loss() -> SpeakerConsistency:
    return SpeakerConsistency(CHECKPOINTS)


def voice(name: str) -> Float32Array:
    """[n] at 16 kHz, from the first second on."""
    return read_sound((REPOSITORY / "samples" / name).read_bytes(), 60).wav[16_000:]


@pytest.mark.parametrize("gain", [0.01, 1])
def test_embedding_is_the_encoder_services(loss: SpeakerConsistency, gain: float) -> None:
    wav = voice("birch.wav")[:PARTIAL] * np.float32(gain)
    expected = embed_utterance(loss.encoder, normalise_volume(wav)).embed
    embed = loss.embed(torch.from_numpy(wav)[None])[0].detach().numpy()
    np.testing.assert_allclose(embed, expected, atol=1e-4)


def test_own_voice_costs_less_than_another(loss: SpeakerConsistency) -> None:
    one, other = voice("birch.wav"), voice("rowan.wav")
    mel = torch.from_numpy(mel_spectrogram(one))[None]
    own, wrong = (
        loss(mel, torch.ones(1, mel.shape[2]), torch.from_numpy(embed)[None])
        for embed in (embed_utterance(loss.encoder, wav).embed for wav in (one, other))
    )
    assert own < 0.2
    assert wrong > own + 0.1


def test_padding_is_not_heard(loss: SpeakerConsistency) -> None:
    mel = torch.from_numpy(mel_spectrogram(voice("birch.wav")[:16_000]))[None]
    embeds = F.normalize(torch.ones(1, 256))
    frames = mel.shape[2]
    alone = loss(mel, torch.ones(1, frames), embeds)
    weight = F.pad(torch.ones(1, frames), (0, 40))
    torch.testing.assert_close(loss(F.pad(mel, (0, 40), value=3), weight, embeds), alone)


def test_free_running_speech_is_that_of_inference(data: ClipFolder) -> None:
    tiny: Any = tiny_task("synthesizer", data, 10)
    model, batch = tiny.model.eval(), tiny.batch(0)
    model.encoder.pre_net.dropout = model.decoder.prenet.dropout = 0
    memory = forward(model, batch, refine=False).memory
    frames = batch.mel.shape[2]
    mel = free_running(model, memory, batch.embeds, frames)
    lengths = (batch.chars != 0).sum(dim=1).tolist()
    for row, length in enumerate(lengths):
        chars, embed = batch.chars[row : row + 1, :length], batch.embeds[row : row + 1]
        own = model.memory(chars, model.encoder(chars), embed)
        expected, _, _ = model.decoder.generate(own, torch.Generator(), frames)
        torch.testing.assert_close(mel[row], model.refine(expected)[0], atol=0.05, rtol=0.05)


def test_loss_trains_the_decoder_and_the_postnet(data: ClipFolder) -> None:
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, min_frames=4, schedule=schedule)
    task = SynthesizerTask(data, TACOTRON, recipe, speaker_checkpoints=CHECKPOINTS)
    losses = task.losses(task.batch(0), 0)[1]
    losses["speaker"].backward()  # type: ignore[no-untyped-call]
    weights = (
        task.model.post_proj.weight,
        task.model.decoder.res_rnn1.weight_ih,
        task.model.decoder.attn_rnn.weight_ih,
    )
    assert all(weight.grad is not None and weight.grad.any() for weight in weights)
    assert 0 < losses["speaker"] < 2


def test_folder_without_a_vocoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="vocos"):
        SpeakerConsistency(tmp_path)
