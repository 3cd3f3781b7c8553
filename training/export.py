"""From a run to a folder of checkpoints/ that the services load."""

from pathlib import Path

from shared.checkpoint_manifest import Manifest
from shared.checkpoint_writing import DiskDtype, write
from training.weights import read_weights


def export(
    run: Path,
    folder: Path,
    *,
    source: str,
    licence: str,
    dtype: DiskDtype = "float16",
    notice: str | None = None,
    force: bool = False,
) -> Manifest:
    """Write the averaged weights of a run, or of whatever else `read_weights` takes.

    Raises CheckpointError as `shared.checkpoint_writing.write` does; OSError.
    """
    weights = read_weights(run)
    return write(
        folder,
        weights,
        source=source,
        licence=licence,
        step=int(weights["step"]) if "step" in weights else None,
        dtype=dtype,
        notice=notice,
        force=force,
    )
