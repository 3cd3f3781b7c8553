import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from cli import download
from cli.main import better
from shared.checkpoints.reading import load
from shared.checkpoints.writing import write
from tests.support.file_server import Fault, FileServer, file_server
from tests.support.tiny_weights import tiny_encoder, tiny_tacotron, tiny_vocos, tiny_wavernn


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(better, ["checkpoints", *map(str, arguments)])


def assert_fails_in_one_line(result: Result, *words: str) -> None:
    assert result.exit_code == 1
    *_, last = result.stderr.splitlines()
    assert last.startswith("Error: ")
    assert all(word in last for word in words), last
    assert "Traceback" not in result.output


@pytest.fixture
def rtvc_file(tmp_path: Path) -> Path:
    similarity = {"similarity_weight": torch.ones(1), "similarity_bias": torch.ones(1)}
    content = {"step": 1_564_501, "model_state": similarity | tiny_encoder()}
    torch.save(content, tmp_path / "rtvc.pt")
    return tmp_path / "rtvc.pt"


@pytest.fixture
def folder(rtvc_file: Path, tmp_path: Path) -> Path:
    assert run("split", rtvc_file, tmp_path / "encoder").exit_code == 0
    return tmp_path / "encoder"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.001)
    with file_server() as served:
        for name, make in {
            "encoder": tiny_encoder,
            "synthesizer": tiny_tacotron,
            "vocoder": tiny_wavernn,
        }.items():
            torch.save({"model_state": make()}, tmp_path / "served.pt")
            served.files[f"{name}.pt"] = (tmp_path / "served.pt").read_bytes()
        (tmp_path / "served.pt").unlink()
        yield served


def test_split_lists_dropped_and_written_parameters(rtvc_file: Path, tmp_path: Path) -> None:
    result = run("split", rtvc_file, tmp_path / "encoder")
    assert result.exit_code == 0
    assert "Left out similarity_weight" in result.output
    assert "Left out similarity_bias" in result.output
    assert "encoder, 10 parameters, 524 numbers, 0.0 MB, step 1,564,501" in result.output


def test_split_records_source_licence_notice_and_dtype(rtvc_file: Path, tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text("Thanks to all.")
    options = ["--source", "a shop", "--licence", "MIT", "--dtype", "float16"]
    result = run("split", rtvc_file, tmp_path / "a", *options, "--notice", tmp_path / "notice.txt")
    assert result.exit_code == 0
    manifest = load(tmp_path / "a").manifest
    assert (manifest.source, manifest.licence) == ("a shop", "MIT")
    assert manifest.parameters[0].dtype == "float16"
    assert (tmp_path / "a/NOTICE").read_text() == "Thanks to all."


def test_split_and_join_refuse_to_overwrite_without_force(
    rtvc_file: Path, folder: Path, tmp_path: Path
) -> None:
    assert_fails_in_one_line(run("split", rtvc_file, folder), "exists already", "--force")
    assert run("split", rtvc_file, folder, "--force").exit_code == 0
    assert run("join", folder, tmp_path / "joined.pt").exit_code == 0
    assert_fails_in_one_line(run("join", folder, tmp_path / "joined.pt"), "joined.pt", "--force")
    assert run("join", folder, tmp_path / "joined.pt", "--force").exit_code == 0


def test_joined_file_can_be_split_again(folder: Path, tmp_path: Path) -> None:
    assert run("join", folder, tmp_path / "joined.pt").exit_code == 0
    assert run("split", tmp_path / "joined.pt", tmp_path / "again").exit_code == 0
    first, again = load(folder).manifest, load(tmp_path / "again").manifest
    assert first.parameters == again.parameters
    assert first.step == again.step


def test_show_lists_parameters_hyperparameters_source_and_licence(folder: Path) -> None:
    lines = [line.split() for line in run("show", folder).output.splitlines()]
    assert ["lstm.weight_ih_l0", "20", "x", "6", "float32", "480", "bytes"] in lines
    assert ["model_hidden_size", "5"] in lines
    assert ["source:", "rtvc.pt"] in lines
    assert ["licence:", "not", "stated"] in lines


def test_verify_accepts_whole_folders_and_names_broken_files(folder: Path) -> None:
    copy = Path(shutil.copytree(folder, folder.with_name("copy")))
    assert run("verify", folder, copy).exit_code == 0
    (copy / "009_linear.bias.pt").unlink()
    assert_fails_in_one_line(run("verify", folder, copy), "009_linear.bias.pt is missing", "split")


def test_verify_looks_where_the_services_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "checkpoints" / "encoder")
    monkeypatch.setenv("CHECKPOINTS_DIR", str(tmp_path / "checkpoints"))
    result = run("verify")
    assert result.exit_code != 0
    assert f"{tmp_path}/checkpoints/encoder: " in result.output
    assert f"{tmp_path}/checkpoints/synthesizer: cannot open" in result.output


def test_verify_checks_the_bundled_checkpoints_by_default() -> None:
    result = run("verify")
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.output.splitlines()] == [
        *("encoder,", "synthesizer,", "vocoder,", "vocos,")
    ]


def test_one_vocoder_is_enough_to_verify_and_none_is_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKPOINTS_DIR", str(tmp_path))
    for name, make in {"synthesizer": tiny_tacotron, "vocoder": tiny_wavernn}.items():
        write(tmp_path / name, make(), source="", licence="")
    assert run("verify").exit_code == 0
    shutil.rmtree(tmp_path / "vocoder")
    assert f"{tmp_path}/vocos: cannot open" in run("verify").output
    write(tmp_path / "vocos", tiny_vocos(), source="", licence="")
    assert run("verify").exit_code == 0


def test_vocos_is_split_shown_and_joined_as_the_others_are(tmp_path: Path) -> None:
    torch.save({"model_state": tiny_vocos() | {"step": torch.tensor([7])}}, tmp_path / "a.pt")
    assert "vocos, 27 parameters" in run("split", tmp_path / "a.pt", tmp_path / "vocos").output
    assert "kernel_size" in run("show", tmp_path / "vocos").output
    assert "step 7" in run("verify", tmp_path / "vocos").output
    assert run("join", tmp_path / "vocos", tmp_path / "b.pt").exit_code == 0
    first, again = (
        torch.load(tmp_path / name, weights_only=True)["model_state"] for name in ("a.pt", "b.pt")
    )
    assert list(first) == list(again)
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("command", ["verify", "show", "join"])
def test_folder_that_is_absent_is_one_line(command: str, tmp_path: Path) -> None:
    target = [tmp_path / "out.pt"] if command == "join" else []
    assert_fails_in_one_line(run(command, tmp_path / "absent", *target), "absent", "split")


def test_split_of_something_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "song.pt").write_bytes(b"la la la")
    assert_fails_in_one_line(run("split", tmp_path / "song.pt", tmp_path / "x"), "song.pt")
    torch.save({"layer.weight": torch.ones(2)}, tmp_path / "other.pt")
    assert_fails_in_one_line(run("split", tmp_path / "other.pt", tmp_path / "x"), "layer.weight")
    assert not (tmp_path / "x").exists()


def test_fetch_brings_all_three(server: FileServer, tmp_path: Path) -> None:
    result = run("fetch", "--dir", tmp_path / "new", "--url", server.url)
    assert result.exit_code == 0
    assert [load(path).manifest.model for path in sorted((tmp_path / "new").iterdir())] == [
        *("encoder", "synthesizer", "vocoder")
    ]


def test_fetch_of_the_vocoder_names_the_setting_that_uses_it(
    server: FileServer, tmp_path: Path
) -> None:
    vocoder = run("fetch", "vocoder", "--dir", tmp_path, "--url", server.url)
    assert "VOCODER=wavernn" in vocoder.output
    encoder = run("fetch", "encoder", "--dir", tmp_path, "--url", server.url)
    assert "VOCODER" not in encoder.output


def test_fetch_says_when_it_tries_again(server: FileServer, tmp_path: Path) -> None:
    server.faults = [Fault(drop_after=2000)]
    result = run("fetch", "vocoder", "--dir", tmp_path, "--url", server.url)
    assert result.exit_code == 0
    assert "trying again" in result.stderr


def test_fetch_refuses_all_before_it_downloads_one(
    server: FileServer, folder: Path, tmp_path: Path
) -> None:
    result = run("fetch", "--dir", tmp_path, "--url", server.url)
    assert_fails_in_one_line(result, str(folder), "exists already; --force")
    assert server.ranges == []
    assert run("fetch", "--dir", tmp_path, "--url", server.url, "--force").exit_code == 0


def test_fetch_checks_the_hash_it_is_given(server: FileServer, tmp_path: Path) -> None:
    wanted = ["--dir", str(tmp_path), "--url", server.url, "--sha256", "0" * 64]
    assert_fails_in_one_line(run("fetch", "encoder", *wanted), "expected 0000")
    assert list(tmp_path.iterdir()) == []
    assert run("fetch", *wanted).exit_code == 2  # one hash for three files


def test_fetch_without_a_server_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.001)
    with file_server() as gone:
        url = gone.url
    result = run("fetch", "encoder", "--dir", tmp_path, "--url", url)
    assert_fails_in_one_line(result, f"{url}/encoder.pt", "run the command again")
    assert list(tmp_path.iterdir()) == []
