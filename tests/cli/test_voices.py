"""`better voices` against a gateway in this process, with SQLite and a fake encoder."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner, Result

from cli.main import better
from gateway_service.access.middleware import access_middleware
from gateway_service.settings import Settings
from gateway_service.storage.database import Storage
from gateway_service.voices import routes as voice_routes
from gateway_service.voices.library import VoiceLibrary
from shared.http.app import create_app
from shared.http.tensors import Float32Array
from shared.voices import mean_embed, presets, sample_embeds
from tests.support.fake_encoder import FakeEncoder
from tests.support.scripted_server import answer, json_response
from tests.support.served_app import served
from tests.support.stand_ins import MakeServer

KEY = "sk-one"
CONSENT = ["--consent", "The speaker agreed."]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a gateway with a key, and no voices but the presets."""
    storage = Storage("", tmp_path_factory.mktemp("data"), 2, min_free_bytes=0)
    storage.migrate()
    settings = Settings.model_validate({"api_keys": KEY})
    state = SimpleNamespace(settings=settings, chain=FakeEncoder(), voices=VoiceLibrary(storage))
    app = create_app(
        "gateway",
        "Voices.",
        settings,
        load=lambda: state,
        middleware=access_middleware(settings),
    )
    app.include_router(voice_routes.router)
    with served(app) as url:
        yield url
    storage.close()


@pytest.fixture(autouse=True)
def old_voices(gateway: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an earlier version's voices; the environment names the gateway."""
    monkeypatch.setenv("GATEWAY_URL", gateway)
    monkeypatch.setenv("API_KEY", KEY)
    folder = tmp_path / "voices"
    monkeypatch.setenv("VOICES_DIR", str(folder))
    return folder


@pytest.fixture
def ash(tmp_path: Path) -> str:
    """A file that the fake encoder reads as a recording of ash."""
    path = tmp_path / "ash.wav"
    path.write_bytes(b"ash")
    return str(path)


@pytest.fixture
def saved(ash: str) -> Iterator[str]:
    """The name of a voice in the library."""
    assert voices("add", "mine", ash, *CONSENT).exit_code == 0
    yield "mine"
    voices("rm", "mine")


def voices(*arguments: str) -> Result:
    return CliRunner().invoke(better, ["voices", *arguments])


def fails(*arguments: str) -> str:
    """The one line of a command that fails."""
    result = voices(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_voice_is_added_listed_shown_and_removed(ash: str) -> None:
    added = voices("add", "mine", ash, *CONSENT)
    assert added.stdout == "saved mine\n"
    assert added.stderr == "Warning: ash.wav: a little far away\n"
    listed = voices("list")
    assert listed.output.splitlines() == [*(f"{name}  (preset)" for name in presets()), "mine"]

    shown = orjson.loads(voices("show", "mine").output)
    assert (shown["name"], shown["preset"]) == ("mine", False)
    assert shown["consent"] == "The speaker agreed."
    assert [sample["file"] for sample in shown["samples"]] == ["ash.wav"]

    assert voices("rm", "mine").output == "removed mine\n"
    assert "mine" not in voices("list").output


def test_several_clips_become_one_voice(tmp_path: Path, ash: str) -> None:
    other = tmp_path / "again.wav"
    other.write_bytes(b"ash 7")
    assert voices("add", "both", ash, str(other), *CONSENT).exit_code == 0
    shown = orjson.loads(voices("show", "both").output)
    assert [sample["file"] for sample in shown["samples"]] == ["ash.wav", "again.wav"]
    voices("rm", "both")


def test_preset_is_shown() -> None:
    assert orjson.loads(voices("show", "ash").output)["preset"] is True


def test_exported_voice_can_be_imported(saved: str, tmp_path: Path) -> None:
    exported = voices("export", saved)
    file = tmp_path / "mine.json"
    file.write_bytes(exported.stdout_bytes)
    np.testing.assert_allclose(
        orjson.loads(file.read_bytes())["embedding"], sample_embeds()["ash"], rtol=1e-6
    )
    voices("rm", saved)

    assert voices("import", str(file)).output == "saved mine\n"

    assert voices("export", saved).stdout_bytes == exported.stdout_bytes


# Voices of an earlier version


@pytest.fixture
def old_file(old_voices: Path) -> Path:
    old_voices.mkdir()
    file = old_voices / "grandma.json"
    embed = sample_embeds()["elm"].tolist()
    file.write_bytes(orjson.dumps({"name": "grandma", "clips": ["a.wav"], "embed": embed}))
    return file


def test_list_says_where_voices_of_an_earlier_version_lie(old_file: Path) -> None:
    listed = voices("list")
    assert "grandma" not in listed.stdout
    assert f"{old_file.parent} holds voices of an earlier version (grandma)" in listed.stderr
    assert f"better voices import '{old_file.parent}'/*.json --consent" in listed.stderr


def test_voice_of_an_earlier_version_is_imported_with_a_consent(old_file: Path) -> None:
    assert "states no consent; add --consent" in fails("import", str(old_file))

    assert voices("import", str(old_file), *CONSENT).output == "saved grandma\n"

    embedding = orjson.loads(voices("export", "grandma").output)["embedding"]
    np.testing.assert_allclose(embedding, sample_embeds()["elm"], rtol=1e-6)
    voices("rm", "grandma")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "is not the file of a voice"),
        (b'{"name": "mine"}', "is not the file of a voice"),
        (b'{"name": "mine", "embed": [1, 2]}', "embedding"),
    ],
)
def test_file_that_is_no_voice_is_named(content: bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(content)
    assert why in fails("import", str(file), *CONSENT)


# Failures


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["add", "mine", "CLIP"], "--consent is missing"),
        (["add", "ash", "CLIP", *CONSENT], "the gateway answered 400: name: "),
        (["add", "../x", "CLIP", *CONSENT], "the gateway answered 400: name: "),
        (["add", "mine", "CLIP", "--consent", "?"], "the gateway answered 400: consent: "),
        (["add", "\udcff", "CLIP", *CONSENT], "is not UTF-8"),
        (["rm", "ash"], "ash is a preset voice"),
        (["rm", "nobody"], "the gateway answered 404: voice: "),
        (["show", "nobody"], "'nobody'"),
        (["show", "a?b#c d"], "'a?b#c d'"),
        (["show", "a/b"], "cannot be a voice's name"),
        (["show", ".."], "cannot be a voice's name"),
        (["show", ""], "cannot be a voice's name"),
        (["show", "\udcff"], "is not UTF-8"),
        (["show", "x" * 5000], "240"),
    ],
)
def test_error_is_one_line(arguments: list[str], why: str, ash: str) -> None:
    assert why in fails(*(ash if part == "CLIP" else part for part in arguments))


def test_name_is_not_taken_twice(saved: str, ash: str) -> None:
    line = fails("add", saved, ash, *CONSENT)
    assert "the gateway answered 400: name: " in line
    assert f"'{saved}'" in line


@pytest.mark.parametrize("key", ["", "sk-other", "sk-ключ"])
def test_missing_or_wrong_key_is_named(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", key)
    line = fails("show", "ash")
    assert "asks for an API key; set API_KEY" in line
    assert key == "" or key not in line


def test_list_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    assert voices("list").exit_code == 0


def test_gateway_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_URL", "http://127.0.0.1:9")
    line = fails("list")
    assert "no gateway answers at http://127.0.0.1:9" in line
    assert "start one with `better serve`, or set GATEWAY_URL" in line


def test_address_that_is_no_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_URL", "not a url")
    assert "GATEWAY_URL is 'not a url'" in fails("list")


@pytest.mark.parametrize(
    "reply",
    [answer(200, b"<html>"), json_response([1]), answer(502), json_response({"detail": "no"}, 404)],
)
def test_server_that_is_no_gateway_is_named(
    reply: Any, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_URL", make_server(reply).url)
    assert "which no gateway does; check GATEWAY_URL" in fails("list")


def test_proxy_is_not_asked_for_a_gateway_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert voices("list").exit_code == 0


# Embeddings


def test_presets_are_the_clips_that_ship() -> None:
    assert list(presets()) == ["ash", "birch", "cedar", "elm", "hazel", "rowan"]
    assert all(path.is_file() for path in presets().values())


def test_the_mean_of_several_embeddings_has_unit_length() -> None:
    rng = np.random.default_rng(0)
    embeds: list[Float32Array] = [
        e / np.linalg.norm(e) for e in rng.random((3, 256), dtype=np.float32)
    ]

    mean = mean_embed(embeds)

    assert mean.dtype == np.float32
    assert np.linalg.norm(mean) == pytest.approx(1)
    similarities = [float(mean @ e) for e in embeds]
    assert min(similarities) > max(embeds[0] @ embeds[1], embeds[0] @ embeds[2])


def test_the_mean_of_one_embedding_is_that_one_to_the_last_bit() -> None:
    embed = np.random.default_rng(0).random(256, dtype=np.float32)  # of another length than 1
    assert np.array_equal(mean_embed([embed]), embed)
