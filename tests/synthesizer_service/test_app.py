"""The synthesizer over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.voices import sample_embeds
from tests.conftest import Service

EMBED = sample_embeds()["ash"].tolist()
SHORT, LONG = "Hello there.", "A longer sentence that goes on for a while, then it ends."


def ids_of(service: Service, texts: list[str]) -> list[list[int]]:
    answer = service("synthesizer").post("/chars/", json={"texts": texts}).raise_for_status()
    chars: list[list[int]] = answer.json()["chars"]
    return chars


def batch(service: Service, texts: list[str], seed: int) -> dict[str, Any]:
    body = {
        "chars": ids_of(service, texts),
        "batched_embeds": [EMBED] * len(texts),
        "seed": seed,
    }
    answer: dict[str, Any] = (
        service("synthesizer").post("/inference/", json=body).raise_for_status().json()
    )
    return answer


def spectrogram(service: Service, **fields: Any) -> list[list[float]]:
    body = {"text": SHORT, "embed": EMBED, **fields}
    answer = service("synthesizer").post("/inference/", json=body).raise_for_status().json()
    assert set(answer) == {"spec"}
    spec: list[list[float]] = answer["spec"]
    return spec


def test_text_gives_a_mel_spectrogram(service: Service) -> None:
    spec = np.array(spectrogram(service))
    assert spec.shape[0] == 80
    assert 20 < spec.shape[1] < 400
    assert np.abs(spec).max() <= 4


def test_words_in_another_script_are_not_spoken(service: Service) -> None:
    plain = spectrogram(service, text="Tokyo is large.", seed=1)
    assert spectrogram(service, text="Tokyo 東京 is large.", seed=1) == plain


def test_chars_are_padded_with_zero(service: Service, golden: Path) -> None:
    wanted = [1, *json.loads((golden / "text.json").read_text())[0]["ids"]]
    chars = ids_of(service, ["Hello, world!", "Hello, world! Hello, world!"])
    assert chars[0][: len(wanted) - 1] == wanted[1:]
    assert set(chars[0][len(wanted) - 1 :]) == {0}
    assert len(chars[0]) == len(chars[1])


def test_batch_is_padded_with_silence(service: Service) -> None:
    answer = batch(service, [SHORT, LONG], seed=1)
    assert set(answer) == {"mel", "lengths"}
    mel, lengths = np.array(answer["mel"]), answer["lengths"]
    assert mel.shape == (2, 80, max(lengths))
    assert lengths[0] < lengths[1]
    assert (mel[0, :, lengths[0] :] == -4).all()


def test_mel_does_not_depend_on_its_batch(service: Service) -> None:
    alone = np.array(batch(service, [SHORT], seed=5)["mel"])[0]
    among = batch(service, [LONG, SHORT, LONG], seed=5)
    assert among["lengths"][1] == alone.shape[1]
    np.testing.assert_allclose(np.array(among["mel"])[1, :, : alone.shape[1]], alone, atol=1e-4)
    np.testing.assert_allclose(spectrogram(service, seed=5), alone, atol=1e-4)


def test_generate_is_inference_by_its_old_name(service: Service) -> None:
    body = {"chars": ids_of(service, [SHORT]), "batched_embeds": [EMBED], "seed": 2}
    answers = [
        service("synthesizer").post(path, json=body).json()
        for path in ("/generate/", "/inference/")
    ]
    assert answers[0] == answers[1]


def test_same_seed_gives_the_same_mel_while_others_run(service: Service) -> None:
    alone = spectrogram(service, seed=7)
    assert spectrogram(service, seed=8) != alone
    with ThreadPoolExecutor(6) as pool:
        seeds = [7, 8, 7, 9, None, 7]
        specs = list(pool.map(lambda seed: spectrogram(service, seed=seed), seeds))
    assert [spec == alone for spec in specs] == [True, False, True, False, False, True]


def test_no_seed_differs_from_call_to_call(service: Service) -> None:
    assert spectrogram(service) != spectrogram(service)


@pytest.mark.parametrize("texts", [[], [""], ["ok", "😀"], [5], "text"])
def test_texts_that_cannot_be_spoken_are_refused(service: Service, texts: Any) -> None:
    response = service("synthesizer").post("/chars/", json={"texts": texts})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "texts"


def test_chars_come_with_the_texts_as_they_will_be_said(service: Service) -> None:
    request = {"texts": ["Dr. Nguyen, 5 km", "FBI"], "lexicon": {"Nguyen": "win"}}
    answer = service("synthesizer").post("/chars/", json=request).raise_for_status().json()
    assert answer["spoken"] == ["doctor win, five kilometers", "eff bee eye"]


@pytest.mark.parametrize("lexicon", [{"x": "5"}, {"x": 5}, {"": "y"}, ["x"]])
def test_lexicon_that_cannot_be_used_is_refused(service: Service, lexicon: Any) -> None:
    request = {"texts": ["x"], "lexicon": lexicon}
    response = service("synthesizer").post("/chars/", json=request)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "lexicon"


def test_lexicon_changes_the_speech(service: Service) -> None:
    plain = spectrogram(service, text="Nguyen.", seed=3)
    assert spectrogram(service, text="Nguyen.", seed=3, lexicon={"Nguyen": "win"}) != plain
    assert spectrogram(service, text="win.", seed=3) == spectrogram(
        service, text="Nguyen.", seed=3, lexicon={"Nguyen": "win"}
    )


@pytest.mark.parametrize("text", ["Hello", 'Hello "', "No", "I", "7", "Hmm", "OK 👋"])
def test_word_without_a_mark_does_not_run_away(service: Service, text: str) -> None:
    assert np.shape(spectrogram(service, text=text, seed=1))[1] < 3 * 80


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It cost $5, not 1,234.50 euros!", "It cost $5 not 1,234.50 euros"),
        ('"Well-known" (Dr.) Smith\'s 3rd FBI file…', "Well-known Dr. Smith's 3rd FBI file"),
        ("Hello", "Hello"),
    ],
)
def test_words_of_the_text_have_times_once_in_their_order(
    service: Service, text: str, words: str
) -> None:
    body = {"text": text, "embed": EMBED, "seed": 1, "timestamps": True}
    answer = service("synthesizer").post("/inference/", json=body).raise_for_status().json()
    assert [word["word"] for word in answer["words"]] == words.split()
    starts = [word["start"] for word in answer["words"]]
    assert starts == sorted(starts)
    seconds = len(answer["spec"][0]) / 80
    assert all(0 <= word["start"] <= word["end"] <= seconds for word in answer["words"])
