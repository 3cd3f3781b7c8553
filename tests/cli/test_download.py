import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from io import BufferedRandom, FileIO
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from cli import download as module
from cli.download import FetchError, RemoteFile, disk_errors, download, opened
from tests.support.file_server import Fault, FileServer, file_server

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    with file_server() as served:
        served.files["encoder.pt"] = CONTENT
        yield served


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "encoder.pt.part"


def fetched(part: Path, url: str, size: int | None = None, sha256: str | None = None) -> bytes:
    """The downloaded bytes. The file is kept, as if its caller had not moved it yet."""
    with disk_errors(part.parent), opened(part) as file:
        download(RemoteFile(url, size, sha256), file, lambda done, total: None, lambda text: None)
    return part.read_bytes()


def test_file_arrives_whole(server: FileServer, part: Path) -> None:
    assert fetched(part, f"{server.url}/encoder.pt", len(CONTENT), SHA256) == CONTENT


def test_redirect_is_followed_and_its_size_and_hash_are_believed(
    server: FileServer, part: Path
) -> None:
    assert fetched(part, f"{server.url}/hub/encoder.pt") == CONTENT
    server.faults = [Fault(body=CONTENT[::-1])]
    with pytest.raises(FetchError, match=f"SHA-256 is .*, expected {SHA256}"):
        fetched(part.with_name("other.part"), f"{server.url}/hub/encoder.pt")


def test_dropped_connection_is_resumed_where_it_broke(server: FileServer, part: Path) -> None:
    server.faults = [Fault(drop_after=100_000), Fault(drop_after=50_000)]
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_interrupted_run_is_resumed_by_the_next(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:70_000])
    assert fetched(part, f"{server.url}/hub/encoder.pt", sha256=SHA256) == CONTENT
    assert server.ranges == ["bytes=70000-"]


def test_whole_part_is_not_downloaded_again(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT)
    assert fetched(part, f"{server.url}/hub/encoder.pt", len(CONTENT)) == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_part_longer_than_the_file_is_thrown_away(server: FileServer, part: Path) -> None:
    part.write_bytes(b"x" * 300_000)
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT
    assert server.ranges == ["bytes=300000-", None]


def test_server_without_ranges_is_downloaded_from_the_start(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:70_000])
    server.faults = [Fault(ignore_range=True)]
    assert fetched(part, f"{server.url}/encoder.pt") == CONTENT


def test_answer_for_another_range_is_not_appended(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:70_000])
    server.faults = [Fault(content_range=f"bytes 5-99/{len(CONTENT)}", body=CONTENT[::-1])]
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT


def test_file_of_unannounced_size_is_accepted_when_its_hash_is_right(
    server: FileServer, part: Path
) -> None:
    server.faults = [Fault(hide_size=True)]
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT


def test_body_that_ends_early_without_an_error_is_resumed(server: FileServer, part: Path) -> None:
    """The connection closes as if all had been sent; only the redirect knew the size."""
    server.faults = [Fault(hide_size=True, drop_after=50_000)]
    assert fetched(part, f"{server.url}/hub/encoder.pt") == CONTENT
    assert server.ranges == [None, "bytes=50000-"]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_busy_server_is_asked_again(server: FileServer, part: Path, status: int) -> None:
    server.faults = [Fault(status), Fault(status, {"Retry-After": "0"})]
    assert fetched(part, f"{server.url}/encoder.pt") == CONTENT


def test_server_is_given_the_time_it_asks_for(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.faults = [Fault(503, {"Retry-After": "7"}), Fault(503, {"Retry-After": "99999"})]
    fetched(part, f"{server.url}/encoder.pt")
    assert pauses == [7, module.MAX_PAUSE_SECONDS]


def test_stalled_connection_times_out_and_is_resumed(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", httpx.Timeout(0.2))
    server.faults = [Fault(stall_after=100_000)]
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT
    assert server.ranges == [None, "bytes=100000-"]


def test_server_that_keeps_failing_is_given_up_and_the_part_kept(
    server: FileServer, part: Path
) -> None:
    server.faults = [Fault(drop_after=1000)] + [Fault(503)] * 10
    with pytest.raises(FetchError, match=r"HTTP 503 .*1000 bytes are kept; run the command again"):
        fetched(part, f"{server.url}/encoder.pt")
    assert part.read_bytes() == CONTENT[:1000]
    assert len(server.ranges) == module.TRIES_WITHOUT_PROGRESS


def test_no_network_is_one_line(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    with file_server() as gone:
        url = f"{gone.url}/encoder.pt"
    with pytest.raises(FetchError, match=f"{url}: .*refused") as raised:
        fetched(part, url)
    assert "\n" not in str(raised.value)
    assert not part.exists()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_refusal_is_not_asked_again(server: FileServer, part: Path, status: int) -> None:
    server.faults = [Fault(status)] * 5
    with pytest.raises(FetchError, match=rf"encoder\.pt: HTTP {status} .*check --url"):
        fetched(part, f"{server.url}/encoder.pt")
    assert len(server.ranges) == 1
    assert not part.exists()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/encoder.pt", "http://[::1/encoder.pt", "encoder"])
def test_url_that_is_none_is_refused(part: Path, url: str) -> None:
    with pytest.raises(FetchError, match="check --url"):
        fetched(part, url)


def test_other_size_is_refused_before_the_download(server: FileServer, part: Path) -> None:
    with pytest.raises(FetchError, match=f"is {len(CONTENT)} bytes, expected 17"):
        fetched(part, f"{server.url}/encoder.pt", 17)
    assert not part.exists()


def test_other_hash_is_refused_before_the_download(server: FileServer, part: Path) -> None:
    with pytest.raises(FetchError, match=f"SHA-256 is {SHA256}, expected 0000"):
        fetched(part, f"{server.url}/hub/encoder.pt", sha256="0" * 64)
    assert not part.exists()


def test_wrong_hash_leaves_nothing_to_resume(server: FileServer, part: Path) -> None:
    server.faults = [Fault(body=CONTENT[::-1])]
    with pytest.raises(FetchError, match=f"expected {SHA256}.*run the command again"):
        fetched(part, f"{server.url}/encoder.pt", sha256=SHA256)
    assert not part.exists()
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT


def test_body_longer_than_announced_is_refused(server: FileServer, part: Path) -> None:
    server.faults = [Fault(body=CONTENT * 2)]
    with pytest.raises(FetchError, match=f"more than the {len(CONTENT)} bytes it announced"):
        fetched(part, f"{server.url}/hub/encoder.pt")
    assert not part.exists()


def test_full_disk_is_refused_before_the_download(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.write_bytes(CONTENT[:1000])
    needed = 2 * len(CONTENT) - 1000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, needed - 1))
    with pytest.raises(FetchError, match=r"1 MB free, 1 MB needed; free some space, or .*--dir"):
        fetched(part, f"{server.url}/encoder.pt")
    assert part.read_bytes() == CONTENT[:1000]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, needed))
    assert fetched(part, f"{server.url}/encoder.pt") == CONTENT


def test_full_disk_keeps_the_part_that_arrived(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SmallDisk(BufferedRandom):
        def write(self, data: object) -> int:
            if self.seek(0, os.SEEK_END) + len(data) > 150_000:  # type: ignore[arg-type]
                raise OSError(28, "No space left on device")
            return super().write(data)  # type: ignore[arg-type]

    def opened_on_small_disk(path: Path, mode: str) -> SmallDisk:
        return SmallDisk(FileIO(path, mode))

    monkeypatch.setattr(Path, "open", opened_on_small_disk)
    with pytest.raises(FetchError, match=r"No space left .* free some space .* to continue"):
        fetched(part, f"{server.url}/encoder.pt")
    monkeypatch.undo()
    kept = part.stat().st_size
    assert 0 < kept <= 150_000
    assert fetched(part, f"{server.url}/encoder.pt", sha256=SHA256) == CONTENT
    assert server.ranges[-1] == f"bytes={kept}-"


def test_second_download_at_the_same_time_is_refused(server: FileServer, part: Path) -> None:
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(FetchError, match="another fetch writes to it"):
            fetched(part, f"{server.url}/encoder.pt")


def test_place_that_cannot_be_written_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match=r"file/encoder\.pt\.part: Not a directory"):
        fetched(tmp_path / "file/encoder.pt.part", f"{server.url}/encoder.pt")


def test_progress_counts_the_part_from_before(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:70_000])
    told: list[tuple[int, int | None]] = []
    said: list[str] = []
    server.faults = [Fault(drop_after=80_000)]
    with opened(part) as file:
        remote = RemoteFile(f"{server.url}/encoder.pt")
        digest = download(remote, file, lambda *numbers: told.append(numbers), said.append)
    assert digest == SHA256
    assert told[0][0] > 70_000
    assert told == sorted(told)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert len(said) == 1
    assert "trying again" in said[0]
