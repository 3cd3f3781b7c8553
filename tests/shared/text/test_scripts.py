import pytest

from shared.text.scripts import (
    UnreadableScript,
    hide_unreadable,
    require_readable,
    without_unreadable,
)
from shared.text.spans import SpannedText


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("안녕하세요. 반갑습니다!", "Hangul"),
        ("こんにちは、世界。", "Hiragana"),
        ("これはテストです OK", "Japanese"),
        ("你好，世界", "Han"),
        ("Привет, как дела?", "Cyrillic"),
        ("مرحبا بالعالم", "Arabic"),
        ("שלום עולם", "Hebrew"),
        ("สวัสดีชาวโลก", "Thai"),
        ("नमस्ते दुनिया", "Devanagari"),
        ("Καλημέρα κόσμε", "Greek"),
    ],
)
def test_a_text_in_another_script_is_refused_by_its_name(text: str, script: str) -> None:
    with pytest.raises(UnreadableScript, match=script):
        require_readable(text)


@pytest.mark.parametrize(
    "text",
    [
        "Plain words.",
        "Café, naïve, Ångström, łódź",
        "5 µm and 5 μm, π is 3.14",
        "Ｆｕｌｌ ｗｉｄｔｈ",
        "𝐁𝐨𝐥𝐝",
        "ªº",
        "",
        "123",
        "👋",
    ],
)
def test_what_latin_readers_write_is_read_whole(text: str) -> None:
    assert not require_readable(text)
    assert without_unreadable(SpannedText.plain(text)).text == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Tokyo (東京) is large.", "Tokyo () is large."),
        ("One line.\nー\nAnother line.", "One line.\n\nAnother line."),
        ("The word 안녕 means hello in Korean.", "The word  means hello in Korean."),
        ("Say привет to them, please.", "Say  to them, please."),
    ],
)
def test_a_few_foreign_words_are_left_out_and_counted(text: str, said: str) -> None:
    content = without_unreadable(SpannedText.plain(text))

    assert content.text == said
    assert require_readable(text)
    assert all(text[run.start : run.end] == run.text for run in content.runs)


def test_hidden_words_keep_the_places_of_the_others() -> None:
    assert hide_unreadable("Tokyo (東京) is large.") == "Tokyo (  ) is large."
    with pytest.raises(UnreadableScript, match="Hangul"):
        hide_unreadable("안녕하세요 all")
