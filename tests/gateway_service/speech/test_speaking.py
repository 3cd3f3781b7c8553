import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing

import numpy as np
import pytest

from client.async_chain import AsyncChain
from client.chain import Chain
from client.options import SpeechOptions
from client.speech import Sentence
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

pytestmark = pytest.mark.anyio

VOICE = 7


@pytest.fixture
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture
async def chain(services: StubServices) -> AsyncIterator[AsyncChain]:
    urls = services.encoder.url, services.synthesizer.url, services.vocoder.url
    async with AsyncChain(*urls, retries=AT_ONCE) as chain:
        yield chain


@pytest.fixture
def blocking_chain(services: StubServices) -> Iterator[Chain]:
    urls = services.encoder.url, services.synthesizer.url, services.vocoder.url
    with Chain(*urls, retries=AT_ONCE) as chain:
        yield chain


def synthesized(
    chain: AsyncChain, pieces: Sequence[Piece], *, attention: bool = False, **options: float
) -> AsyncGenerator[Sentence]:
    chosen = SpeechOptions.model_validate(options)
    return synthesize(chain, pieces, stub_embed(VOICE), chosen, attention=attention)


async def sentences_of(
    chain: AsyncChain, pieces: Sequence[Piece], *, attention: bool = False, **options: float
) -> list[Sentence]:
    found = synthesized(chain, pieces, attention=attention, **options)
    return [sentence async for sentence in found]


async def sound(
    chain: AsyncChain, sentences: AsyncGenerator[Sentence], seed: int | None = None
) -> Int16Array:
    options = SpeechOptions(seed=seed)
    return np.concatenate([part async for part in sound_of(chain, sentences, options)])


async def each(sentences: Sequence[Sentence]) -> AsyncGenerator[Sentence]:
    for sentence in sentences:
        yield sentence


async def heard(chain: AsyncChain, text: str, speed: float = 1.0) -> Int16Array:
    return await sound(chain, synthesized(chain, pieces_of(text), speed=speed))


def loudest(wav: Int16Array) -> float:
    """Hz."""
    return float(np.abs(np.fft.rfft(wav)).argmax() * 16_000 / len(wav))


def seconds_of(text: str, speed: float) -> float:
    """80 mel frames per second, less the first."""
    return (round(FRAMES_PER_CHARACTER * len(text) / speed) - 1) / 80


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 1.7, 4.0])
async def test_speed_changes_duration_and_keeps_the_pitch(speed: float, chain: AsyncChain) -> None:
    wav = await heard(chain, "A sentence of some length.", speed)

    assert len(wav) / 16_000 == pytest.approx(seconds_of("A sentence of some length.", speed))
    assert loudest(wav) == pytest.approx(tone_of(VOICE), rel=0.01)


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
async def test_pauses_follow_the_speed(speed: float, chain: AsyncChain) -> None:
    wav = await heard(chain, "One here. Two there.", speed)

    voiced = np.flatnonzero(np.abs(wav) > 100)
    longest = np.diff(voiced).max() / 16_000
    assert longest == pytest.approx(SENTENCE_PAUSE / speed, abs=0.01)


@pytest.mark.parametrize("text", ["One.", "One. Two there! And three?", "Short. " * 9])
@pytest.mark.parametrize("speed", [0.25, 1.0, 1.3])
async def test_sentences_know_how_many_samples_they_become(
    text: str, speed: float, chain: AsyncChain
) -> None:
    sentences = await sentences_of(chain, pieces_of(text), speed=speed)

    expected = sum(sentence.samples for sentence in sentences)
    assert len(await sound(chain, each(sentences))) == expected


async def test_speech_too_long_for_the_vocoder_is_sent_in_parts(
    chain: AsyncChain, services: StubServices
) -> None:
    piece = Piece("x" * 240, 0.0)

    sentences = await sentences_of(chain, [piece], speed=0.25)
    wav = await sound(chain, each(sentences))

    lengths = [len(request["spec"][0]) for request in services.vocoder.requests]
    assert sum(lengths) == 4 * FRAMES_PER_CHARACTER * 240
    assert max(lengths) <= 4_800
    assert len(wav) == sentences[0].samples


def test_say_gives_one_piece_with_its_pause(blocking_chain: Chain, services: StubServices) -> None:
    options = SpeechOptions(speed=2.0, seed=4)
    wav = np.concatenate([*say(blocking_chain, Piece("Hello.", 0.5), stub_embed(), options)])

    assert len(wav) / 16_000 == pytest.approx(seconds_of("Hello.", 2) + 0.25)
    assert not wav[-4_000:].any()
    assert services.synthesizer.requests[0]["seed"] == 4
    assert services.vocoder.requests[0]["seed"] == 4


async def test_same_seed_asks_the_services_the_same(
    chain: AsyncChain, services: StubServices
) -> None:
    for _ in range(2):
        await sound(chain, synthesized(chain, pieces_of("One. Two."), seed=3), seed=3)

    for service in (services.synthesizer, services.vocoder):
        assert service.requests[:2] == service.requests[2:]


async def test_attention_comes_only_on_request(chain: AsyncChain) -> None:
    (with_it,) = await sentences_of(chain, pieces_of("Hello."), attention=True)
    (without,) = await sentences_of(chain, pieces_of("Hello."))

    assert with_it.attention is not None
    assert with_it.attention.shape[1] == len("Hello.")
    assert without.attention is None


async def test_next_sentence_is_synthesized_while_one_is_heard(
    chain: AsyncChain, services: StubServices
) -> None:
    second_asked = threading.Event()

    def note(path: str) -> None:
        if len(services.synthesizer.texts) == 2:
            second_asked.set()

    services.synthesizer.before = note
    services.vocoder.before_part = lambda: second_asked.wait(5)

    sentences = synthesized(chain, pieces_of("One. Two."))
    async with aclosing(sound_of(chain, sentences, SpeechOptions())) as sound:
        await anext(sound)

    assert second_asked.is_set()


@pytest.mark.parametrize("text", ["", "  \n "])
def test_blank_text_is_an_invalid_request(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        pieces_of(text)

    assert caught.value.param == "input"


async def test_unspeakable_sentence_is_found_before_any_sound(
    chain: AsyncChain, services: StubServices
) -> None:
    with pytest.raises(InvalidRequest, match="你好") as caught:
        await speaking.check(chain, [*pieces_of("Hello there."), Piece("你好。", 0)])

    assert (caught.value.param, caught.value.code) == ("input", "nothing_to_speak")
    assert services.vocoder.requests == []


async def test_checking_plain_text_costs_no_call(chain: AsyncChain, services: StubServices) -> None:
    await speaking.check(chain, pieces_of("Hello there. It is 5 o'clock!"))

    assert services.synthesizer.requests == []


async def test_many_doubtful_sentences_are_checked_in_batches(
    chain: AsyncChain, services: StubServices
) -> None:
    await speaking.check(chain, [Piece("٣.", 0)] * 40)

    assert [len(request["texts"]) for request in services.synthesizer.requests] == [16, 16, 8]


async def test_failure_of_a_service_is_an_api_error(
    chain: AsyncChain, blocking_chain: Chain, services: StubServices
) -> None:
    services.vocoder.refusal = Refusal(500)

    with pytest.raises(ApiError, match="the vocoder failed"):
        await heard(chain, "Hello.")
    with pytest.raises(ApiError, match="the vocoder failed"):
        list(say(blocking_chain, Piece("Hello.", 0), stub_embed()))


async def test_closing_the_sound_ends_the_call_to_the_vocoder(
    chain: AsyncChain, services: StubServices
) -> None:
    taken = threading.Event()
    services.vocoder.before_part = lambda: taken.wait(0.01)

    sentences = synthesized(chain, [Piece("x" * 200, 0)])
    async with aclosing(sound_of(chain, sentences, SpeechOptions())) as sound:
        await anext(sound)

    assert services.vocoder.left.wait(5)


def test_closing_say_ends_the_call_to_the_vocoder(
    blocking_chain: Chain, services: StubServices
) -> None:
    taken = threading.Event()
    services.vocoder.before_part = lambda: taken.wait(0.01)

    said = say(blocking_chain, Piece("x" * 200, 0), stub_embed())
    next(said)
    said.close()

    assert services.vocoder.left.wait(5)
