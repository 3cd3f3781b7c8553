"""From a run to a folder of checkpoints/ that the services load."""

from pathlib import Path

from shared.checkpoints.architectures import recognise
from shared.checkpoints.manifest import Manifest
from shared.checkpoints.writing import DiskDtype, write
from training.recipes import SPEAKING_DROPOUT
from training.weights import read_weights


def export(
    run: Path,
    folder: Path,
    *,
    source: str,
    licence: str,
    dtype: DiskDtype = "float16",
    notice: str | None = None,
    dropout: float | None = None,
    force: bool = False,
) -> Manifest:
    """Write the averaged weights of a run, or of whatever else `read_weights` takes.

    dropout: of a synthesizer in use, SPEAKING_DROPOUT where it is None, whatever the weights come
    from.

    Raises CheckpointError as `shared.checkpoints.writing.write` does; OSError.
    """
    weights = read_weights(run)
    if dropout is None and recognise(weights) == "synthesizer":
        dropout = SPEAKING_DROPOUT
    return write(
        folder,
        weights,
        source=source,
        licence=licence,
        step=int(weights["step"]) if "step" in weights else None,
        dtype=dtype,
        notice=notice,
        dropout=dropout,
        force=force,
    )
