"""False alarm rate of the watermark detector.

python -m benchmarks.false_alarms FOLDER [KEYS]: joins the sound files in FOLDER, cuts them into
pieces of five seconds and searches each for the marks of KEYS keys, none of which is there. Counts
detections at the original speed, at other speeds, and by the higher score of both, which decides.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from shared.audio.media import read_media
from shared.audio.watermark import (
    FOUND_SCORE,
    SAMPLE_RATE,
    score_at_other_speeds,
    score_at_own_speed,
    signs_of,
    spectrum_of,
)
from shared.http.errors import ApiError
from shared.http.tensors import Float32Array

_PIECE = 5 * SAMPLE_RATE  # samples
_LIMITS = (4.0, 4.5, 5.0, 5.5, FOUND_SCORE)


def pieces(folder: Path) -> Iterator[Float32Array]:
    """[80000] each. Files without sound are skipped."""
    pending = np.zeros(0, np.float32)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            wav = read_media(file.read_bytes(), SAMPLE_RATE, max_seconds=3600)
        except ApiError:
            continue
        pending = np.concatenate([pending, wav])
        while len(pending) >= _PIECE:
            yield pending[:_PIECE]
            pending = pending[_PIECE:]


def scores(piece: Float32Array, keys: int) -> Iterator[tuple[float, float]]:
    """At the piece's own speed and at others, for each key."""
    spectrum = spectrum_of(piece)
    for key in range(keys):
        signs = signs_of(f"key {key}")
        yield score_at_own_speed(spectrum, signs), score_at_other_speeds(spectrum, signs)


def main() -> None:
    folder, keys = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    found = np.array([each for piece in pieces(folder) for each in scores(piece, keys)])
    click.echo(f"{len(found) // keys} pieces of 5 s, {keys} keys: {len(found)} searches")
    columns = np.column_stack([found, found.max(axis=1)])
    for name, column in zip(("own speed", "other speeds", "either"), columns.T, strict=True):
        click.echo(f"{name}: highest score {column.max():.2f}")
        for limit in _LIMITS:
            click.echo(f"  {limit:.1f} or more: {(column >= limit).sum()}")


if __name__ == "__main__":
    main()
