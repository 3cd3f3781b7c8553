from pathlib import Path

import pytest

from gateway_service.access.api_keys import ApiKeys


def test_every_listed_key_is_known_and_no_other() -> None:
    keys = ApiKeys.read(" one,two ,, three", None)
    holders = [keys.fingerprint(key) for key in (b"one", b"two", b"three")]
    assert None not in holders
    assert len(set(holders)) == 3
    assert [keys.fingerprint(key) for key in (b"", b" one", b"ONE", b"one,two")] == [None] * 4


def test_file_has_a_key_a_line_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# who may\nfirst\n\nsecond  # of Ash\n")
    keys = ApiKeys.read("listed", file)
    assert all(keys.fingerprint(key) for key in (b"first", b"second", b"listed"))
    assert keys.fingerprint(b"# who may") is None


def test_name_of_a_holder_does_not_give_the_key_away() -> None:
    holder = ApiKeys(["sk-secret"]).fingerprint(b"sk-secret")
    assert holder
    assert "secret" not in holder
    assert "sk-secret" not in repr(vars(ApiKeys(["sk-secret"])))


def test_no_keys_are_false() -> None:
    assert not ApiKeys.read("", None)
    assert ApiKeys.read("one", None)


def test_keys_that_were_meant_and_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="API_KEYS has no key"):
        ApiKeys.read(" , ", None)
    empty = tmp_path / "keys"
    empty.write_text("# none yet\n")
    with pytest.raises(ValueError, match="has no key in it"):
        ApiKeys.read("one", empty)
    with pytest.raises(ValueError, match="cannot be read"):
        ApiKeys.read("one", tmp_path / "missing")
