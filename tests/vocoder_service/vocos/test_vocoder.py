"""Vocos' sound, whole and streamed, alone and among others."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch

from shared.audio.mel import mel_spectrogram
from shared.checkpoints.manifest import CheckpointError
from shared.checkpoints.writing import write
from shared.http.deadlines import CallerState, ClientDisconnected, caller_state
from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY
from shared.voices import sample_clip
from vocoder_service.vocos import vocoder as vocos
from vocoder_service.vocos.hparams import Hparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.vocos.vocoder import BLOCK, VocosVocoder
from vocoder_service.waveform import END_FADE, Wave, de_emphasis

HOP = 200


@pytest.fixture(scope="session")
def vocoder(model: Vocos) -> VocosVocoder:
    return VocosVocoder(model)


def random_mel(frames: int, seed: int = 0) -> Float32Array:
    rng = np.random.default_rng(seed)
    return rng.uniform(-4, 4, (80, frames)).astype(np.float32)


def whole(chunks: Iterator[Wave]) -> Wave:
    return np.concatenate([*chunks])


def lengths_around_blocks(model: Vocos) -> list[int]:
    """Of mels that just fill a block, or do not, with the silence that follows them."""
    one = BLOCK - model.hparams.receptive_field - 1
    return [1, 2, 3, one - 1, one, one + 1, one + BLOCK, one + BLOCK + 1, 4 * BLOCK]


def test_sound_is_the_networks_of_the_mel_between_silence(
    model: Vocos, vocoder: VocosVocoder
) -> None:
    around = 2 * model.hparams.receptive_field
    for frames in lengths_around_blocks(model):
        mel = np.divide(random_mel(frames), 2, dtype=np.float32)
        padded = np.pad(mel / 4, [(0, 0), (around, around)], constant_values=-1)
        wave = model(torch.from_numpy(padded).unsqueeze(0))[0].numpy()
        expected, _ = de_emphasis(wave[around * HOP :], np.zeros(1))
        sound = whole(vocoder.generate(mel))
        heard = max(1, len(sound) - END_FADE)
        assert len(sound) == max(1, frames - 1) * HOP
        np.testing.assert_allclose(
            sound[:heard], np.clip(expected[:heard], -1, 1), atol=1e-4, err_msg=str(frames)
        )


def test_chunks_are_not_empty_and_within_one(vocoder: VocosVocoder) -> None:
    for frames in (1, 30, 300):
        chunks = [*vocoder.generate(np.full((80, frames), 4, np.float32))]
        assert all(len(chunk) and chunk.dtype == np.float32 for chunk in chunks)
        assert all(np.abs(chunk).max() <= 1 for chunk in chunks)


def test_first_sound_needs_one_block_whatever_the_length(
    vocoder: VocosVocoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = 0
    spectrum = Vocos.spectrum

    def counted(model: Vocos, x: torch.Tensor) -> torch.Tensor:
        nonlocal blocks
        blocks += 1
        return spectrum(model, x)

    monkeypatch.setattr(Vocos, "spectrum", counted)
    first = next(vocoder.generate(random_mel(4_800)))
    assert blocks == 1
    assert len(first) >= HOP * BLOCK // 2


def test_among_others_in_any_order_every_mel_gets_what_it_gets_alone(
    model: Vocos, vocoder: VocosVocoder
) -> None:
    mels = [random_mel(frames, seed) for seed, frames in enumerate(lengths_around_blocks(model))]
    alone = [whole(vocoder.generate(mel)) for mel in mels]
    with ThreadPoolExecutor(len(mels)) as pool:
        at_once = [*pool.map(lambda mel: whole(vocoder.generate(mel)), reversed(mels))]
    for wave, expected in zip(reversed(at_once), alone, strict=True):
        np.testing.assert_array_equal(wave, expected)


def test_turn_by_turn_every_mel_gets_what_it_gets_alone(vocoder: VocosVocoder) -> None:
    mels = [random_mel(frames, frames) for frames in (400, 350, 300)]
    alone = [whole(vocoder.generate(mel)) for mel in mels]
    streams = [vocoder.generate(mel) for mel in mels]
    chunks: list[list[Wave]] = [[], [], []]
    for _ in range(6):
        for own, stream in zip(chunks, streams, strict=True):
            own.extend(chunk for chunk in [next(stream, None)] if chunk is not None)
    for own, expected in zip(chunks, alone, strict=True):
        np.testing.assert_array_equal(np.concatenate(own), expected)


def test_sound_does_not_depend_on_what_comes_later(vocoder: VocosVocoder) -> None:
    mel = random_mel(3 * BLOCK)
    begun = next(vocoder.generate(mel))
    mel[:, BLOCK:] = 0
    np.testing.assert_array_equal(next(vocoder.generate(mel)), begun)


def test_seed_and_temperature_change_nothing(vocoder: VocosVocoder) -> None:
    mel = random_mel(50)
    np.testing.assert_array_equal(
        whole(vocoder.generate(mel, seed=1, temperature=0.3)),
        whole(vocoder.generate(mel, seed=2, temperature=1.7)),
    )


def test_generating_leaves_the_network_as_it_was(model: Vocos, vocoder: VocosVocoder) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole(vocoder.generate(random_mel(100)))
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_nothing_is_computed_for_a_caller_that_left(vocoder: VocosVocoder) -> None:
    left = Event()
    token = caller_state.set(CallerState(disconnected=left))
    try:
        stream = vocoder.generate(random_mel(4 * BLOCK))
        next(stream)
        left.set()
        with pytest.raises(ClientDisconnected):
            next(stream)
    finally:
        caller_state.reset(token)


@pytest.mark.parametrize("shape", [(80, 0), (79, 3), (80,), (1, 80, 3)])
def test_mel_of_another_shape_is_refused(vocoder: VocosVocoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="mel has shape"):
        vocoder.generate(np.zeros(shape, np.float32))


def test_network_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="training mode"):
        VocosVocoder(Vocos(Hparams(dims=8, hidden_dims=8, blocks=1)))


def write_vocos(folder: Path, hparams: Hparams) -> None:
    write(folder, Vocos(hparams).state_dict(), source="random", licence="none")


def test_weights_of_another_mel_format_are_refused_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "vocos"
    write_vocos(folder, Hparams(dims=8, hidden_dims=8, blocks=1, n_fft=1024, hop_length=256))
    with pytest.raises(CheckpointError, match="n_fft is 1024, must be 800, as in the mel format"):
        vocos.load(folder)
    write_vocos(tmp_path / "a/vocos", Hparams(dims=8, hidden_dims=8, blocks=1))
    manifest = tmp_path / "a/vocos/manifest.json"
    content = json.loads(manifest.read_bytes())
    content["mel_format"]["fmin"] = 40.0
    manifest.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"fmin is 40\.0, expected 55\.0"):
        vocos.load(tmp_path / "a/vocos")


def test_weights_are_loaded_whatever_the_memory_held_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An initialisation that draws until it likes the values would never end: nothing is drawn."""
    folder = tmp_path / "vocos"
    write_vocos(folder, Hparams(dims=8, hidden_dims=8, blocks=1))
    expected = whole(vocos.load(folder).generate(random_mel(3)))
    used = torch.empty
    monkeypatch.setattr(
        torch, "empty", lambda *size, **options: used(*size, **options).copy_(torch.tensor(1e9))
    )
    np.testing.assert_array_equal(whole(vocos.load(folder).generate(random_mel(3))), expected)


def test_absent_weights_are_reported_with_where_they_are_and_with_what_speaks_without(
    tmp_path: Path,
) -> None:
    with pytest.raises(CheckpointError, match="copy the repository's checkpoints/vocos there"):
        vocos.load(tmp_path / "vocos")
    (tmp_path / "vocoder").mkdir()
    with pytest.raises(CheckpointError, match=f"use {tmp_path}/vocoder with VOCODER=wavernn"):
        vocos.load(tmp_path / "vocos")


def test_written_hyperparameters_are_the_networks(tmp_path: Path) -> None:
    hparams = Hparams(dims=8, hidden_dims=12, blocks=2, kernel_size=5)
    manifest = write(tmp_path / "x", Vocos(hparams).state_dict(), source="x", licence="x")
    assert manifest.model == "vocos"
    assert manifest.architecture == asdict(hparams)


@pytest.fixture(scope="session")
def bundled() -> VocosVocoder:
    return vocos.load(REPOSITORY / "checkpoints/vocos")


def test_silence_stays_silent(bundled: VocosVocoder) -> None:
    silence = whole(bundled.generate(np.full((80, 200), -4, np.float32)))
    assert np.abs(silence).max() < 1e-3


def test_loudness_of_speech_is_kept_from_a_whisper_to_full_scale(bundled: VocosVocoder) -> None:
    clip = sample_clip(seconds=2)
    speech = np.interp(np.arange(0, 2, 1 / 16_000), np.arange(len(clip.wav)) / clip.rate, clip.wav)
    for peak in (0.03, 0.2, 0.99):
        wav = (speech * peak / np.abs(speech).max()).astype(np.float32)
        copy = whole(bundled.generate(mel_spectrogram(wav)))
        decibels = 20 * np.log10(copy.std() / wav.std())
        assert abs(decibels) < 2, peak
