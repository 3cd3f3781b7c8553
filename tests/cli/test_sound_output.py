import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.sound_output import BadOutput, check_output, sound_file, wav_stream
from shared.settings import REPOSITORY

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
        ("missing/speech.wav", "does not exist; create it first"),
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
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere

    with pytest.raises(BadOutput, match="is not writable; choose another"):
        check_output(tmp_path / "a.wav")


# In a process of its own: the limit would also hold for the file that pytest's output may go to.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from cli.sound_output import sound_file

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
noise = np.random.default_rng(0).integers(-9000, 9000, 16_000).astype(np.int16)
try:
    with sound_file(Path(sys.argv[1])) as write:
        write(noise)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_is_an_error_and_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / f"speech{suffix}")]
    run = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)

    assert "speech" in run.stdout, run.stderr
    assert list(tmp_path.iterdir()) == []
