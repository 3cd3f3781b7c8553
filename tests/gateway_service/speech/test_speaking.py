import threading
from collections.abc import Iterator

import numpy as np
import pytest

from client.chain import Chain
from client.wav_stream import Int16Array
from gateway_service.speech import speaking
from gateway_service.speech.speaking import pieces_of, say, sound_of, synthesize
from shared.http.errors import ApiError, InvalidRequest
from shared.text.sentences import SENTENCE_PAUSE, Piece
from tests.support.speech_fixtures import AT_ONCE
from tests.support.stub_services import (
    FRAMES_PER_CHARACTER,
    Refusal,
    StubServices,
    stub_embed,
    tone_of,
)

VOICE = 7


@pytest.fixture
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture
def chain(services: StubServices) -> Iterator[Chain]:
    urls = services.encoder.url, services.synthesizer.url, services.vocoder.url
    with Chain(*urls, retries=AT_ONCE) as chain:
        yield chain


def heard(chain: Chain, text: str, speed: float = 1.0) -> Int16Array:
    sentences = synthesize(chain, pieces_of(text), stub_embed(VOICE), speed=speed)
    return np.concatenate([*sound_of(chain, sentences)])


def loudest(wav: Int16Array) -> float:
    """Hz."""
    return float(np.abs(np.fft.rfft(wav)).argmax() * 16_000 / len(wav))


def seconds_of(text: str, speed: float) -> float:
    """80 mel frames a second, of which the first one takes no time."""
    return (round(FRAMES_PER_CHARACTER * len(text) / speed) - 1) / 80


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 1.7, 4.0])
def test_speed_changes_duration_and_keeps_the_pitch(speed: float, chain: Chain) -> None:
    wav = heard(chain, "A sentence of some length.", speed)

    assert len(wav) / 16_000 == pytest.approx(seconds_of("A sentence of some length.", speed))
    assert loudest(wav) == pytest.approx(tone_of(VOICE), rel=0.01)


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_pauses_follow_the_speed(speed: float, chain: Chain) -> None:
    wav = heard(chain, "One here. Two there.", speed)

    voiced = np.flatnonzero(np.abs(wav) > 100)
    longest = np.diff(voiced).max() / 16_000
    assert longest == pytest.approx(SENTENCE_PAUSE / speed, abs=0.01)


@pytest.mark.parametrize("text", ["One.", "One. Two there! And three?", "Short. " * 9])
@pytest.mark.parametrize("speed", [0.25, 1.0, 1.3])
def test_sentences_know_how_many_samples_they_become(text: str, speed: float, chain: Chain) -> None:
    sentences = list(synthesize(chain, pieces_of(text), stub_embed(), speed=speed))

    expected = sum(sentence.samples for sentence in sentences)
    assert len(np.concatenate([*sound_of(chain, sentences)])) == expected


def test_speech_that_became_too_long_for_the_vocoder_is_sent_in_parts(
    chain: Chain, services: StubServices
) -> None:
    piece = Piece("x" * 240, 0.0)

    sentences = list(synthesize(chain, [piece], stub_embed(), speed=0.25))
    wav = np.concatenate([*sound_of(chain, sentences)])

    lengths = [len(request["spec"][0]) for request in services.vocoder.requests]
    assert sum(lengths) == 4 * FRAMES_PER_CHARACTER * 240
    assert max(lengths) <= 4_800
    assert len(wav) == sentences[0].samples


def test_say_gives_one_piece_with_its_pause(chain: Chain, services: StubServices) -> None:
    wav = np.concatenate([*say(chain, Piece("Hello.", 0.5), stub_embed(), speed=2.0, seed=4)])

    assert len(wav) / 16_000 == pytest.approx(seconds_of("Hello.", 2) + 0.25)
    assert not wav[-4_000:].any()
    assert services.synthesizer.requests[0]["seed"] == 4
    assert services.vocoder.requests[0]["seed"] == 4


def test_same_seed_asks_the_services_the_same(chain: Chain, services: StubServices) -> None:
    for _ in range(2):
        sentences = synthesize(chain, pieces_of("One. Two."), stub_embed(), seed=3)
        list(sound_of(chain, sentences, seed=3))

    for service in (services.synthesizer, services.vocoder):
        assert service.requests[:2] == service.requests[2:]


def test_attention_comes_where_it_was_asked_for(chain: Chain) -> None:
    (with_it,) = synthesize(chain, pieces_of("Hello."), stub_embed(), attention=True)
    (without,) = synthesize(chain, pieces_of("Hello."), stub_embed())

    assert with_it.attention is not None
    assert with_it.attention.shape[1] == len("Hello.")
    assert without.attention is None


def test_next_sentence_is_synthesized_while_one_is_heard(
    chain: Chain, services: StubServices
) -> None:
    second_asked = threading.Event()

    def note(path: str) -> None:
        if len(services.synthesizer.texts) == 2:
            second_asked.set()

    services.synthesizer.before = note
    services.vocoder.before_part = lambda: second_asked.wait(5)

    sentences = synthesize(chain, pieces_of("One. Two."), stub_embed())
    next(sound_of(chain, sentences))

    assert second_asked.is_set()


@pytest.mark.parametrize("text", ["", "  \n "])
def test_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        pieces_of(text)

    assert caught.value.param == "input"


def test_a_sentence_that_cannot_be_said_is_found_before_any_sound(
    chain: Chain, services: StubServices
) -> None:
    with pytest.raises(InvalidRequest, match="你好") as caught:
        speaking.check(chain, [*pieces_of("Hello there."), Piece("你好。", 0)])

    assert (caught.value.param, caught.value.code) == ("input", "nothing_to_speak")
    assert services.vocoder.requests == []


def test_checking_plain_text_costs_no_call(chain: Chain, services: StubServices) -> None:
    speaking.check(chain, pieces_of("Hello there. It is 5 o'clock!"))

    assert services.synthesizer.requests == []


def test_many_doubtful_sentences_are_checked_in_batches(
    chain: Chain, services: StubServices
) -> None:
    speaking.check(chain, [Piece("٣.", 0)] * 40)

    assert [len(request["texts"]) for request in services.synthesizer.requests] == [16, 16, 8]


def test_failure_of_a_service_is_an_api_error(chain: Chain, services: StubServices) -> None:
    services.vocoder.refusal = Refusal(500)

    with pytest.raises(ApiError, match="the vocoder failed"):
        list(say(chain, Piece("Hello.", 0), stub_embed()))


def test_closing_the_sound_ends_the_vocoders_work(chain: Chain, services: StubServices) -> None:
    taken = threading.Event()
    services.vocoder.before_part = lambda: taken.wait(0.01)

    sentences = synthesize(chain, [Piece("x" * 200, 0)], stub_embed())
    sound = sound_of(chain, sentences)
    next(sound)
    sound.close()

    assert services.vocoder.left.wait(5)
