from dataclasses import replace
from typing import Any

import numpy as np
import torch

from shared.audio.mel import mel_spectrogram
from tests.support.tiny_training import WAVERNN, tiny_task
from training.data.clips import ClipFolder
from training.data.waveforms import pre_emphasised
from training.vocoder.wavernn import WaveRNNTask, degraded
from vocoder_service.wavernn.mu_law import mu_law_labels


def task(data: ClipFolder) -> Any:
    return tiny_task("vocoder", data, 10)


def test_batch_depends_on_its_step_alone(data: ClipFolder) -> None:
    tiny = task(data)
    one, other, again = tiny.batch(1), tiny.batch(2), tiny.batch(1)
    assert torch.equal(one.mel, again.mel)
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.labels, other.labels)


def test_labels_belong_to_the_middle_frames_of_the_mel(data: ClipFolder) -> None:
    tiny = task(data)
    batch = tiny.batch(0)
    assert batch.mel.shape == (2, 80, 1 + 2 * WAVERNN.pad)
    assert batch.labels.shape == (2, 200 + 1)
    wavs = [data.wav(clip) for clip in data.clips()]
    for mel, labels in zip(batch.mel.numpy(), batch.labels.numpy(), strict=True):
        assert any(self_consistent(wav, mel, labels) for wav in wavs)


def self_consistent(wav: Any, mel: Any, labels: Any) -> bool:
    """True if mel and labels belong to the same frames of this clip."""
    whole = mel_spectrogram(wav) / 4
    all_labels = mu_law_labels(pre_emphasised(wav), WAVERNN.bits)
    width = mel.shape[1]
    for at in range(whole.shape[1] - width):
        middle = (at + WAVERNN.pad) * 200
        found = all_labels[middle : middle + 201]
        if np.allclose(whole[:, at : at + width], mel, atol=1e-3) and np.array_equal(found, labels):
            return True
    return False


def test_share_of_the_mels_is_degraded_and_no_label(data: ClipFolder) -> None:
    plain = task(data)
    recipe = replace(plain.recipe, batch=40, degraded_share=0.5)
    batch = WaveRNNTask(data, WAVERNN, recipe).batch(0)
    wavs = [data.wav(clip) for clip in data.clips()]
    windows = zip(batch.mel.numpy(), batch.labels.numpy(), strict=True)
    untouched = sum(any(self_consistent(wav, *window) for wav in wavs) for window in windows)
    assert 8 < untouched < 32
    every_label = [mu_law_labels(pre_emphasised(wav), WAVERNN.bits) for wav in wavs]
    for labels in batch.labels.numpy():
        assert any(labels.tobytes() in whole.astype(np.int64).tobytes() for whole in every_label)


def test_degraded_mel_is_blurred_within_its_range() -> None:
    rng = np.random.default_rng(0)
    harmonics = np.where(np.arange(80)[:, np.newaxis] % 4 < 2, -1, 1) * np.ones((80, 20))
    rough = [degraded(harmonics.astype(np.float32), rng) for _ in range(20)]
    assert all(mel.dtype == np.float32 and np.abs(mel).max() <= 1 for mel in rough)
    contrast = [np.abs(np.diff(mel, axis=0)).mean() for mel in rough]
    assert np.mean(contrast) < 0.9 * np.abs(np.diff(harmonics, axis=0)).mean()


def test_batch_norms_keep_their_statistics_after_the_first_steps(data: ClipFolder) -> None:
    tiny = task(data)
    norms = [value for name, value in tiny.model.named_buffers() if "running" in name]
    tiny.model.step.data.fill_(tiny.recipe.norm_steps - 1)
    before = [norm.clone() for norm in norms]
    tiny.losses(tiny.batch(0), 0)
    moved = [norm.clone() for norm in norms]
    assert not any(map(torch.equal, before, moved))
    tiny.model.step.data += 1
    tiny.model.train()  # as the training loop does
    tiny.losses(tiny.batch(1), 1)
    assert all(map(torch.equal, norms, moved))


def test_upsampling_filters_are_not_trained(data: ClipFolder) -> None:
    tiny = task(data)
    loss, _ = tiny.losses(tiny.batch(0), 0)
    loss.backward()
    assert all(parameter.grad is None for parameter in tiny.model.upsample.up_layers.parameters())
    assert tiny.model.rnn1.weight_hh_l0.grad is not None


def test_parameters_keep_rtvcs_names(data: ClipFolder) -> None:
    from vocoder_service.wavernn.model import WaveRNN

    assert task(data).model.state_dict().keys() == WaveRNN(WAVERNN).state_dict().keys()
