from pathlib import Path

import numpy as np
import pytest

from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.audio.mel import mel_spectrogram
from shared.voices import sample_path
from tests.support.stub_judge import StubJudge
from training.evaluation.copies import RECORDING, copy_all, griffin_lim
from training.evaluation.voices import recorded_voices


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from librosa's dependencies
def test_griffin_lim_restores_the_mel() -> None:
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    wav = resample(clip.wav, clip.rate)[:3_200]
    mel = mel_spectrogram(wav)
    copy = griffin_lim(mel)
    assert len(copy) == len(wav)
    assert np.abs(mel_spectrogram(copy) - mel).mean() < 0.5


def test_copies_are_judged_against_their_recordings(speakers: Path) -> None:
    heard: list[tuple[str, str]] = []
    copies = list(
        copy_all(
            recorded_voices(speakers),
            {"silence": lambda mel: np.zeros((mel.shape[1] - 1) * 200, np.float32)},
            StubJudge(),
            limit=2,
            on_sound=lambda voice, maker, wav: heard.append((voice, maker)),
        )
    )
    expected = [(voice, maker) for voice in ("174", "84") for maker in (RECORDING, "silence")]
    assert sorted((copy.voice, copy.maker) for copy in copies) == sorted(expected) == sorted(heard)
    errors = {copy.maker: copy.mel_error for copy in copies}
    assert errors[RECORDING] == 0
    assert errors["silence"] > 0.1
    assert copies[0].judged.errors["base"].of_words == 2
