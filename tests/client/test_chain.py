import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from anyio import create_task_group, to_thread

from client.async_chain import AsyncChain
from client.chain import Chain, WorkerThreadChain
from client.errors import BadResponse, ServiceError, TimedOut
from client.options import SpeechOptions
from client.settings import Settings
from client.wav_stream import Int16Array
from shared.audio.files import Clip, endless_wav_header
from shared.http.deadlines import ClientDisconnected
from shared.http.tensors import Float32Array
from tests.support.scripted_server import (
    Received,
    ScriptedResponse,
    ScriptedServer,
    answer,
    broken_response,
    error_response,
    json_response,
)
from tests.support.stand_ins import (
    AT_ONCE,
    SAMPLES_PER_FRAME,
    MakeServer,
    StandIns,
    spec_of,
    wav_of,
)

WAV = endless_wav_header(16_000) + np.arange(4000, dtype="<i2").tobytes()
SPEC = np.zeros((80, 20), np.float32)


def chain_to(server: ScriptedServer) -> Chain:
    return Chain(server.url, server.url, server.url, retries=AT_ONCE)


def heard(chain: Chain, text: str, embed: Float32Array, seed: int | None = None) -> Int16Array:
    return np.concatenate(list(chain.speak(text, embed, SpeechOptions(seed=seed))))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.wav", "audio/wav"), ("a.MP3", "audio/mpeg"), ("a.flac", "audio/flac"), ("a", "audio/wav")],
)
def test_clip_is_sent_unchanged_with_its_media_type(
    name: str, kind: str, chain: Chain, stand_ins: StandIns, tmp_path: Path, embed: Float32Array
) -> None:
    (tmp_path / name).write_bytes(b"RIFF and so on")

    np.testing.assert_array_equal(chain.embed(tmp_path / name), embed)

    (request,) = stand_ins.encoder.received
    assert request.path == "/inference/"
    assert request.headers["content-type"] == kind
    assert request.body == b"RIFF and so on"


def test_clip_may_be_bytes(chain: Chain, stand_ins: StandIns) -> None:
    chain.embed(b"fLaC")

    assert stand_ins.encoder.received[0].body == b"fLaC"
    assert stand_ins.encoder.received[0].headers["content-type"] == "audio/wav"


def test_clip_may_be_samples(chain: Chain, stand_ins: StandIns) -> None:
    chain.embed(Clip(np.array([0.5, -0.25], np.float32), 22_050))

    request = stand_ins.encoder.received[0]
    assert request.headers["content-type"] == "audio/wav"
    wav, rate = soundfile.read(io.BytesIO(request.body), dtype="float32")
    assert (wav.tolist(), rate) == ([0.5, -0.25], 22_050)


def test_spectrogram_is_requested_with_text_voice_and_seed(
    chain: Chain, stand_ins: StandIns, embed: Float32Array
) -> None:
    spec = chain.spectrogram("Hello.", embed, seed=5)

    assert spec.shape == (80, len("Hello."))
    assert spec.dtype == np.float32
    request = stand_ins.synthesizer.received[0]
    assert request.json == {"text": "Hello.", "embed": embed.tolist(), "seed": 5}
    assert request.headers["content-type"] == "application/json"


def test_attention_is_requested_and_returned(make_server: MakeServer, embed: Float32Array) -> None:
    content = {"spec": SPEC, "attention": [[0.25, 0.75]] * 10}
    server = make_server(json_response(content))

    with chain_to(server) as chain:
        synthesis = chain.synthesize("Hi", embed, seed=1, attention=True)

    assert server.received[0].json["attention"] is True
    np.testing.assert_array_equal(synthesis.spec, SPEC)
    assert synthesis.attention is not None
    np.testing.assert_array_equal(synthesis.attention, content["attention"])


def test_fault_of_the_attention_is_passed_on(make_server: MakeServer, embed: Float32Array) -> None:
    retried = {"spec": SPEC, "attention": [[0.25, 0.75]], "retries": 2, "fault": "repeated"}
    mended = {"spec": SPEC, "retries": 1, "fault": None}
    server = make_server(json_response(retried), json_response(retried), json_response(mended))

    with chain_to(server) as chain:
        faults = [chain.synthesize("Hi", embed, attention=asked).fault for asked in (True, False)]
        faults.append(chain.synthesize("Hi", embed).fault)

    assert faults == ["repeated", "repeated", None]


def test_missing_attention_is_a_bad_response(make_server: MakeServer, embed: Float32Array) -> None:
    server = make_server(json_response({"spec": SPEC}))
    with chain_to(server) as chain, pytest.raises(BadResponse, match="attention"):
        chain.synthesize("Hi", embed, attention=True)


def test_texts_are_checked_in_batches(make_server: MakeServer) -> None:
    server = make_server(json_response({"chars": [[1]]}))

    with chain_to(server) as chain:
        chain.check_texts([str(n) for n in range(20)])

    assert {request.path for request in server.received} == {"/chars/"}
    batches = [request.json["texts"] for request in server.received]
    assert [len(batch) for batch in batches] == [16, 4]
    assert [text for batch in batches for text in batch] == [str(n) for n in range(20)]


def test_unspeakable_text_is_an_error(make_server: MakeServer) -> None:
    server = make_server(error_response(400, "nothing to speak"))
    with chain_to(server) as chain, pytest.raises(ServiceError, match="nothing to speak"):
        chain.check_texts(["%"])


def test_view_of_a_spectrogram_is_sent_by_its_values(chain: Chain, stand_ins: StandIns) -> None:
    list(chain.vocode(np.repeat(SPEC, 2, axis=1)[:, ::2]))

    assert stand_ins.vocoder.received[0].json["spec"] == SPEC.tolist()


def test_sound_is_requested_as_wav_with_spec_rate_seed_and_temperature(
    chain: Chain, stand_ins: StandIns
) -> None:
    wav = np.concatenate(list(chain.vocode(SPEC, seed=7)))

    assert wav.shape == (20 * SAMPLES_PER_FRAME,)
    assert wav.dtype == np.int16
    request = stand_ins.vocoder.received[0]
    assert request.json == {
        "spec": SPEC.tolist(),
        "sr": 16_000,
        "seed": 7,
        "temperature": 1.0,
    }
    assert request.headers["accept"] == "audio/wav"


def test_seed_is_drawn_once_for_all_attempts(make_server: MakeServer) -> None:
    server = make_server(error_response(503, "busy"), broken_response(WAV, 1001), answer(200, WAV))

    with chain_to(server) as chain:
        wav = np.concatenate(list(chain.vocode(SPEC)))

    np.testing.assert_array_equal(wav, np.arange(4000))
    seeds = {request.json["seed"] for request in server.received}
    assert len(server.received) == 3
    assert len(seeds) == 1


def test_seeds_differ_between_calls(chain: Chain, stand_ins: StandIns) -> None:
    for _ in range(3):
        list(chain.vocode(SPEC))

    assert len({request.json["seed"] for request in stand_ins.vocoder.received}) == 3


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"embed": None},
        {"embed": "no"},
        {"embed": []},
        {"embed": [0.5] * 255},
        {"embed": [[0.5] * 256]},
        {"embed": [[1], [1, 2]]},
    ],
)
def test_malformed_tensor_is_a_bad_response(content: object, make_server: MakeServer) -> None:
    server = make_server(json_response(content))
    with chain_to(server) as chain, pytest.raises(BadResponse, match="embed"):
        chain.embed(b"")


@pytest.mark.parametrize("body", [b"", b"<html>", WAV[:20], WAV.replace(b"fmt ", b"nofm")])
def test_malformed_sound_is_a_bad_response(body: bytes, make_server: MakeServer) -> None:
    server = make_server(answer(200, body))
    with chain_to(server) as chain, pytest.raises(BadResponse, match="a broken sound file"):
        list(chain.vocode(SPEC))


def test_slow_service_times_out(make_server: MakeServer) -> None:
    ended = threading.Event()
    server = make_server(ScriptedResponse([b"HTTP"], between=ended.wait))
    hasty = Settings(read_seconds=0.05)
    with Chain(server.url, settings=hasty) as chain, pytest.raises(TimedOut, match="the encoder"):
        chain.embed(b"")
    ended.set()


def test_proxy_is_not_used_for_loopback(
    stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    with Chain() as chain:
        chain.embed(b"")

    assert len(stand_ins.encoder.received) == 1


def test_sentences_are_joined_with_pauses(chain: Chain, embed: Float32Array) -> None:
    wav = heard(chain, "One. Three!\n\nFive5.", embed)

    expected = [
        np.full(4 * SAMPLES_PER_FRAME, 4),
        np.zeros(round(0.35 * 16_000)),
        np.full(6 * SAMPLES_PER_FRAME, 6),
        np.zeros(round(0.7 * 16_000)),
        np.full(6 * SAMPLES_PER_FRAME, 6),
    ]
    np.testing.assert_array_equal(wav, np.concatenate(expected))


def test_pieces_without_words_are_left_out(
    chain: Chain, stand_ins: StandIns, embed: Float32Array
) -> None:
    heard(chain, "One.\n\n***\n\nTwo.", embed)

    assert [request.json["text"] for request in stand_ins.synthesizer.received] == ["One.", "Two."]


def test_text_of_signs_alone_is_left_to_the_synthesizer(
    chain: Chain, stand_ins: StandIns, embed: Float32Array
) -> None:
    heard(chain, "%", embed)

    assert stand_ins.synthesizer.received[0].json["text"] == "%"


def test_empty_text_is_an_error(chain: Chain, embed: Float32Array) -> None:
    with pytest.raises(ValueError, match="empty"):
        heard(chain, " \n", embed)


def test_seed_makes_all_requests_of_a_text_repeatable(
    chain: Chain, stand_ins: StandIns, embed: Float32Array
) -> None:
    for _ in range(2):
        heard(chain, "One. Two. Three.", embed, seed=3)

    for server in [stand_ins.synthesizer, stand_ins.vocoder]:
        bodies = [request.body for request in server.received]
        assert bodies[:3] == bodies[3:]


def test_next_spectrogram_is_made_while_one_is_vocoded(
    stand_ins: StandIns, make_server: MakeServer, embed: Float32Array
) -> None:
    second_asked = threading.Event()

    def spec(request: Received) -> ScriptedResponse:
        if request.json["text"] == "Two.":
            second_asked.set()
        return spec_of(request)

    def wav(request: Received) -> ScriptedResponse:
        assert second_asked.wait(5)
        return wav_of(request)

    urls = (stand_ins.encoder.url, make_server(spec).url, make_server(wav).url)
    with Chain(*urls, retries=AT_ONCE) as chain:
        first = next(chain.speak("One. Two.", embed))

    assert len(first) == 4 * SAMPLES_PER_FRAME
    assert second_asked.is_set()


def test_progress_rises_to_one(chain: Chain, embed: Float32Array) -> None:
    shares: list[float] = []

    for _ in chain.speak("One. Twenty two. Three.", embed, on_progress=shares.append):
        pass

    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(set(shares)) >= 3


def test_error_in_a_later_sentence_ends_the_speech(
    stand_ins: StandIns, make_server: MakeServer, embed: Float32Array
) -> None:
    synthesizer = make_server(spec_of, error_response(413, "text is too long"))
    urls = (stand_ins.encoder.url, synthesizer.url, stand_ins.vocoder.url)

    with Chain(*urls, retries=AT_ONCE) as chain:
        parts = chain.speak("One. Two.", embed)
        assert len(next(parts)) == 4 * SAMPLES_PER_FRAME
        with pytest.raises(ServiceError, match="text is too long"):
            list(parts)


def test_warnings_about_a_clip_are_passed_on(make_server: MakeServer) -> None:
    report = {"warnings": ["only 1.0 s of voice"]}
    server = make_server(json_response({"embed": [0.0625] * 256, "report": report}))
    warnings: list[str] = []
    with Chain(server.url, retries=AT_ONCE, on_warning=warnings.append) as chain:
        chain.embed(b"")
    assert warnings == ["the clip: only 1.0 s of voice"]


def test_seed_of_the_options_is_drawn_once_for_all_sentences(
    chain: Chain, stand_ins: StandIns, embed: Float32Array
) -> None:
    heard(chain, "One. Two.", embed)

    servers = stand_ins.synthesizer, stand_ins.vocoder
    assert len({request.json["seed"] for server in servers for request in server.received}) == 1


def test_speed_changes_the_pace(chain: Chain, embed: Float32Array) -> None:
    slow = np.concatenate(list(chain.speak("One two.", embed, SpeechOptions(speed=0.5))))

    assert len(slow) == 2 * len(heard(chain, "One two.", embed))


def test_chain_is_shared_by_threads(chain: Chain, embed: Float32Array) -> None:
    with ThreadPoolExecutor(4) as pool:
        sounds = list(pool.map(lambda _: heard(chain, "One. Three!", embed, 1), range(8)))

    for sound in sounds:
        np.testing.assert_array_equal(sound, sounds[0])


def test_closed_chain_says_so(chain: Chain) -> None:
    chain.close()

    with pytest.raises(RuntimeError, match="the chain is closed"):
        chain.check_texts(["One."])


def test_closing_the_chain_ends_its_thread_and_its_calls(
    stand_ins: StandIns, make_server: MakeServer, embed: Float32Array
) -> None:
    before, outcomes = threading.active_count(), list[str]()
    urls = stand_ins.urls
    with Chain(*urls, retries=AT_ONCE, on_call=lambda *call: outcomes.append(call[1])) as chain:
        sound = chain.speak("One. Two.", embed)
        next(sound)
        made = threading.active_count()
    sound.close()

    assert made > before
    assert threading.active_count() <= made - 1
    assert outcomes[:2] == ["200", "200"]


def test_chain_that_is_closed_amid_a_sentence_logs_nothing(
    stand_ins: StandIns,
    make_server: MakeServer,
    embed: Float32Array,
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = threading.Event()

    def half(request: Received) -> ScriptedResponse:
        whole = b"".join(wav_of(request).parts)
        return ScriptedResponse([whole[:-100], whole[-100:]], between=lambda: closed.wait(60))

    encoder, synthesizer, _ = stand_ins.urls
    vocoder = make_server(half)
    with Chain(encoder, synthesizer, vocoder.url, retries=AT_ONCE) as chain:
        sound = chain.speak("One. Two.", embed)
        next(sound)
    closed.set()
    assert caplog.messages == []
    sound.close()


@pytest.mark.anyio
async def test_worker_thread_calls_on_the_event_loop(
    stand_ins: StandIns, embed: Float32Array
) -> None:
    async with AsyncChain(*stand_ins.urls, retries=AT_ONCE) as chain:
        blocking = WorkerThreadChain(chain)
        embedded = await to_thread.run_sync(blocking.embed, b"")
        sound = await to_thread.run_sync(lambda: heard(blocking, "One. Three!", embed))

    np.testing.assert_array_equal(embedded, embed)
    assert len(sound) == (4 + 6) * SAMPLES_PER_FRAME + round(0.35 * 16_000)


@pytest.mark.anyio
async def test_worker_thread_waits_no_longer_than_its_request(make_server: MakeServer) -> None:
    asked, ended, raised = threading.Event(), threading.Event(), threading.Event()

    def never() -> None:
        asked.set()
        ended.wait(10)

    server = make_server(ScriptedResponse([b"HTTP/1.1 200 OK\r\n"], between=never))

    async with AsyncChain(server.url, retries=AT_ONCE) as chain:

        def work() -> None:
            with pytest.raises(ClientDisconnected):
                WorkerThreadChain(chain).embed(b"")
            raised.set()

        async with create_task_group() as tasks:
            tasks.start_soon(to_thread.run_sync, work)
            assert await to_thread.run_sync(asked.wait, 10)
            tasks.cancel_scope.cancel()
    ended.set()

    assert raised.is_set()
