import pytest
from pydantic import SecretStr, ValidationError

from gateway_service.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_no_key_is_needed_where_only_this_machine_can_call(host: str) -> None:
    assert not Settings(bind_host=host).allow_anonymous


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
def test_open_to_others_without_keys_is_refused_unless_that_is_meant(host: str) -> None:
    with pytest.raises(ValidationError, match="set API_KEYS, or ALLOW_ANONYMOUS=true"):
        Settings(bind_host=host)
    assert Settings(bind_host=host, allow_anonymous=True)
    assert Settings(bind_host=host, api_keys=SecretStr("one"))


def test_origins_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example/, http://localhost:3000")
    assert Settings().cors_origins == ("https://a.example", "http://localhost:3000")
    monkeypatch.setenv("CORS_ORIGINS", "")
    assert Settings().cors_origins == ()


@pytest.mark.parametrize("origins", ["*", "https://*.example", "example.org", "https://a/path"])
def test_invalid_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", origins)
    with pytest.raises(ValidationError, match="not an origin; write each in full"):
        Settings()


def test_host_names_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "gateway, TTS.example.org")
    assert Settings().allowed_hosts == ("gateway", "tts.example.org")


@pytest.mark.parametrize("hosts", ["*", "https://a.example", "a.example:80", "a.example/"])
def test_invalid_host_name_is_refused(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)
    with pytest.raises(ValidationError, match="not a host name; write each in full"):
        Settings()


@pytest.mark.parametrize("limit", ["60", "many/minute", "60/fortnight"])
def test_invalid_rate_limit_is_refused(limit: str) -> None:
    with pytest.raises(ValidationError, match="write it as 60/minute"):
        Settings(rate_limit=limit)


def test_invalid_address_of_redis_is_refused_without_its_password() -> None:
    with pytest.raises(ValidationError, match="write redis://") as refused:
        Settings(redis_url=SecretStr("http://:sk-hidden@host"))
    assert "hidden" not in str(refused.value)


def test_secrets_are_in_no_message_and_no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", "sk-hidden")
    monkeypatch.setenv("REDIS_URL", "redis://:sk-hidden@host")
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://u:sk-hidden@host/d")
    assert "hidden" not in repr(Settings())
    monkeypatch.setenv("API_KEYS_FILE", "/nowhere")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "hidden" not in str(refused.value)
