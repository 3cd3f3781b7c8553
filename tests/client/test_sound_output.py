import io
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from client.sound_output import BadOutput, check_output, sound_file, wav_stream

SECOND = (8000 * np.sin(np.arange(16_000) / 10)).astype(np.int16)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".WAV"])
def test_a_sound_file_is_16_khz_mono_in_the_format_of_its_name(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"speech{suffix}"
    check_output(target)

    with sound_file(target) as write:
        write(SECOND[:7000])
        write(SECOND[7000:])

    samples, rate = soundfile.read(target, dtype="int16")
    assert rate == 16_000
    assert samples.ndim == 1
    assert abs(len(samples) - len(SECOND)) <= 2000
    if suffix in (".wav", ".flac"):
        np.testing.assert_array_equal(samples, SECOND)


def test_a_wav_is_16_bit_with_its_true_length(tmp_path: Path) -> None:
    with sound_file(tmp_path / "a.wav") as write:
        write(SECOND)

    info = soundfile.info(tmp_path / "a.wav")
    assert (info.subtype, info.frames) == ("PCM_16", len(SECOND))


def test_a_stream_is_a_wav_from_its_first_byte() -> None:
    out = io.BytesIO()

    with wav_stream(out) as write:
        write(SECOND)

    samples, rate = soundfile.read(io.BytesIO(out.getvalue()), dtype="int16")
    assert rate == 16_000
    np.testing.assert_array_equal(samples, SECOND)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("speech.mid", "must end in one of .wav"),
        ("speech", "must end in one of .wav"),
        ("folder.wav", "is not a file"),
        ("pipe.wav", "use - for standard output"),
        ("missing/speech.wav", "there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_beforehand(
    name: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")

    with pytest.raises(BadOutput, match=why):
        check_output(tmp_path / name)


def test_a_folder_that_is_write_protected_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # nothing is, for root

    with pytest.raises(BadOutput, match="nothing can be written into"):
        check_output(tmp_path / "a.wav")


@pytest.fixture
def _files_of_10_kb_at_most() -> Iterator[None]:
    """As on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.usefixtures("_files_of_10_kb_at_most")
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_is_an_error_and_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 16_000).astype(np.int16)

    with pytest.raises(OSError, match="speech"), sound_file(tmp_path / f"speech{suffix}") as write:
        write(noise)

    assert list(tmp_path.iterdir()) == []
