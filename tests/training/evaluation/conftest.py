from pathlib import Path

import pytest
import soundfile

from tests.support.tiny_training import tone


@pytest.fixture
def speakers(tmp_path: Path) -> Path:
    """Recordings of two speakers: 1, 6, 2 and 3 s, and 1 s."""
    for speaker, lengths in (("84", (1, 6, 2, 3)), ("174", (1,))):
        folder = tmp_path / speaker / "1"
        folder.mkdir(parents=True)
        lines = []
        for number, seconds in enumerate(lengths):
            name = f"{speaker}-1-{number:04d}"
            soundfile.write(folder / f"{name}.flac", tone(number, 80 * seconds), 16_000)
            lines.append(f"{name} CLIP {number}\n")
        (folder / f"{speaker}-1.trans.txt").write_text("".join(lines))
    return tmp_path
