from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.audio.mel import mel_spectrogram
from shared.http.tensors import Float32Array
from tests.support.tiny_training import tone
from training import TrainingError
from training.data.clips import Clip, ClipFolder
from training.data.waveforms import PEAK, pre_emphasised
from training.recipes import VocosRecipe
from training.vocoder.speech_windows import WindowSampler

PLAIN = VocosRecipe(batch=40, window=8, silent_edge_share=0.0)


def folder_of(folder: Path, voices: list[str], frames: int = 14) -> ClipFolder:
    data = ClipFolder(folder)
    for number, voice in enumerate(voices):
        wav = tone(number, frames) * np.float32(PEAK / 0.5)
        data.add(Clip(f"{number:03d}", "A text.", voice, len(wav)), wav)
    return data


def speakers(sampler: WindowSampler, draws: int = 400) -> Counter[str]:
    rng = np.random.default_rng(0)
    return Counter(sampler._clip(rng).voice for _ in range(draws))


def peaks(data: ClipFolder, recipe: VocosRecipe) -> Float32Array:
    """Peaks of the windows' de-emphasised sound, in dBFS."""
    sound = WindowSampler(data, recipe).batch(0).sound.numpy()
    gains = np.abs(sound).max(axis=1) / np.abs(pre_emphasised(data.wav(data.clip("000"))))[1:].max()
    level: Float32Array = 20 * np.log10(gains * PEAK)
    return level


def test_batch_depends_on_its_step_alone(data: ClipFolder) -> None:
    sampler = WindowSampler(data, PLAIN)
    one, other, again = sampler.batch(1), sampler.batch(2), sampler.batch(1)
    assert one.mel.shape == (40, 80, 8)
    assert one.sound.shape == (40, 7 * 200)
    assert one.mel.equal(again.mel)
    assert one.sound.equal(again.sound)
    assert not one.sound.equal(other.sound)


def test_speaker_of_one_clip_is_drawn_as_often_as_one_of_many(tmp_path: Path) -> None:
    data = folder_of(tmp_path, ["121", *9 * ["237"]])
    drawn = speakers(WindowSampler(data, PLAIN))
    assert drawn["121"] == pytest.approx(drawn["237"], rel=0.3)


def test_recordings_have_their_share_beside_synthetic_speech(tmp_path: Path) -> None:
    voices = ["121", *[f"kokoro-1-{number:06d}" for number in range(8)], "joe-2-000001-variant-1"]
    data = folder_of(tmp_path, voices)
    assert speakers(WindowSampler(data, replace(PLAIN, recorded_share=0.5)))["121"] in range(
        160, 240
    )
    assert speakers(WindowSampler(data, replace(PLAIN, recorded_share=0.0)))["121"] == 0
    assert speakers(WindowSampler(data, replace(PLAIN, recorded_share=1.0))) == {"121": 400}


def test_synthetic_speech_alone_is_always_drawn(tmp_path: Path) -> None:
    data = folder_of(tmp_path, ["kokoro-1-000000"])
    assert speakers(WindowSampler(data, replace(PLAIN, recorded_share=1.0))) == {
        "kokoro-1-000000": 400
    }


def test_mel_and_sound_are_of_the_same_frames(tmp_path: Path) -> None:
    data, rng = ClipFolder(tmp_path), np.random.default_rng(0)
    noise = rng.uniform(-PEAK, PEAK, 14 * 200).astype(np.float32)
    data.add(Clip("000", "A text.", "121", len(noise)), noise)
    wav = data.wav(data.clip("000"))
    emphasised = wav[1:] - np.float32(0.97) * wav[:-1]
    in_silence = np.pad(wav, (0, 400))
    batch = WindowSampler(data, PLAIN).batch(0)
    for mel, sound in zip(batch.mel.numpy(), batch.sound.numpy(), strict=True):
        products = np.correlate(emphasised, sound[1:], "valid")[::200]
        frame = int(products.argmax())
        piece = emphasised[200 * frame :][: len(sound) - 1]
        gain = np.float32((sound[1:] @ piece) / (piece @ piece))
        assert np.abs(sound[1:] - gain * piece).max() < 1e-5
        louder = mel_spectrogram(in_silence * gain)[:, frame : frame + 8]
        assert np.abs(4 * mel - louder).max() < 1e-3


def test_loudness_ranges_from_whispers_to_full_scale(tmp_path: Path) -> None:
    data = folder_of(tmp_path, ["121"])
    loud = peaks(data, replace(PLAIN, quiet_share=0.0))
    assert loud.min() == pytest.approx(-12, abs=2)
    assert loud.max() == pytest.approx(0, abs=1)
    quiet = peaks(data, replace(PLAIN, quiet_share=1.0))
    assert quiet.min() == pytest.approx(-30, abs=2)
    assert quiet.max() == pytest.approx(-12, abs=2)


def test_some_windows_begin_or_end_in_digital_silence(tmp_path: Path) -> None:
    data = folder_of(tmp_path, ["121"], frames=40)
    batch = WindowSampler(data, replace(PLAIN, silent_edge_share=0.5)).batch(0)
    begins = (batch.sound[:, :100] == 0).all(dim=1)
    ends = (batch.sound[:, -100:] == 0).all(dim=1)
    assert 4 < begins.sum() < 20
    assert 4 < ends.sum() < 20
    assert not (begins & ends).any()
    assert not (batch.sound == 0).all(dim=1).any()


def test_clip_shorter_than_a_window_lies_within_it(tmp_path: Path) -> None:
    data = folder_of(tmp_path, ["121"], frames=3)
    batch = WindowSampler(data, PLAIN).batch(0)
    energies = batch.sound.square().sum(dim=1).sqrt() / batch.sound.abs().amax(dim=1)
    assert energies.min() > 0.7 * energies.max()  # uncut, apart from a sample or two


def test_synthesizers_mel_is_paired_with_the_clips_sound(tmp_path: Path) -> None:
    data = folder_of(tmp_path, ["121"])
    clip = data.clip("000")
    ramp = np.repeat(np.linspace(-1, 1, clip.frames, dtype=np.float32)[np.newaxis], 80, axis=0)
    data.add_synthesized(clip, ramp)
    recipe = replace(PLAIN, synthesized=True, silent_edge_share=0.5, batch=60)
    batch = WindowSampler(data, recipe).batch(0)
    synthesized = [mel for mel in batch.mel.numpy() if np.ptp(mel, axis=0).max() == 0]
    assert 0.6 < len(synthesized) / 60 < 0.9
    slope = ramp[0, 1] - ramp[0, 0]
    for mel in synthesized:
        speech = 4 * mel[0][mel[0] > -1]  # between silence
        assert np.allclose(np.diff(speech), slope, atol=3e-3)


def test_missing_mels_of_a_synthesizer_are_named(data: ClipFolder) -> None:
    with pytest.raises(TrainingError, match="no mels of a synthesizer"):
        WindowSampler(data, replace(PLAIN, synthesized=True))
