from pathlib import Path

import pytest

from shared.atomic_files import replacing


def test_target_is_replaced_when_the_block_succeeds(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.wav") as path:
        path.write_text("new")
        assert not (tmp_path / "a.wav").exists()

    assert (tmp_path / "a.wav").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.wav"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_target_is_unchanged_when_the_block_fails(
    error: type[BaseException], tmp_path: Path
) -> None:
    (tmp_path / "a.wav").write_text("old")

    def write_half() -> None:
        with replacing(tmp_path / "a.wav") as path:
            path.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()

    assert (tmp_path / "a.wav").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.wav"]


def test_last_of_two_concurrent_writers_wins(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "a") as second:
        first.write_text("first")
        second.write_text("second")

    assert (tmp_path / "a").read_text() == "first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")

    with replacing(tmp_path / "link") as path:
        path.write_text("new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
