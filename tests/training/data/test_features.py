import logging
from pathlib import Path

import numpy as np
import pytest

from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.audio.mel import mel_spectrogram
from shared.voices import sample_embeds, sample_path
from tests.support.tiny_training import tone
from training.data.clips import Clip, ClipFolder
from training.data.features import add_features, embed_voice, load_encoder


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return load_encoder()


def test_embedding_equals_the_services(encoder: SpeakerEncoder) -> None:
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    embed = embed_voice(encoder, clip.wav, clip.rate)
    assert embed @ sample_embeds()["rowan"] == pytest.approx(1, abs=1e-4)


def test_clips_get_features_once_and_sound_without_a_voice_gets_none(
    encoder: SpeakerEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ClipFolder(tmp_path)
    sample = read_sound(sample_path("rowan").read_bytes(), 60)
    voice = resample(sample.wav, sample.rate)[:32_000]
    clips = {"voice": voice, "tone": tone(0, frames=80)}
    for name, wav in clips.items():
        folder.add(Clip(name, "A text.", name, len(wav)), wav)
    with caplog.at_level(logging.WARNING, "better"):
        assert len([*add_features(folder, encoder)]) == 1
    assert "skipped tone" in caplog.text
    [clip] = folder.trainable(1, 1_000)
    stored = folder.features(clip)
    np.testing.assert_allclose(stored.mel, mel_spectrogram(folder.wav(clip)), atol=2e-3)
    assert stored.mel.shape[1] == clip.frames
    assert len([*add_features(folder, encoder)]) == 0
