"""Parts of a text that are not meant to be spoken."""

import time

import pytest

from shared.text.markup import read_markup
from shared.text.unspoken import without_unspoken

SUBTITLES = (
    "1\n00:00:01,000 --> 00:00:03,500\nWho's there?\n\n2\n00:00:04,000 --> 00:00:05,000\nMe.\n"
)


def said(text: str) -> list[str]:
    return [block.content.text.strip() for block in read_markup(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>Let me see.</think>\n\nFour.", ["Four."]),
        ("Let me see.\n</think>\n\nFour.", ["Four."]),
        ("◁think▷Well.◁/think▷Four.", ["Four."]),
        ("I <think> so.", ["I <think> so."]),
        ("<tool_call>{}</tool_call>Done.", ["Done."]),
        ("<|im_start|>assistant\nHello.<|im_end|>", ["Hello."]),
        ("[INST] Hello [/INST]", ["Hello"]),
        ("---\ntitle: A\ntags:\n- b\n---\nHello.", ["Hello."]),
        ("---\nHello.\n---", ["Hello."]),
        (SUBTITLES, ["Who's there?", "Me."]),
        ("WEBVTT\n\n00:01.000 --> 00:04.000 line:0\nHello.", ["Hello."]),
        ("1\n00:00:01,000 --> 00:00:02,000\n{\\an8}Up here.", ["Up here."]),
        ("At 00:01.000 --> 00:04.000 it rains.", ["At 00:01.000 --> 00:04.000 it rains."]),
    ],
)
def test_unspoken_parts_are_left_out(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thanks (^_^) a lot", "Thanks a lot"),
        ("maybe :) depends", "maybe depends"),
        ("No idea ¯\\_(ツ)_/¯", "No idea"),
        ("ಠ_ಠ Really?", "Really?"),
        ("He left (ok?) at once", "He left (ok?) at once"),
        ("f(x) and (a) and (2)", "f(x) and (a) and (2)"),
        ("cats (猫) sleep", "cats (猫) sleep"),
    ],
)
def test_faces_are_left_out_and_leave_single_spaces(text: str, expected: str) -> None:
    assert said(text) == [expected]


def test_delimiters_of_a_table_are_no_faces() -> None:
    assert said("|One|Two|\n|:---|---:|\n|a|b|") == ["One", "Two", "a", "b"]


def test_a_plain_text_keeps_everything() -> None:
    text = "<think>Hm.</think> :)"
    assert [block.content.text for block in read_markup(text, "plain")] == [text]


def test_length_is_kept() -> None:
    for text in (SUBTITLES, "<think>a</think>b :) (^_^)", "---\na: b\n---\nc"):
        assert len(without_unspoken(text)) == len(text)


@pytest.mark.parametrize(
    "unit",
    ["<think>", "</think>", "<|", "---\na:", "00:00:01,000 -->", "1\n", "(^", "(", "¯\\_(", ":)",
     "ʕ", "_", "{\\an", "<｜", "- a\n"],
)  # fmt: skip
def test_hostile_text_takes_linear_time(unit: str) -> None:
    def seconds(size: int) -> float:
        text = ("---\n" + unit * size)[:size]
        started = time.process_time()
        without_unspoken(text)
        return time.process_time() - started

    for _ in range(4):
        ratio = seconds(32_768) / max(seconds(8_192), 1e-3)
        if ratio < 9:
            return
    pytest.fail(f"four times the text takes {ratio:.1f} times as long")
