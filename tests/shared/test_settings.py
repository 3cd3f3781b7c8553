"""Settings that every app reads."""

import pytest
from pydantic import ValidationError

from shared.settings import AppSettings, ServiceSettings


@pytest.mark.parametrize(
    ("given", "path"), [("", ""), ("/", ""), ("/tts", "/tts"), (" /speech/tts/ ", "/speech/tts")]
)
def test_sub_path_is_read_without_its_last_slash(
    given: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT_PATH", given)
    assert AppSettings().root_path == path


@pytest.mark.parametrize("given", ["tts", "/a b", "https://x.y/tts", "/tts?x"])
def test_invalid_sub_path_is_refused_with_an_example(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT_PATH", given)
    with pytest.raises(ValidationError, match="write it as /tts"):
        AppSettings()


def test_host_names_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "TTS.example.org, .example.com,")
    assert ServiceSettings().allowed_hosts == ("tts.example.org", ".example.com")


@pytest.mark.parametrize("given", ["*", "https://x.y", "a b"])
def test_invalid_host_name_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", given)
    with pytest.raises(ValidationError, match="is not a host name"):
        ServiceSettings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AppSettings().queue_limit = 3
