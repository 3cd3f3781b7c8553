import pytest

from gateway_service.speech.dialogue import MAX_VOICES, Dialogue
from shared.http.errors import InvalidRequest, TooLarge

TEXT = """She came in.

[voice: birch]
Who is there?
[Voice: Ada]
It is me. Good evening.

[voice:birch]
Good evening."""


def dialogue_of(text: str, text_format: str = "auto", **voices: str) -> Dialogue:
    dialogue = Dialogue(voices)
    dialogue.add(text, text_format=text_format)  # type: ignore[arg-type]
    return dialogue


def test_line_sets_the_voice_of_the_lines_below_it() -> None:
    dialogue = dialogue_of(TEXT, Ada="ash(2)+elm")

    assert dialogue.asked == ["birch", "ash(2)+elm"]
    spoken = [
        (piece.text, at) for piece, at in zip(dialogue.pieces, dialogue.speakers, strict=True)
    ]
    assert spoken == [
        ("She came in.", None),
        ("Who is there?", 0),
        ("It is me.", 1),
        ("Good evening.", 1),
        ("Good evening.", 0),
    ]
    assert dialogue.sources == [text for text, _ in spoken]


@pytest.mark.parametrize(
    ("text", "text_format"),
    [
        (TEXT, "plain"),
        ("<speak>One.\n[voice: ash]\nTwo.</speak>", "auto"),
        ("He said [voice: ash] twice.", "auto"),
    ],
)
def test_other_texts_keep_their_brackets(text: str, text_format: str) -> None:
    assert dialogue_of(text, text_format).asked == []


def test_text_of_voice_lines_alone_is_blank() -> None:
    with pytest.raises(InvalidRequest, match="input: is blank") as refused:
        dialogue_of("[voice: ash]\n\n[voice: birch]")
    assert refused.value.code == "empty"


def test_too_many_voices_are_refused() -> None:
    lines = "\n".join(f"[voice: v{n}]\nHello." for n in range(MAX_VOICES + 1))
    with pytest.raises(TooLarge, match="over 16 voices") as refused:
        dialogue_of(lines)
    assert refused.value.code == "too_many_speakers"
