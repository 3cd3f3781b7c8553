from pathlib import Path

import pytest

from gateway_service.access.api_keys import ApiKeys


def test_only_listed_keys_have_a_fingerprint() -> None:
    keys = ApiKeys.read(" one,two ,, three", None)
    fingerprints = [keys.fingerprint(key) for key in (b"one", b"two", b"three")]
    assert None not in fingerprints
    assert len(set(fingerprints)) == 3
    assert [keys.fingerprint(key) for key in (b"", b" one", b"ONE", b"one,two")] == [None] * 4


def test_file_has_one_key_a_line_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# allowed\nfirst\n\nsecond  # Ash's\n")
    keys = ApiKeys.read("listed", file)
    assert all(keys.fingerprint(key) for key in (b"first", b"second", b"listed"))
    assert keys.fingerprint(b"# allowed") is None


def test_fingerprint_does_not_reveal_the_key() -> None:
    fingerprint = ApiKeys(["sk-secret"]).fingerprint(b"sk-secret")
    assert fingerprint
    assert "secret" not in fingerprint
    assert "sk-secret" not in repr(vars(ApiKeys(["sk-secret"])))


def test_missing_keys_are_false() -> None:
    assert not ApiKeys.read("", None)
    assert ApiKeys.read("one", None)


def test_setting_without_a_key_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="API_KEYS contains no key"):
        ApiKeys.read(" , ", None)
    empty = tmp_path / "keys"
    empty.write_text("# none yet\n")
    with pytest.raises(ValueError, match="keys contains no key"):
        ApiKeys.read("one", empty)
    with pytest.raises(ValueError, match="cannot be read"):
        ApiKeys.read("one", tmp_path / "missing")
