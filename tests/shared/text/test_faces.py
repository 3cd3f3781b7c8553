"""Emoticons drawn with characters."""

import pytest

from shared.text.faces import NOTHING, without_faces


@pytest.mark.parametrize(
    "face", ["(^_^)", "¯\\_(ツ)_/¯", "T_T", ":)", ";-)", "ʕ•ᴥ•ʔ", "ಠ_ಠ", "(>_<)", "(╯°□°)╯", "\\o/"]
)
def test_face_is_hidden_in_its_place(face: str) -> None:
    text = f"well {face} then"
    assert without_faces(text) == f"well {NOTHING * len(face)} then"


@pytest.mark.parametrize(
    "text",
    [
        "f(x)",
        "(a)",
        "(2)",
        "(ok?)",
        "(猫)",
        "10:30",
        "C:/temp",
        "a_b",
        "std::o",
        "(see p. 4)",
        "(…)",
    ],
)
def test_what_only_looks_like_a_face_is_kept(text: str) -> None:
    assert without_faces(text) == text
