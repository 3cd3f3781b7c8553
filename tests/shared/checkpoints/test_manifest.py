import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.checkpoints import manifest as checkpoint_manifest
from shared.checkpoints.manifest import CheckpointError, Manifest, broken, parse_manifest

FOLDER = Path("checkpoints/encoder")
SHA256 = "0" * 64


def entry(index: int, name: str, **changes: Any) -> dict[str, Any]:
    fields = {"name": name, "file": f"{index:03d}_{name}.pt", "shape": [2, 3], "dtype": "float32"}
    return fields | {"sha256": SHA256} | changes


def manifest(**changes: Any) -> dict[str, Any]:
    fields = {
        "format_version": 1,
        "model": "vocoder",
        "architecture": {"rnn_dims": 256, "upsample_factors": [5, 5, 8], "mode": "RAW"},
        "mel_format": {"fmin": 55.0, "symmetric": True},
        "step": 3,
        "source": "a test",
        "licence": "MIT",
        "parameters": [entry(0, "fc1.weight"), entry(1, "fc1.bias", shape=[2])],
    }
    return fields | changes


def parse(fields: Any) -> Manifest:
    return parse_manifest(json.dumps(fields).encode(), FOLDER)


def test_manifest_survives_the_disk() -> None:
    parsed = parse(manifest())
    assert parse_manifest(parsed.to_json(), FOLDER) == parsed
    assert parsed.architecture["upsample_factors"] == (5, 5, 8)
    assert parsed.parameters[0].tensor_bytes == 24


def test_manifest_has_one_line_for_each_parameter() -> None:
    lines = parse(manifest()).to_json().decode().splitlines()
    assert sum("sha256" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "format_version: Input should be 1, got 2"),
        ({"format_version": "1"}, "format_version"),
        ({"model": "translator"}, "model"),
        ({"surprise": 1}, "surprise"),
        ({"step": -1}, "step"),
        ({"step": True}, "step"),
        ({"source": "\x1b[2J"}, "source"),
        ({"licence": None}, "licence"),
        ({"architecture": {"rnn_dims": {"a": 1}}}, "architecture.rnn_dims"),
        ({"architecture": {"__class__ ": 1}}, "architecture"),
        ({"mel_format": []}, "mel_format"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {}}, "parameters"),
    ],
)
def test_field_that_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"manifest.json: {message}"):
        parse(manifest(**changes))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([entry(0, "a"), entry(1, "a")], "parameter a is listed twice"),
        (
            [entry(0, "a"), entry(1, "b", file="000_a.pt")],
            "b is in '000_a.pt', must be in '001_b.pt'",
        ),
        ([entry(0, "a", file="../../etc/passwd")], "must be in '000_a.pt'"),
        ([entry(0, "a", file="/dev/zero")], "must be in '000_a.pt'"),
        ([entry(0, "a", file="manifest.json")], "must be in '000_a.pt'"),
        ([entry(1, "a")], "must be in '000_a.pt'"),
        ([entry(0, "../a", file="000_../a.pt")], "parameters.0.name"),
        ([entry(0, "a/b", file="000_a/b.pt")], "parameters.0.name"),
        ([entry(0, "a", shape=[2**20, 2**20])], r"000_a.pt has shape \[1048576, 1048576\]"),
        ([entry(0, "a", shape=[10**30])], "parameters.0.shape.0"),
        ([entry(0, "a", shape=[-1])], "parameters.0.shape.0"),
        ([entry(0, "a", shape=[1.5])], "parameters.0.shape.0"),
        ([entry(0, "a", shape=[1] * 9)], "parameters.0.shape"),
        ([entry(0, "a", dtype="object")], "parameters.0.dtype"),
        ([entry(0, "a", sha256="0" * 63)], "parameters.0.sha256"),
    ],
)
def test_parameter_that_is_wrong_is_named(parameters: list[Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        parse(manifest(parameters=parameters))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"not JSON",
        b"\xff\xfe{}",
        b'{"format_version": 1',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"format_version": NaN}',
        b'{"format_version": ' + b"9" * 10_000 + b"}",
    ],
)
def test_invalid_manifest_is_refused_with_the_remedy(data: bytes) -> None:
    with pytest.raises(CheckpointError, match="To restore it: ") as raised:
        parse_manifest(data, FOLDER)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


def remedy(folder: Path) -> str:
    return str(broken(folder, "it is broken")).partition("To restore it: ")[2]


def test_bundled_folder_comes_back_out_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_manifest, "REPOSITORY", tmp_path)
    (tmp_path / ".git").mkdir()
    ours = tmp_path / "checkpoints/vocoder"
    assert remedy(ours).startswith(f"`git checkout -- {ours}`")
    assert "`better checkpoints fetch --force vocoder`" in remedy(ours)
    monkeypatch.chdir(tmp_path)
    assert "`git checkout -- checkpoints/encoder`" in remedy(Path("checkpoints/encoder"))


def test_image_without_the_repository_names_no_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_manifest, "REPOSITORY", tmp_path)
    assert remedy(tmp_path / "checkpoints/vocoder").startswith("`better checkpoints fetch --force")
    assert "git" not in remedy(tmp_path / "checkpoints/vocoder")


def test_vocos_has_no_official_weights_but_another_network_may_speak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_manifest, "REPOSITORY", tmp_path)
    bundled, elsewhere = tmp_path / "checkpoints/vocos", tmp_path / "mine/vocos"
    assert remedy(bundled) == "copy the bundled weights from the repository again"
    assert "copy the repository's checkpoints/vocos there" in remedy(elsewhere)
    for folder in (bundled, elsewhere):
        folder.with_name("vocoder").mkdir(parents=True)
        assert f"use {folder.with_name('vocoder')} with VOCODER=wavernn" in remedy(folder)
        assert "fetch" not in remedy(folder)


def test_folder_elsewhere_comes_back_from_where_it_came(tmp_path: Path) -> None:
    said = remedy(tmp_path / "two words/vocoder")
    assert f"`better checkpoints fetch --force --dir '{tmp_path}/two words' vocoder`" in said
    assert "`better train export --force`" in said
    assert "git" not in said
    assert "fetch" not in remedy(tmp_path / "my-vocoder")


@given(st.data())
def test_damaged_manifest_is_accepted_or_refused_but_never_breaks(data: st.DataObject) -> None:
    whole = bytearray(json.dumps(manifest()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        parsed = parse_manifest(bytes(whole), FOLDER)
    except CheckpointError:
        return
    assert all(entry.file == Path(entry.file).name for entry in parsed.parameters)
