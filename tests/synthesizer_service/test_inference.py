"""Failed attempts are repeated."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from shared.http.errors import InvalidRequest
from synthesizer_service import inference
from synthesizer_service.schemas import CharsRequest, TextRequest
from synthesizer_service.settings import Settings
from synthesizer_service.tacotron.attention_monitor import Fault
from synthesizer_service.tacotron.model import Generated, Tacotron
from synthesizer_service.text import ids_of
from tests.synthesizer_service.tacotron.test_model import TINY

SETTINGS = Settings()
EMBED = np.full(256, 1 / 16, np.float32)


@pytest.fixture
def model() -> Tacotron:
    return Tacotron(replace(TINY, speaker_embedding_size=256)).eval()


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[Fault | None]:
    """The monitor's result for each attempt, in order; no fault once the list is empty."""
    found: list[Fault | None] = []
    monkeypatch.setattr(inference, "find_fault", lambda *_: found.pop(0) if found else None)
    return found


@pytest.fixture(autouse=True)
def seeds(model: Tacotron, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seed of each attempt; the mel of an attempt is full of its seed."""
    used: list[int] = []

    def generate(
        chars: torch.Tensor, embeds: Any, generators: list[torch.Generator], max_frames: int
    ) -> Generated:
        used.append(generators[0].initial_seed())
        mel = torch.full((80, 5), float(used[-1]))
        return Generated([mel], [torch.ones(3, chars.shape[1]) / chars.shape[1]], [True])

    monkeypatch.setattr(model, "generate", generate)
    return used


def speak(model: Tacotron, **fields: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"text": "Hello.", "embed": EMBED, "seed": 1, "attention": False}
    request = TextRequest.model_construct(**(defaults | fields))
    return inference.synthesize(model, request, SETTINGS)


def test_first_attempt_without_a_fault_is_the_answer(
    model: Tacotron, faults: list[Fault | None], seeds: list[int]
) -> None:
    answer = speak(model)
    assert set(answer) == {"spec"}
    assert seeds == [1]


def test_fault_brings_another_seed_and_the_answer_says_so(
    model: Tacotron, faults: list[Fault | None], seeds: list[int]
) -> None:
    faults += ["stalled"]
    answer = speak(model)
    assert (answer["retries"], answer["fault"]) == (1, None)
    assert seeds == [1, 2]
    assert (answer["spec"] == 2).all()


def test_least_bad_attempt_is_the_answer_when_all_went_astray(
    model: Tacotron, faults: list[Fault | None], seeds: list[int]
) -> None:
    faults += ["ended_early", "skipped", "repeated"]
    answer = speak(model)
    assert (answer["retries"], answer["fault"]) == (2, "skipped")
    assert len(seeds) == SETTINGS.max_attempts
    assert (answer["spec"] == 2).all()


def test_highest_seed_has_a_next_one(model: Tacotron, faults: list[Fault | None]) -> None:
    faults += ["stalled"]
    assert speak(model, seed=2**63 - 1)["retries"] == 1


def test_batch_says_which_of_it_was_made_anew(
    model: Tacotron, faults: list[Fault | None], seeds: list[int]
) -> None:
    faults += [None, "repeated"]
    chars = np.array([[20, 21, 1], [22, 23, 1]])
    request = CharsRequest.model_construct(
        chars=chars, batched_embeds=np.stack([EMBED, EMBED]), seed=4
    )
    answer = inference.synthesize(model, request, SETTINGS)
    assert answer["retries"] == [0, 1]
    assert answer["fault"] == [None, None]
    assert seeds == [4, 4, 5]


def test_attention_is_given_when_asked_for(model: Tacotron, faults: list[Fault | None]) -> None:
    answer = speak(model, attention=True)
    assert answer["attention"].shape == (3, len("Hello.") + 1)


@pytest.mark.parametrize("text", ["Hello", 'Hello "', "Hello 👋", "Hello)", "Hello,", "Hello -"])
def test_text_is_closed_by_a_mark_before_the_network_sees_it(
    model: Tacotron,
    text: str,
    faults: list[Fault | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[int]] = []
    generate = model.generate

    def watched(chars: torch.Tensor, *args: Any, **kwargs: Any) -> Generated:
        seen.append(chars[0].tolist())
        return generate(chars, *args, **kwargs)

    monkeypatch.setattr(model, "generate", watched)
    speak(model, text=text)
    chars = np.array([ids_of("hello")])
    request = CharsRequest.model_construct(chars=chars, batched_embeds=EMBED[None], seed=1)
    inference.synthesize(model, request, SETTINGS)
    assert seen == [ids_of("hello.")] * 2


def runaway(path: list[int], length: int, stopped: bool = False) -> Generated:
    """Speech whose attention takes `path` over `length` symbols; step i sounds i / 1000."""
    attention = torch.zeros(len(path), length)
    attention[torch.arange(len(path)), torch.tensor(path)] = 1
    steps = torch.arange(len(path)) / 1000
    return Generated([steps.repeat_interleave(2).expand(80, -1)], [attention], [stopped])


def test_take_that_never_stops_is_cut_where_its_attention_ended(
    model: Tacotron, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.decoder.r.fill_(2)
    path = [*range(8), *[7] * 400]
    monkeypatch.setattr(model, "generate", lambda *_, **__: runaway(path, 8))
    answer = speak(model, text="Hello.", attention=True)
    assert answer["fault"] == "never_stopped"
    assert answer["retries"] == SETTINGS.max_attempts - 1
    assert 14 <= answer["spec"].shape[1] < 60
    assert answer["attention"].shape[0] * 2 == answer["spec"].shape[1]


def test_text_of_which_no_attempt_is_of_use_is_refused_by_name(
    model: Tacotron, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "generate", lambda *_, **__: runaway([2] * 400, 8))
    with pytest.raises(InvalidRequest, match=r"text: 'Hello\.' could not be spoken") as refused:
        speak(model, text="Hello.")
    assert (refused.value.code, refused.value.param) == ("speech_failed", "text")


def test_least_bad_attempt_of_use_is_the_answer(
    model: Tacotron, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = [runaway([2] * 400, 8, stopped=True), runaway([*range(8), *[7] * 99], 8)]
    takes.append(takes[0])
    monkeypatch.setattr(model, "generate", lambda *_, **__: takes.pop(0))
    assert speak(model, text="Hello.")["fault"] == "never_stopped"


@pytest.mark.parametrize(("text", "seconds"), [("No.", 3), ("Hello there.", 5), ("word " * 50, 20)])
def test_frames_are_bounded_by_the_length_of_the_text(
    model: Tacotron, text: str, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []
    generate = model.generate

    def watched(*args: Any, **kwargs: Any) -> Generated:
        limits.append(kwargs["max_frames"])
        return generate(*args, **kwargs)

    monkeypatch.setattr(model, "generate", watched)
    speak(model, text=text)
    assert len(text) / 20 < limits[0] / inference.FRAMES_A_SECOND <= seconds
