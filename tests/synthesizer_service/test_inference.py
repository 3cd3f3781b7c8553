"""Speech that went astray is made anew."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from synthesizer_service import inference
from synthesizer_service.attention_monitor import Fault
from synthesizer_service.model import Generated, Tacotron
from synthesizer_service.schemas import CharsRequest, TextRequest
from synthesizer_service.settings import settings
from tests.synthesizer_service.test_model import TINY

EMBED = np.full(256, 1 / 16, np.float32)


@pytest.fixture
def model() -> Tacotron:
    return Tacotron(replace(TINY, speaker_embedding_size=256)).eval()


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[Fault | None]:
    """What the monitor finds in each attempt, in order; nothing once the list is empty."""
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
    request = TextRequest.model_construct(
        text="Hello.", embed=EMBED, **({"seed": 1, "attention": False} | fields)
    )
    return inference.synthesize(model, request)


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
    faults += ["never_stopped", "skipped", "ended_early"]
    answer = speak(model)
    assert (answer["retries"], answer["fault"]) == (2, "skipped")
    assert len(seeds) == settings.max_attempts
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
    answer = inference.synthesize(model, request)
    assert answer["retries"] == [0, 1]
    assert answer["fault"] == [None, None]
    assert seeds == [4, 4, 5]


def test_attention_is_given_when_asked_for(model: Tacotron, faults: list[Fault | None]) -> None:
    answer = speak(model, attention=True)
    assert answer["attention"].shape == (3, len("Hello.") + 1)
