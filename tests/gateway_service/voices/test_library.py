import threading
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event

from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.voices.library import OPENAI_VOICES, VoiceLibrary, presets
from shared.http.errors import InvalidRequest, NotFound
from shared.voices import sample_embeds
from tests.conftest import free_port

EMBED = np.linspace(0, 1, 256, dtype=np.float32)
PRESETS = ["ash", "birch", "cedar", "elm", "hazel", "rowan"]


@pytest.fixture
def library(storage: Storage) -> VoiceLibrary:
    return VoiceLibrary(storage)


def test_presets_are_there_from_the_first_start(library: VoiceLibrary) -> None:
    voices = library.list()
    assert [voice.name for voice in voices] == PRESETS
    assert all(voice.preset for voice in voices)
    np.testing.assert_array_equal(library.find("elm").embed, sample_embeds()["elm"])


def test_preset_has_the_same_id_everywhere() -> None:
    assert presets()["rowan"].id == "voice_" + sha256(b"rowan").hexdigest()[:16]


def test_voice_is_found_by_name_and_id_as_it_was_made(library: VoiceLibrary) -> None:
    made = library.add("Zoë 조이", EMBED, "She agreed.", [{"seconds": 1.5}])
    for asked in ["Zoë 조이", "zoË  조이 ", made.id]:
        found = library.find(asked)
        assert (found.id, found.name, found.preset) == (made.id, "Zoë 조이", False)
        assert (found.consent, found.samples) == ("She agreed.", [{"seconds": 1.5}])
        np.testing.assert_array_equal(found.embed, EMBED)
    assert found.created_at == made.created_at > 1.7e12


def test_one_name_in_two_unicode_forms_is_one_voice(library: VoiceLibrary) -> None:
    made = library.add("Zoe\u0308", EMBED, "yes", [])
    assert made.name == "Zo\u00eb"
    assert library.find("Zo\u00eb").id == made.id


def test_new_voices_are_listed_after_the_presets(library: VoiceLibrary) -> None:
    library.add("anna", EMBED, "yes", [])
    library.add("boris", EMBED, "yes", [])
    names = [voice.name for voice in library.list()]
    assert names[:6] == PRESETS
    assert sorted(names[6:]) == ["anna", "boris"]


@pytest.mark.parametrize("name", ["Anna", "anna", " ANNA "])
def test_name_that_is_taken_is_refused(library: VoiceLibrary, name: str) -> None:
    library.add("Anna", EMBED, "yes", [])
    with pytest.raises(InvalidRequest, match="already; choose another name") as caught:
        library.add(name, EMBED, "yes", [])
    assert (caught.value.param, caught.value.code) == ("name", "voice_exists")


def test_name_of_a_preset_is_refused(library: VoiceLibrary) -> None:
    with pytest.raises(InvalidRequest, match="'Rowan' is a preset"):
        library.add("Rowan", EMBED, "yes", [])


class RacingLibrary(VoiceLibrary):
    """A library in which two names are checked before either is stored."""

    def __init__(
        self, storage: Storage, both_checked: threading.Barrier, max_voices: int = 1000
    ) -> None:
        super().__init__(storage, max_voices)
        self._both_checked = both_checked

    def check_new(self, name: str) -> str:
        name = super().check_new(name)
        self._both_checked.wait(10)
        return name


def test_of_two_at_once_one_gets_the_name(storage: Storage) -> None:
    both_checked = threading.Barrier(2)
    results: list[str] = []

    def add() -> None:
        try:
            library = RacingLibrary(storage, both_checked)
            results.append(library.add("anna", EMBED, "yes", []).name)
        except InvalidRequest as error:
            results.append(error.code)

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["anna", "voice_exists"]


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "a/b", "..", "-x", "a\x00b", "a\u202eb", "voice_0123456789abcdef"]
)
def test_name_that_cannot_be_used_is_refused(library: VoiceLibrary, name: str) -> None:
    with pytest.raises(InvalidRequest, match="name: ") as caught:
        library.add(name, EMBED, "yes", [])
    assert (caught.value.param, caught.value.code) == ("name", "invalid_name")


def test_longest_name_fits_also_where_it_grows_to_be_compared(library: VoiceLibrary) -> None:
    assert library.add("İ" * 80, EMBED, "yes", []).name == "İ" * 80
    with pytest.raises(InvalidRequest, match="is too long"):
        library.add("ﷺ" * 80, EMBED, "yes", [])  # eighteen letters each


def test_unknown_voice_is_answered_with_those_there_are(library: VoiceLibrary) -> None:
    library.add("anna", EMBED, "yes", [])
    with pytest.raises(NotFound, match=r"'nobody'; the voices are ash, .*rowan, anna") as caught:
        library.find("nobody")
    assert (caught.value.param, caught.value.code) == ("voice", "voice_not_found")


@pytest.mark.parametrize("name", OPENAI_VOICES)
def test_openai_voices_are_presets(library: VoiceLibrary, name: str) -> None:
    assert library.find(name).preset
    assert library.find(name.upper()).preset


def test_openai_voices_are_the_thirteen_of_its_client() -> None:
    thirteen = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
    assert list(OPENAI_VOICES) == thirteen.split()


def test_own_voice_comes_before_openais(library: VoiceLibrary) -> None:
    made = library.add("alloy", EMBED, "yes", [])
    assert library.find("alloy").id == made.id
    library.remove("alloy")
    assert library.find("alloy").name == OPENAI_VOICES["alloy"]


def test_removed_voice_is_gone(library: VoiceLibrary) -> None:
    made = library.add("anna", EMBED, "yes", [])
    assert library.remove(made.id).name == "anna"
    for call in (library.find, library.remove):
        with pytest.raises(NotFound):
            call("anna")


@pytest.mark.parametrize("name", ["ash", "alloy", presets()["elm"].id])
def test_preset_stays(library: VoiceLibrary, name: str) -> None:
    with pytest.raises(InvalidRequest, match="preset voice") as caught:
        library.remove(name)
    assert caught.value.code == "preset_voice"


def test_renamed_voice_keeps_its_id_and_its_record(library: VoiceLibrary) -> None:
    made = library.add("Anna", EMBED, "Anna said yes.", [{"file": "a.wav"}])
    assert library.rename("anna", "  Anna Karenina ").name == "Anna Karenina"
    found = library.find("anna karenina")
    assert (found.id, found.name, found.consent) == (made.id, "Anna Karenina", made.consent)
    assert (found.samples, found.created_at) == (made.samples, made.created_at)
    assert np.array_equal(found.embed, made.embed)
    with pytest.raises(NotFound):
        library.find("Anna")


def test_voice_may_take_its_own_name_in_another_case(library: VoiceLibrary) -> None:
    library.add("anna", EMBED, "Anna said yes.", [])
    assert library.rename("anna", "Anna").name == "Anna"


@pytest.mark.parametrize(
    ("name", "code"),
    [("BEN", "voice_exists"), ("Ash", "voice_exists"), ("  ", "invalid_name")],
)
def test_voice_does_not_get_a_name_that_is_taken_or_invalid(
    library: VoiceLibrary, name: str, code: str
) -> None:
    library.add("Anna", EMBED, "Anna said yes.", [])
    library.add("Ben", EMBED, "Ben said yes.", [])
    with pytest.raises(InvalidRequest) as refused:
        library.rename("Anna", name)
    assert (refused.value.code, refused.value.param) == (code, "name")
    assert library.find("Anna").name == "Anna"


def test_preset_keeps_its_name(library: VoiceLibrary) -> None:
    with pytest.raises(InvalidRequest, match="cannot be renamed"):
        library.rename("ash", "Fraxinus")


def test_library_takes_no_more_than_its_limit(storage: Storage) -> None:
    library = VoiceLibrary(storage, max_voices=1)
    library.add("anna", EMBED, "yes", [])
    with pytest.raises(InvalidRequest, match="1 voices, the limit") as caught:
        library.add("boris", EMBED, "yes", [])
    assert caught.value.code == "too_many_voices"


def test_one_of_two_at_once_gets_the_last_place(storage: Storage) -> None:
    library = RacingLibrary(storage, threading.Barrier(2), max_voices=1)
    results: list[str] = []

    def add(name: str) -> None:
        try:
            library.add(name, EMBED, "yes", [])
            results.append("made")
        except InvalidRequest as error:
            results.append(error.code)

    threads = [threading.Thread(target=add, args=[name]) for name in ("anna", "boris")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["made", "too_many_voices"]


def test_list_and_error_read_nothing_of_how_voices_were_made(library: VoiceLibrary) -> None:
    library.add("anna", EMBED, "yes", [])
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        library.list()
        assert "anna" in library._not_found("nobody").message
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert any("voices.name" in statement for statement in statements)
    assert not any("samples" in statement or "embed" in statement for statement in statements)


def test_error_names_the_newest_and_counts_the_others(library: VoiceLibrary) -> None:
    for number in range(17):
        library.add(f"Anna {number}", EMBED, "yes", [])
    with pytest.raises(NotFound, match=r"rowan, Anna .* and 3 more \(GET"):
        library.find("nobody")


def test_presets_speak_while_the_database_is_away(tmp_path: Path) -> None:
    url = f"mysql://user:password@127.0.0.1:{free_port()}/voices"
    with closing(Storage(url, tmp_path)) as storage:
        library = VoiceLibrary(storage)
        assert library.find("Rowan").preset
        with pytest.raises(StorageUnavailable):
            library.find("anna")
