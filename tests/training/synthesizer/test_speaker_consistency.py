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
from shared.checkpoints.reading import load
from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY
from tests.support.tiny_training import TACOTRON, recogniser_recipe, tiny_task
from training import TrainingError
from training.data.clips import ClipFolder
from training.data.features import CHECKPOINTS
from training.recipes import Schedule, SynthesizerRecipe
from training.run_folder import RunFolder
from training.synthesizer.recogniser_task import RecogniserTask
from training.synthesizer.scheduled_sampling import forward, free_running
from training.synthesizer.speaker_consistency import SpeakerConsistency
from training.synthesizer.task import SynthesizerTask
from training.trainer import Trainer
from training.weights import read_weights, require_finite

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


def task_with_losses(data: ClipFolder, recogniser: Path | None = None) -> SynthesizerTask:
    schedule = Schedule(steps=10, rate=1e-3, last_rate=1e-4, warmup=1)
    recipe = SynthesizerRecipe(batch=2, min_frames=4, schedule=schedule)
    return SynthesizerTask(
        data, TACOTRON, recipe, recogniser=recogniser, speaker_checkpoints=CHECKPOINTS
    )


def trained_parts(task: SynthesizerTask, loss: torch.Tensor) -> list[bool]:
    """Whether the loss has a gradient in the postnet, the LSTMs and the attention."""
    loss.backward()  # type: ignore[no-untyped-call]
    decoder = task.model.decoder
    modules = (task.model.post_proj, decoder.res_rnn1, decoder.attn_rnn)
    gradients = [next(module.parameters()).grad for module in modules]
    return [gradient is not None and bool(gradient.any()) for gradient in gradients]


def test_loss_trains_the_decoder_and_the_postnet(data: ClipFolder) -> None:
    task = task_with_losses(data)
    loss = task.losses(task.batch(0), 0)[1]["speaker"]
    assert 0 < loss < 2
    assert all(trained_parts(task, loss))


@pytest.mark.usefixtures("speller")
def test_recogniser_hears_free_running_speech(long_clips: ClipFolder, tmp_path: Path) -> None:
    recogniser = RecogniserTask(long_clips, recogniser_recipe(steps=1))
    Trainer(recogniser, RunFolder(tmp_path)).run()
    task = task_with_losses(long_clips, recogniser=tmp_path)
    losses = task.losses(task.batch(0), 0)[1]
    assert {"speaker", "phonemes", "own_phonemes"} <= losses.keys()
    assert all(trained_parts(task, losses["own_phonemes"]))


def test_networks_that_hear_are_frozen(loss: SpeakerConsistency) -> None:
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_weights_that_are_not_finite_are_named(tmp_path: Path) -> None:
    weights = load(CHECKPOINTS / "vocos").state_dict
    weights["out.bias"][0] = torch.nan
    torch.save(weights, tmp_path / "vocos.pt")
    with pytest.raises(TrainingError, match=r"vocos.pt: out.bias holds NaN"):
        require_finite(read_weights(tmp_path / "vocos.pt"), tmp_path / "vocos.pt")


def test_folder_without_a_vocoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="vocos"):
        SpeakerConsistency(tmp_path)
