import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cli import download
from cli.download import FetchError, RemoteFile
from cli.fetch import OFFICIAL, fetch, remote_file
from shared.checkpoints.manifest import CheckpointError
from shared.checkpoints.reading import load, verify
from tests.support.file_server import Fault, FileServer, file_server
from tests.support.tiny_weights import tiny_encoder, tiny_wavernn


@pytest.fixture
def encoder(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of the official one's form."""
    similarity = {"similarity_weight": torch.ones(1), "similarity_bias": torch.ones(1)}
    content = {"step": 7, "model_state": similarity | tiny_encoder(), "optimizer_state": {"lr": 1}}
    path = tmp_path_factory.mktemp("official") / "encoder.pt"
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


@pytest.fixture
def server(encoder: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.001)
    with file_server() as served:
        served.files["encoder.pt"] = encoder
        yield served


def remote(server: FileServer) -> RemoteFile:
    return remote_file("encoder", f"{server.url}/hub/")


def test_fetched_file_becomes_a_checkpoint_folder(
    server: FileServer, encoder: bytes, tmp_path: Path
) -> None:
    manifest = fetch("encoder", tmp_path / "checkpoints", remote(server))
    folder = tmp_path / "checkpoints/encoder"
    assert verify(folder) == manifest
    assert (manifest.model, manifest.step) == ("encoder", 7)
    digest = hashlib.sha256(encoder).hexdigest()
    assert manifest.source == f"{server.url}/hub/encoder.pt, SHA-256 {digest}"
    assert "similarity_weight and similarity_bias left out" in (folder / "NOTICE").read_text()
    assert list((tmp_path / "checkpoints").iterdir()) == [folder]


def test_bundled_folder_is_replaced_only_by_force(server: FileServer, tmp_path: Path) -> None:
    fetch("encoder", tmp_path, remote(server))
    with pytest.raises(CheckpointError, match="encoder exists already; --force"):
        fetch("encoder", tmp_path, remote(server))
    assert len(server.ranges) == 1
    (tmp_path / "encoder/NOTICE").write_text("the one before")
    fetch("encoder", tmp_path, remote(server), force=True)
    assert "Source" in (tmp_path / "encoder/NOTICE").read_text()


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize(
    "fault", [Fault(404), Fault(body=b"wrong"), Fault(body=b""), Fault(drop_after=500)]
)
def test_failed_fetch_leaves_the_folder_as_it_was(
    server: FileServer, tmp_path: Path, fault: Fault, there_before: bool
) -> None:
    if there_before:
        fetch("encoder", tmp_path, remote(server))
    before = load(tmp_path / "encoder").manifest if there_before else None
    server.faults = [fault] + [Fault(500)] * 9
    with pytest.raises(FetchError, match=r"encoder\.pt: "):
        fetch("encoder", tmp_path, remote(server), force=True)
    left = {path.name for path in tmp_path.iterdir()} - {"encoder.pt.part"}
    assert left == ({"encoder"} if there_before else set())
    assert not there_before or load(tmp_path / "encoder").manifest == before


def test_interrupted_fetch_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    server.faults = [Fault(drop_after=500)] + [Fault(500)] * 9
    with pytest.raises(FetchError):
        fetch("encoder", tmp_path, remote(server))
    assert (tmp_path / "encoder.pt.part").stat().st_size == 500
    server.faults = []
    assert fetch("encoder", tmp_path, remote(server)).model == "encoder"
    assert server.ranges[-1] == "bytes=500-"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("vocoder", "is a checkpoint of the vocoder, not of the encoder"),
        ("page", "not a checkpoint of RTVC"),
    ],
)
def test_file_that_is_another_thing_is_refused_and_not_kept(
    server: FileServer, tmp_path: Path, kind: str, message: str
) -> None:
    torch.save(tiny_wavernn(), tmp_path / "vocoder.pt")
    vocoder = (tmp_path / "vocoder.pt").read_bytes()
    (tmp_path / "vocoder.pt").unlink()
    server.files["encoder.pt"] = vocoder if kind == "vocoder" else b"<html>log in first</html>"
    with pytest.raises(CheckpointError, match=message):
        fetch("encoder", tmp_path, remote(server))
    assert list(tmp_path.iterdir()) == []


def test_disk_that_fills_up_while_splitting_keeps_the_download(
    server: FileServer, encoder: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(FetchError, match=r"No space left on device; free some"):
        fetch("encoder", tmp_path, remote(server))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.pt.part"]
    assert (tmp_path / "encoder.pt.part").read_bytes() == encoder


def test_official_files_are_pinned() -> None:
    sizes = {model: remote_file(model).size for model in OFFICIAL}
    assert sizes == {"encoder": 17_090_379, "synthesizer": 370_554_559, "vocoder": 53_845_290}
    for model in OFFICIAL:
        official = remote_file(model)
        assert official.url == f"https://huggingface.co/CorentinJ/SV2TTS/resolve/main/{model}.pt"
        assert len(official.sha256 or "") == 64


def test_pin_of_ones_own_goes_before_the_official_one() -> None:
    given = remote_file("encoder", sha256="1" * 64)
    assert (given.url, given.size, given.sha256) == (OFFICIAL["encoder"].url, None, "1" * 64)


def test_mirror_may_carry_other_weights() -> None:
    assert remote_file("vocoder", "http://x/y/") == RemoteFile("http://x/y/vocoder.pt")
