"""The WebSocket for text that streams in, over a server, by another library's client."""

import io
import json
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed

from gateway_service.settings import Settings
from gateway_service.speech import stream_routes
from gateway_service.speech.utterance import FRAME_BYTES
from shared.http.websocket_protocol import MAX_MESSAGE_BYTES
from tests.support.leaving_clients import wait_until
from tests.support.speech_fixtures import SpeechServer, server, server_of_module, speech_server
from tests.support.stream_client import (
    SECONDS,
    Event,
    StreamClient,
    events_of,
    sound_of,
    stream_client,
)
from tests.support.stub_services import Refusal

__all__ = ["server", "server_of_module"]

TEXT = "Good morning, Mr. Ash. It costs $5. Is it 5 p.m. in London?"
SENTENCES = ["Good morning, Mr. Ash.", "It costs $5.", "Is it 5 p.m. in London?"]
LONG = "This sentence is rather long, and it goes on and on and on for a while. "
CANCELLED = {
    "type": "audio.cancelled",
    "utterance_index": 0,
    "sentence_index": 0,
    "reason": "client_cancel",
}


@pytest.fixture
def client(server: SpeechServer) -> Iterator[StreamClient]:
    with stream_client(server.url) as client:
        client.configure()
        yield client


@pytest.fixture
def vocoder_is_held(server: SpeechServer) -> Iterator[threading.Event]:
    """Set once the vocoder has been called; it goes on after the test."""
    called, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        called.set()
        may_go_on.wait(SECONDS)

    server.services.vocoder.before_part = hold
    yield called
    server.services.vocoder.before_part = lambda: None
    may_go_on.set()


def texts_of(messages: list[Event | bytes]) -> list[str]:
    return [event["sentence_text"] for event in events_of(messages, "audio.start")]


# Text in, sound out


def test_each_sentence_is_a_sound_file_of_its_own(client: StreamClient) -> None:
    client.configure(response_format="wav", stream_audio=False)
    messages = client.speak(TEXT)
    kinds = ["sound" if isinstance(each, bytes) else each["type"] for each in messages]
    assert kinds == ["audio.start", "sound", "audio.done"] * 3 + ["session.done"]
    assert texts_of(messages) == SENTENCES
    for index, event in enumerate(events_of(messages, "audio.start")):
        assert (event["utterance_index"], event["sentence_index"]) == (0, index)
        assert (event["format"], event["sample_rate"], event["channels"]) == ("wav", 24_000, 1)
    for sound in (each for each in messages if isinstance(each, bytes)):
        assert soundfile.info(io.BytesIO(sound)).samplerate == 24_000
    assert messages[-1] == {"type": "session.done", "utterance_index": 0, "total_sentences": 3}


def test_sound_comes_while_the_text_still_comes_in(client: StreamClient) -> None:
    client.say("Good morning. ", "How are")
    assert client.event("audio.start")["sentence_text"] == "Good morning."
    assert client.event("audio.done")["error"] is False
    client.say(" you?")
    assert texts_of(client.speak()) == ["How are you?"]


def test_last_sentence_is_spoken_when_no_more_text_comes(client: StreamClient) -> None:
    client.say("Let me look.")
    assert client.event("audio.done")["sentence_index"] == 0
    assert texts_of(client.speak("I found it.")) == ["I found it."]


def test_speech_does_not_depend_on_how_the_text_was_cut(client: StreamClient) -> None:
    whole, by_letter = client.speak(TEXT), client.speak(*TEXT)
    assert texts_of(whole) == texts_of(by_letter) == SENTENCES
    assert sound_of(whole) == sound_of(by_letter)


def test_streamed_sound_comes_in_short_messages(client: StreamClient) -> None:
    streamed = client.speak(TEXT)
    client.configure(stream_audio=False)
    assert sound_of(streamed) == sound_of(client.speak(TEXT))
    lengths = [len(each) for each in streamed if isinstance(each, bytes)]
    assert max(lengths) == FRAME_BYTES
    totals = [event["total_bytes"] for event in events_of(streamed, "audio.done")]
    assert sum(totals) == sum(lengths)


def test_temperature_of_the_session_reaches_the_vocoder(
    server: SpeechServer, client: StreamClient
) -> None:
    client.configure(temperature=0.5)
    assert sound_of(client.speak("Good morning."))
    assert server.services.vocoder.requests[-1]["temperature"] == 0.5


@pytest.mark.parametrize("stream_audio", [True, False])
@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_every_format_is_sent(
    client: StreamClient, response_format: str, stream_audio: bool
) -> None:
    client.configure(response_format=response_format, stream_audio=stream_audio)
    sound = sound_of(client.speak("Good morning."))
    assert sound
    if response_format != "aac":  # libsndfile reads none
        samples, rate = soundfile.read(io.BytesIO(sound))
        assert rate in (24_000, 48_000)
        assert np.abs(samples).max() > 0.1


@pytest.mark.parametrize("name", ["timestamps", "word_timestamps"])
def test_words_have_times_within_the_sound_of_their_sentence(
    client: StreamClient, name: str
) -> None:
    client.configure(**{name: True})
    messages = client.speak("Good morning. How are you?")
    chunks = events_of(messages, "audio.chunk")
    assert [chunk["chunk_id"] for chunk in chunks if chunk["sentence_index"] == 1][:2] == [0, 1]
    timed = [chunk for chunk in chunks if chunk["timestamps"]]
    words = [[word["word"] for word in chunk["timestamps"]] for chunk in timed]
    assert words == [["Good", "morning"], ["How", "are", "you"]]
    for index, chunk in enumerate(timed):
        parts = [b64decode(c["audio_b64"]) for c in chunks if c["sentence_index"] == index]
        milliseconds = len(b"".join(parts)) / 48
        times = [(word["start_ms"], word["end_ms"]) for word in chunk["timestamps"]]
        assert times == sorted(times)
        assert 0 < times[-1][1] <= milliseconds


def test_utterances_are_spoken_in_their_order(client: StreamClient) -> None:
    for text in ("One.", "Two.", "Three."):
        client.say(text)
        client.send("input.done")
    done = [client.until("session.done") for _ in range(3)]
    assert [texts_of(messages) for messages in done] == [["One."], ["Two."], ["Three."]]
    last = [messages[-1] for messages in done]
    assert [event["utterance_index"] for event in last if isinstance(event, dict)] == [0, 1, 2]


def test_configuration_holds_from_the_next_utterance_on(
    server: SpeechServer, client: StreamClient
) -> None:
    client.say("One.")
    client.configure(voice="high")
    assert client.event("error")["error"]["code"] == "conflict"
    client.speak()
    client.configure(voice="high")
    client.speak("Two.")
    used = [np.argmax(request["embed"]) for request in server.services.synthesizer.requests]
    assert used == [0, 30]


def test_voice_may_be_called_speaker(server: SpeechServer, client: StreamClient) -> None:
    client.send("session.config", speaker="high", response_format="pcm")
    client.speak("One.")
    assert np.argmax(server.services.synthesizer.requests[-1]["embed"]) == 30


def test_markdown_is_read_as_prose(client: StreamClient) -> None:
    assert texts_of(client.speak("# Hel", "lo\n\nIt is **very", "** nice.")) == [
        "Hello",
        "It is very nice.",
    ]


def test_utterance_without_words_is_done_at_once(client: StreamClient) -> None:
    for parts in ((), ("",), (" \n",), ("***",)):
        assert client.speak(*parts)[-1] == {
            "type": "session.done",
            "utterance_index": client_index(client),
            "total_sentences": 0,
        }


def client_index(client: StreamClient) -> int:
    index = getattr(client, "index", -1) + 1
    client.index = index  # type: ignore[attr-defined]
    return index


def test_closing_the_session_speaks_the_text_that_was_sent(client: StreamClient) -> None:
    client.say("Good bye.")
    client.send("session.close")
    assert texts_of(client.until("session.done")) == ["Good bye."]
    assert close_code(client) == 1000


def close_code(client: StreamClient) -> int | None:
    """The code with which the server closes, once it does."""
    with suppress(ConnectionClosed):
        while True:
            client.receive()
    return client.connection.close_code


# Interruption


def test_cancelling_stops_the_sound_at_once(
    server: SpeechServer, client: StreamClient, vocoder_is_held: threading.Event
) -> None:
    client.say(LONG * 5)
    assert vocoder_is_held.wait(SECONDS)
    client.send("input.cancel")
    assert client.receive() == CANCELLED
    wait_until(lambda: server.state.slot.running == 0)
    assert server.state.requests_in_progress == 0


def test_session_goes_on_after_a_cancel(server: SpeechServer, client: StreamClient) -> None:
    client.say(LONG * 20)
    client.event("audio.start")
    client.send("input.cancel")
    cancelled = client.event("audio.cancelled")
    assert cancelled["utterance_index"] == 0
    messages = client.speak("Another thing.")
    assert texts_of(messages) == ["Another thing."]
    assert {event["utterance_index"] for event in events_of(messages, "audio.start")} == {1}
    assert len(server.services.synthesizer.texts) < 20


def test_every_waiting_utterance_is_cancelled(
    client: StreamClient, vocoder_is_held: threading.Event
) -> None:
    for text in ("One.", "Two."):
        client.say(text)
        client.send("input.done")
    assert vocoder_is_held.wait(SECONDS)
    client.send("input.cancel")
    assert [client.event("audio.cancelled")["utterance_index"] for _ in range(2)] == [0, 1]


def test_cancelling_while_a_service_works_stops_it(
    server: SpeechServer, client: StreamClient
) -> None:
    called, may_go_on = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        called.set()
        may_go_on.wait(SECONDS)

    server.services.synthesizer.before = hold
    client.say(LONG * 3)
    client.send("input.done")
    assert called.wait(SECONDS)
    client.send("input.cancel")
    assert client.receive()["type"] == "audio.cancelled"  # type: ignore[call-overload]
    wait_until(lambda: server.state.slot.running == 0)
    may_go_on.set()
    assert not server.services.vocoder.requests


def test_cancelling_in_the_queue_leaves_it() -> None:
    with (
        speech_server(Settings(concurrency=1)) as server,
        stream_client(server.url) as first,
        stream_client(server.url) as second,
    ):
        may_go_on = threading.Event()
        server.services.vocoder.before = lambda path: may_go_on.wait(SECONDS)
        for client in (first, second):
            client.configure()
            client.say("One.")
            client.send("input.done")
        wait_until(lambda: server.state.slot.waiting == 1)
        second.send("input.cancel")
        assert second.event("audio.cancelled")["sentence_index"] == 0
        wait_until(lambda: server.state.slot.waiting == 0)
        may_go_on.set()
        assert texts_of(second.speak("Now.")) == ["Now."]


def test_cancelling_without_reading_stops_the_work(server: SpeechServer) -> None:
    with stream_client(server.url, sock=narrow_socket(server.url), **UNREAD) as client:
        client.configure()
        client.say(LONG * 50)
        client.event("audio.start")
        client.send("input.cancel")
        wait_until(lambda: server.state.requests_in_progress == 0)
        assert client.event("audio.cancelled")["utterance_index"] == 0


def test_cancelling_nothing_is_confirmed(client: StreamClient) -> None:
    client.send("input.cancel")
    assert client.event("audio.cancelled")["utterance_index"] is None


def test_cancelling_discards_text_that_was_not_spoken_yet(client: StreamClient) -> None:
    client.say("Half a sent")
    client.send("input.cancel")
    client.event("audio.cancelled")
    assert texts_of(client.speak("A new one.")) == ["A new one."]


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_leaving_stops_the_work(
    server: SpeechServer, vocoder_is_held: threading.Event, leave: str
) -> None:
    with stream_client(server.url) as client:
        client.configure()
        client.say(LONG * 5)
        assert vocoder_is_held.wait(SECONDS)
        if leave == "reset":
            client.connection.socket.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: server.state.slot.running == 0)
    assert server.state.requests_in_progress == 0
    assert len(server.services.vocoder.requests) <= 1  # not of the sentences that follow


UNREAD: dict[str, Any] = {"max_queue": 1, "close_timeout": 0.1}


def narrow_socket(url: str) -> socket.socket:
    """A connection that takes few bytes while they are not read."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    address = httpx.URL(url)
    narrow.connect((address.host, address.port))
    return narrow


def test_client_that_does_not_read_stops_the_work_and_is_dropped() -> None:
    with (
        speech_server(Settings(send_seconds=0.5, concurrency=1)) as server,
        stream_client(server.url, sock=narrow_socket(server.url), **UNREAD) as client,
    ):
        client.configure()
        client.say(LONG * 50)  # 12 MB of sound
        client.event("audio.start")
        wait_until(lambda: server.state.requests_in_progress == 0)
        assert len(server.services.vocoder.requests) < 5
        with stream_client(server.url) as other:  # the slot is free
            other.configure()
            assert texts_of(other.speak("Next, please.")) == ["Next, please."]


# Errors


def code_of(client: StreamClient) -> str:
    code: str = client.event("error")["error"]["code"]
    return code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("null", "invalid_json"),
        (b"\x00\xff", "invalid_json"),
        ('{"type": "input.text", "text": NaN}', "not_finite"),
        ('{"type": "response.create"}', "invalid_value"),
        ("{}", "invalid_value"),
        ('{"type": ["input.text"]}', "invalid_value"),
        ('{"type": "input.text"}', "missing"),
        ('{"type": "input.text", "text": 1}', "string_type"),
        ('{"type": "session.config"}', "missing"),
        ('{"type": "session.config", "voice": "nobody"}', "voice_not_found"),
        ('{"type": "session.config", "voice": "low", "speed": 9}', "less_than_equal"),
        ('{"type": "session.config", "voice": "low", "response_format": "doc"}', "literal_error"),
    ],
)
def test_faulty_message_gets_an_error_and_the_session_goes_on(
    client: StreamClient, message: str | bytes, code: str
) -> None:
    client.connection.send(message)
    event = client.event("error")
    assert event["error"]["code"] == code
    assert event["error"].keys() == {"type", "message", "param", "code"}
    assert event["message"] == event["error"]["message"]
    assert texts_of(client.speak("Still here.")) == ["Still here."]


def test_binary_message_of_json_is_read(client: StreamClient) -> None:
    client.connection.send(b'{"type": "input.text", "text": "By bytes."}')
    assert texts_of(client.speak()) == ["By bytes."]


def test_first_message_must_configure_the_session(server: SpeechServer) -> None:
    with stream_client(server.url) as client:
        client.say("Hello.")
        assert code_of(client) == "invalid_value"
        assert close_code(client) == 1008


def test_sentence_that_cannot_be_read_is_left_out(client: StreamClient) -> None:
    messages = client.speak("Good morning. ", "Доброе утро всем. ", "Good night.")
    assert texts_of(messages) == ["Good morning.", "Good night."]
    (error,) = events_of(messages, "error")
    assert error["error"]["code"] == "unreadable_script"
    assert error["utterance_index"] == 0


def test_words_in_another_script_are_left_out_with_a_note(client: StreamClient) -> None:
    done = client.speak("In Korean this is 안녕, they say.")[-1]
    assert isinstance(done, dict)
    assert done["total_sentences"] == 1
    assert "2 letters" in done["notes"][0]


def test_faulty_markup_ends_the_utterance(client: StreamClient) -> None:
    messages = client.speak("One. [pause:900s] Two. And more. ")
    assert events_of(messages, "error")[0]["error"]["code"] == "invalid_markup"
    assert texts_of(client.speak("Two.")) == ["Two."]


@pytest.mark.parametrize("service", ["synthesizer", "vocoder"])
def test_failing_service_ends_the_utterance_and_not_the_session(
    server: SpeechServer, client: StreamClient, service: str
) -> None:
    stub = getattr(server.services, service)
    stub.refusal = Refusal(500)
    messages = client.speak(TEXT)
    assert events_of(messages, "error")[0]["error"]["code"] == "service_failed"
    assert len(events_of(messages, "error")) == 1
    assert not sound_of(messages)
    stub.reset()
    assert texts_of(client.speak("Better now.")) == ["Better now."]


def test_sound_that_breaks_off_is_marked(server: SpeechServer, client: StreamClient) -> None:
    vocoder, parts = server.services.vocoder, iter(range(1_000_000))

    def fail_late() -> None:
        if next(parts) == 30:
            vocoder.refusal = Refusal(500)

    vocoder.before_part = fail_late
    messages = client.speak(LONG)
    assert [event["error"] for event in events_of(messages, "audio.done")] == [True]
    assert len(events_of(messages, "error")) == 1


def test_unexpected_failure_closes_with_an_error(
    client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_routes, "read_text", lambda message: 1 / 0)
    client.say("Hello.")
    error = client.event("error")["error"]
    assert error["code"] == "internal_error"
    assert "division" not in json.dumps(error)
    assert close_code(client) == 1011


# Limits


def test_text_of_one_message_is_limited(client: StreamClient) -> None:
    client.say("a" * 4097)
    assert code_of(client) == "too_long"
    assert texts_of(client.speak("Short.")) == ["Short."]


def test_text_that_waits_is_limited(client: StreamClient, vocoder_is_held: threading.Event) -> None:
    client.say(LONG)
    assert vocoder_is_held.wait(SECONDS)
    client.say(*[LONG * 20] * 12)
    error = client.event("error")
    assert error["error"]["code"] == "too_long"
    assert error["utterance_index"] == 0
    client.send("input.cancel")
    assert client.receive() == CANCELLED


def test_utterances_that_wait_are_limited(
    client: StreamClient, vocoder_is_held: threading.Event
) -> None:
    client.say("One.")
    assert vocoder_is_held.wait(SECONDS)
    for _ in range(stream_routes.MAX_WAITING_UTTERANCES + 1):
        client.send("input.done")
    assert code_of(client) == "queue_full"


def test_message_over_the_limit_closes(client: StreamClient) -> None:
    client.connection.send("a" * (MAX_MESSAGE_BYTES + 1))
    assert close_code(client) == 1009


def test_seconds_of_sound_are_limited() -> None:
    with speech_server(Settings(max_speech_seconds=3)) as server, stream_client(server.url) as c:
        c.configure()
        messages = c.speak("One short one. ", LONG, "Three.")
        assert texts_of(messages) == ["One short one."]
        assert events_of(messages, "error")[0]["error"]["code"] == "speech_too_long"


@pytest.mark.parametrize("begun", [False, True])
def test_idle_session_is_closed(begun: bool) -> None:
    with (
        speech_server(Settings(stream_idle_seconds=0.2)) as server,
        stream_client(server.url) as client,
    ):
        client.configure()
        if begun:
            client.say("An unfinished")
        assert code_of(client) == "idle"
        assert close_code(client) == 1001
        wait_until(lambda: server.state.requests_in_progress == 0)


def test_session_that_speaks_is_not_idle() -> None:
    with (
        speech_server(Settings(stream_idle_seconds=0.05)) as server,
        stream_client(server.url) as client,
    ):
        paused = threading.Event()
        server.services.vocoder.before = lambda path: paused.wait(0.5)
        client.configure()
        assert texts_of(client.speak("Good morning.")) == ["Good morning."]


# Admission


def test_full_queue_refuses_an_utterance_and_not_the_session() -> None:
    with speech_server(Settings(concurrency=1, queue_limit=0)) as server:
        busy, done = threading.Event(), threading.Event()

        def hold(path: str) -> None:
            busy.set()
            done.wait(SECONDS)

        server.services.vocoder.before = hold
        with stream_client(server.url) as first, stream_client(server.url) as second:
            first.configure()
            second.configure()
            first.say("One. ")
            assert busy.wait(SECONDS)
            assert events_of(second.speak("Two."), "error")[0]["error"]["code"] == "queue_full"
            done.set()
            first.speak()
            assert texts_of(second.speak("Two.")) == ["Two."]


def test_slot_is_free_while_the_text_is_awaited() -> None:
    with (
        speech_server(Settings(concurrency=1, queue_limit=0)) as server,
        stream_client(server.url) as first,
        stream_client(server.url) as second,
    ):
        first.configure()
        second.configure()
        first.say("One. And then")
        first.event("audio.done")
        wait_until(lambda: server.state.slot.running == 0)
        assert texts_of(second.speak("Two.")) == ["Two."]
        assert texts_of(first.speak(" three.")) == ["And then three."]


def test_rate_limit_counts_utterances() -> None:
    settings = Settings(rate_limit="2/day")
    with speech_server(settings) as server, stream_client(server.url) as client:
        client.configure()
        assert [len(texts_of(client.speak("One. Two."))) for _ in range(2)] == [2, 2]
        refused = client.speak("Three. ", "Four.")
        assert [event["error"]["code"] for event in events_of(refused, "error")] == [
            "rate_limit_exceeded"
        ]
        assert not texts_of(refused)


def test_one_key_leaves_room_for_others() -> None:
    settings = Settings(api_keys=SecretStr("busy,light"), concurrency=1, queue_limit=1)
    busy, light = ({"Authorization": f"Bearer {key}"} for key in ("busy", "light"))
    with (
        speech_server(settings) as server,
        stream_client(server.url, additional_headers=busy) as first,
        stream_client(server.url, additional_headers=busy) as second,
        stream_client(server.url, additional_headers=light) as other,
    ):
        called, may_go_on = threading.Event(), threading.Event()

        def hold(path: str) -> None:
            called.set()
            may_go_on.wait(SECONDS)

        server.services.vocoder.before = hold
        for client in (first, second, other):
            client.configure()
        first.say("One. ")
        assert called.wait(SECONDS)
        assert events_of(second.speak("Two."), "error")[0]["error"]["code"] == "queue_full"
        other.say("Three.")
        wait_until(lambda: server.state.slot.waiting == 1)
        may_go_on.set()
        assert texts_of(other.speak()) == ["Three."]


def test_stopping_server_does_not_wait_for_rejected_requests(server: SpeechServer) -> None:
    with stream_client(server.url) as client:
        client.configure()
        server.state.ready = False
        try:
            client.say("Hello.")
            assert code_of(client) == "not_ready"
            assert server.state.requests_in_progress == 0
        finally:
            server.state.ready = True
        assert client.speak(" More.")[-1]["total_sentences"] == 0  # type: ignore[call-overload]
        assert texts_of(client.speak("Again.")) == ["Again."]


def test_stopping_server_refuses_utterances_and_connections(server: SpeechServer) -> None:
    with stream_client(server.url) as client:
        client.configure()
        server.state.ready = False
        try:
            refused = client.speak("Hello.")
        finally:
            server.state.ready = True
    assert events_of(refused, "error")[0]["error"]["code"] == "not_ready"


KINDS = ["session.config", "input.text", "input.done", "input.cancel", "session.close", "other"]
VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=40) | st.just("low")
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS[:4]) | st.sampled_from(KINDS)},
    optional={
        "text": st.text("Ab. \n*#<>[&`é안", max_size=60) | VALUES,
        **dict.fromkeys(["voice", "speed", "response_format", "stream_audio", "lexicon"], VALUES),
    },
).map(json.dumps)
CLOSE_CODES = {None, 1000, 1008}


@settings(max_examples=40, deadline=None)
@given(st.lists(MESSAGES | st.binary(max_size=40) | st.text(max_size=40), max_size=12))
def test_any_messages_leave_a_session_that_works_or_is_closed(
    server_of_module: SpeechServer, messages: list[str | bytes]
) -> None:
    with stream_client(server_of_module.url) as client:
        client.configure()
        with suppress(ConnectionClosed):
            for message in messages:
                client.connection.send(message)
            client.send("input.cancel")
            client.event("audio.cancelled")
            client.configure()
            assert client.speak("Still here.")
        assert client.connection.close_code in CLOSE_CODES
    wait_until(lambda: server_of_module.state.requests_in_progress == 0)
