"""How often the search for the gateway's mark finds one where none is.

python -m benchmarks.false_alarms FOLDER [KEYS]: every sound file in FOLDER, joined and cut into
pieces of five seconds, is searched for the marks of KEYS keys; none of them is there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from shared.errors import ApiError
from shared.media import read_media
from shared.tensors import Float32Array
from shared.watermark import FOUND_SCORE, SAMPLE_RATE, changes_of, score_of

_PIECE = 5 * SAMPLE_RATE  # samples
_LIMITS = (4.0, 4.5, 5.0, 5.5, FOUND_SCORE)


def pieces(folder: Path) -> Iterator[Float32Array]:
    """[80000] each; files that hold no sound are left out."""
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


def main() -> None:
    folder, keys = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    changes = [changes_of(piece) for piece in pieces(folder)]
    scores = np.array([score_of(each, f"key {k}") for each in changes for k in range(keys)])
    click.echo(f"{len(changes)} pieces of 5 s, {keys} keys: {len(scores)} searches")
    click.echo(f"highest score {scores.max():.2f}")
    for limit in _LIMITS:
        click.echo(f"score {limit:.1f} or more: {(scores >= limit).sum()}")


if __name__ == "__main__":
    main()
