from pathlib import Path

import numpy as np

from shared.http.tensors import Float32Array
from tests.support.tiny_training import tone
from training.data.augmentation import SHIFTS, add_augmented
from training.data.clips import Clip, ClipFolder


def filled(folder: Path, voices: dict[str, str]) -> ClipFolder:
    """A folder with a clip of each voice. voices: by clip name."""
    clips = ClipFolder(folder)
    for name, voice in voices.items():
        wav = tone(0)
        clips.add(Clip(name, "A line.", voice, len(wav)), wav)
    return clips


def loudest_frequency(wav: Float32Array) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(wav)))) / len(wav)


def test_augmented_clip_is_shifted_by_5_to_15_percent(tmp_path: Path) -> None:
    folder = filled(tmp_path, {f"c{i}": f"v{i}" for i in range(8)})
    originals = {clip.voice: folder.wav(clip) for clip in folder.clips()}
    shifts = []
    for clip in add_augmented(folder):
        original = originals[clip.voice.removesuffix("-variant-1")]
        shifts.append(loudest_frequency(folder.wav(clip)) / loudest_frequency(original))
        assert clip.samples == len(folder.wav(clip))
    low, high = SHIFTS
    assert len(shifts) == 8
    assert all(low * 0.99 <= max(shift, 1 / shift) <= high * 1.01 for shift in shifts)
    assert min(shifts) < 1 < max(shifts)


def test_clips_of_one_voice_keep_one_voice(tmp_path: Path) -> None:
    folder = filled(tmp_path, {"a": "one", "b": "one", "c": "two"})
    added = list(add_augmented(folder))
    assert [clip.voice for clip in added] == [
        "one-variant-1", "one-variant-1", "two-variant-1",
    ]  # fmt: skip
    assert added[0].samples == added[1].samples  # the same shift


def test_second_run_adds_nothing(tmp_path: Path) -> None:
    folder = filled(tmp_path, {"a": "one"})
    assert len([*add_augmented(folder)]) == 1
    assert len([*add_augmented(folder)]) == 0


def test_another_seed_adds_another_copy(tmp_path: Path) -> None:
    folder = filled(tmp_path, {"a": "one"})
    [first], [second] = add_augmented(folder), add_augmented(folder, seed=2)
    assert first.voice != second.voice
    assert first.samples != second.samples
