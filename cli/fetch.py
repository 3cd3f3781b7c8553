"""Download RTVC's official weights and split them into checkpoint folders."""

from pathlib import Path

from cli.download import Progress, RemoteFile, Say, disk_errors, download, opened
from shared.checkpoints.architectures import recognise
from shared.checkpoints.manifest import CheckpointError, Manifest, ModelName
from shared.checkpoints.writing import read_rtvc, refuse_overwriting, write

OFFICIAL_URL = "https://huggingface.co/CorentinJ/SV2TTS/resolve/main"
OFFICIAL_LICENCE = (
    "MIT, as the code of CorentinJ/Real-Time-Voice-Cloning, whose author publishes it"
)

OFFICIAL: dict[ModelName, RemoteFile] = {
    "encoder": RemoteFile(
        f"{OFFICIAL_URL}/encoder.pt",
        17_090_379,
        "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    ),
    "synthesizer": RemoteFile(
        f"{OFFICIAL_URL}/synthesizer.pt",
        370_554_559,
        "c05e07428f95d0ed8755e1ef54cc8ae251300413d94ce5867a56afe39c499d94",
    ),
    "vocoder": RemoteFile(
        f"{OFFICIAL_URL}/vocoder.pt",
        53_845_290,
        "1d7a6861589e927e0fbdaa5849ca022258fe2b58a20cc7bfb8fb598ccf936169",
    ),
}


def remote_file(
    model: ModelName, base_url: str | None = None, sha256: str | None = None
) -> RemoteFile:
    """The official file, or one of the same name at `base_url`, or with another hash."""
    official = OFFICIAL[model]
    url = official.url if base_url is None else f"{base_url.rstrip('/')}/{model}.pt"
    if sha256 or url != official.url:
        return RemoteFile(url, sha256=sha256)
    return official


def fetch(
    model: ModelName,
    directory: Path,
    remote: RemoteFile,
    *,
    force: bool = False,
    progress: Progress = lambda done, total: None,
    say: Say = lambda message: None,
) -> Manifest:
    """Download one model's weights and split them into `directory/<model>`.

    Raises FetchError; CheckpointError if the folder exists and `force` is false, or the file holds
    another model. The folder is then unchanged.
    """
    folder = directory / model
    refuse_overwriting(folder, force)
    part = directory / f"{model}.pt.part"
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with opened(part) as file:
            digest = download(remote, file, progress, say)
            try:
                manifest = _split(model, part, folder, remote, digest, force)
            except CheckpointError:
                part.unlink()  # complete, but not a checkpoint: useless for a retry
                raise
            part.unlink()
    return manifest


def _split(
    model: ModelName, part: Path, folder: Path, remote: RemoteFile, digest: str, force: bool
) -> Manifest:
    checkpoint = read_rtvc(part)
    found = recognise(checkpoint.state_dict)
    if found != model:
        raise CheckpointError(f"{remote.url} is a checkpoint of the {found}, not of the {model}")
    is_official = remote.url == OFFICIAL[model].url
    source = f"{remote.url}, SHA-256 {digest}"
    licence = OFFICIAL_LICENCE if is_official else f"not stated by {remote.url}"
    dropped = f"; {' and '.join(checkpoint.dropped)} left out" if checkpoint.dropped else ""
    return write(
        folder,
        checkpoint.state_dict,
        source=source,
        licence=licence,
        step=checkpoint.step,
        notice=f"Source: {source}\nLicence: {licence}\nChanged: one file per parameter{dropped}\n",
        force=force,
    )
