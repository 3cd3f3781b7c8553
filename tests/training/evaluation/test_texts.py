from training.evaluation.texts import FORTY_WORDS, SENTENCES, TEXTS


def test_texts_are_of_their_kind() -> None:
    assert len(set(SENTENCES)) == 40
    assert [len(text.split()) for text in FORTY_WORDS] == [40, 40]
    assert all(len(text.split()) == 1 for text in TEXTS["one word"])
    assert all(any(map(str.isdigit, text)) for text in TEXTS["numbers"])
    assert all(text.endswith("?") for text in TEXTS["questions"])
