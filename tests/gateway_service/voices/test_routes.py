import io
import threading
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, get_args

import httpx
import numpy as np
import openai
import pytest
import soundfile
import soxr
from anyio import create_task_group, sleep, to_thread
from starlette.testclient import TestClient

from gateway_service.settings import Settings
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.voices import routes as voice_routes
from gateway_service.voices.library import VoiceLibrary
from gateway_service.voices.schemas import CheckName
from shared.audio.files import read_sound
from shared.http.app import create_app
from shared.settings import MIB
from shared.voices import sample_path
from tests.conftest import Service, running
from tests.support.fake_encoder import FakeEncoder

URL = "/v1/audio/voices"
FORM = {"name": "Anna", "consent": "Anna said yes."}
ASH = ("audio_sample", ("ash.wav", b"ash", "audio/wav"))
SETTINGS = Settings(max_samples=3, max_sample_bytes=MIB, max_body_bytes=2 * MIB)


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def client(storage: Storage, encoder: FakeEncoder) -> Iterator[TestClient]:
    gateway = SimpleNamespace(settings=SETTINGS, chain=encoder, voices=VoiceLibrary(storage))
    app = create_app("gateway", "Voices.", SETTINGS, load=lambda: gateway)
    app.include_router(voice_routes.router)
    with TestClient(app) as client:
        yield client


def error_of(answer: Any, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_voice_is_made_listed_fetched_and_deleted(client: TestClient) -> None:
    made = client.post(URL, data=FORM, files=[ASH])
    assert made.status_code == 200
    voice = made.json()
    assert (voice["object"], voice["name"], voice["preset"]) == ("audio.voice", "Anna", False)
    assert voice["samples"][0]["usable"]
    assert voice["consent"] == "Anna said yes."

    listed = client.get(URL).json()["voices"]
    assert [one["name"] for one in listed][-1] == "Anna"
    for name in ["Anna", voice["id"]]:
        assert client.get(f"{URL}/{name}").json() == voice

    deleted = client.delete(f"{URL}/{voice['id']}").json()
    assert deleted == {"id": voice["id"], "object": "audio.voice.deleted", "deleted": True}
    assert error_of(client.get(f"{URL}/Anna"), 404)["code"] == "voice_not_found"
    assert error_of(client.delete(f"{URL}/Anna"), 404)["code"] == "voice_not_found"


def test_voice_is_renamed(client: TestClient) -> None:
    voice = client.post(URL, data=FORM, files=[ASH]).json()
    renamed = client.patch(f"{URL}/Anna", json={"name": "Anna Karenina"})
    assert renamed.status_code == 200
    assert renamed.json() == voice | {"name": "Anna Karenina"}
    assert client.get(f"{URL}/{voice['id']}").json() == renamed.json()
    assert error_of(client.patch(f"{URL}/Anna", json={"name": "B"}), 404)["param"] == "voice"
    missing = error_of(client.patch(f"{URL}/{voice['id']}", json={}))
    assert (missing["param"], missing["code"]) == ("name", "missing")


def test_list_that_everybody_may_read_tells_nothing_of_consent_and_samples(
    client: TestClient,
) -> None:
    client.post(URL, data=FORM, files=[ASH])
    listed = client.get(URL).json()["voices"]
    assert len(listed) == 7
    for voice in listed:
        assert voice.keys() == {"id", "object", "name", "type", "created_at", "preset"}


def test_preset_is_fetched_and_stays(client: TestClient) -> None:
    assert client.get(f"{URL}/rowan").json()["preset"]
    assert error_of(client.delete(f"{URL}/rowan"))["code"] == "preset_voice"


@pytest.mark.parametrize("field", ["audio_sample", "audio_sample[]"])
def test_several_samples_get_a_verdict_each(client: TestClient, field: str) -> None:
    contents = {"a.wav": b"ash", "b.wav": b"ash", "c.wav": b"elm"}
    files = [(field, (name, data, "audio/wav")) for name, data in contents.items()]
    samples = client.post(URL, data=FORM, files=files).json()["samples"]
    assert [sample["file"] for sample in samples] == list(contents)
    assert [sample["usable"] for sample in samples] == [True, True, False]
    assert "another person" in samples[2]["warnings"][-1]


@pytest.mark.parametrize("missing", ["name", "consent"])
@pytest.mark.parametrize("blank", [None, "", "  \n"])
def test_form_without_a_name_or_a_consent_is_refused(
    client: TestClient, missing: str, blank: str | None
) -> None:
    form = {name: value for name, value in FORM.items() if name != missing}
    answer = client.post(URL, data=form if blank is None else {**form, missing: blank}, files=[ASH])
    assert error_of(answer)["param"] == missing


@pytest.mark.parametrize("consent", [".", "\u200b", "\u0301\u0301", "\u3164\u3164"])
def test_consent_without_letters_is_refused(client: TestClient, consent: str) -> None:
    error = error_of(client.post(URL, data={**FORM, "consent": consent}, files=[ASH]))
    assert error["param"] == "consent"


@pytest.mark.parametrize(
    ("form", "files"),
    [
        (FORM, []),
        ({**FORM, "audio_sample": "ash.wav"}, []),
        (FORM, [ASH] * 4),
    ],
)
def test_form_without_sound_files_or_with_too_many_is_refused(
    client: TestClient, encoder: FakeEncoder, form: dict[str, str], files: list[Any]
) -> None:
    # A form with no file in it is multipart only if a part says so.
    parts = [*files, *((name, (None, value)) for name, value in form.items())]
    assert error_of(client.post(URL, files=parts))["param"] == "audio_sample"
    assert encoder.heard == []


def test_sample_over_its_limit_is_refused(client: TestClient, encoder: FakeEncoder) -> None:
    large = ("audio_sample", ("long.wav", bytes(MIB + 1), "audio/wav"))
    error = error_of(client.post(URL, data=FORM, files=[ASH, large]), 413)
    assert (error["param"], error["code"]) == ("audio_sample", "sample_too_large")
    assert "long.wav is over 1 MiB" in error["message"]
    assert encoder.heard == []


def test_samples_over_the_limit_together_are_refused(client: TestClient) -> None:
    half = ("audio_sample", ("half.wav", bytes(MIB), "audio/wav"))
    assert error_of(client.post(URL, data=FORM, files=[half] * 3), 413)["code"] == "body_too_large"


def test_body_that_is_no_form_is_refused(client: TestClient) -> None:
    as_text = client.post(URL, content=b"Anna", headers={"content-type": "text/plain"})
    assert error_of(as_text, 415)["param"] == "content-type"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        b"--b\r\nContent-Disposition: form-data\r\n\r\n\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\xfe\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="na\xff"\r\n\r\nx\r\n--b--\r\n',
    ],
)
def test_broken_form_is_refused(client: TestClient, body: bytes) -> None:
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert error_of(client.post(URL, content=body, headers=kind))["message"]
    without_boundary = {"content-type": "multipart/form-data"}
    assert error_of(client.post(URL, content=body, headers=without_boundary))["message"]


def test_voice_from_a_description_is_refused_by_name(client: TestClient) -> None:
    form = {**FORM, "type": "prompt", "prompt": "a calm voice"}
    answer = client.post(URL, files=[(name, (None, value)) for name, value in form.items()])
    assert error_of(answer)["param"] == "type"


def test_name_that_is_taken_is_refused_with_no_status_that_clients_retry(
    client: TestClient,
) -> None:
    client.post(URL, data=FORM, files=[ASH])
    assert error_of(client.post(URL, data=FORM, files=[ASH]))["code"] == "voice_exists"


def test_check_keeps_nothing_and_asks_for_no_name_and_no_consent(
    client: TestClient, encoder: FakeEncoder
) -> None:
    answer = client.post(f"{URL}/check", files=[ASH])
    assert answer.status_code == 200
    assert answer.json()["object"] == "audio.voice.check"
    (sample,) = answer.json()["samples"]
    assert (sample["file"], sample["usable"], sample["rating"]) == ("ash.wav", True, "Fair")
    assert [check["name"] for check in sample["checks"]] == [*get_args(CheckName)]
    assert {check["rating"] for check in sample["checks"]} == {"Good"}
    assert encoder.heard == [b"ash"]
    assert len(client.get(URL).json()["voices"]) == 6


def test_check_judges_each_sample(client: TestClient) -> None:
    files = [ASH, ("audio_sample", ("notes.pdf", b"%PDF-1.7", "application/pdf")), ASH]
    samples = client.post(f"{URL}/check", files=files).json()["samples"]
    assert [sample["rating"] for sample in samples] == ["Fair", "Poor", "Fair"]
    assert [sample["usable"] for sample in samples] == [True, False, True]
    assert "cannot be decoded" in samples[1]["warnings"][0]


def test_check_of_no_usable_sample_is_refused(client: TestClient) -> None:
    answer = client.post(f"{URL}/check", files=[("audio_sample", ("a.pdf", b"%PDF-1.7"))])
    assert error_of(answer)["code"] == "unusable_samples"
    assert error_of(client.post(f"{URL}/check", files={"other": b"ash"}))["param"] == "audio_sample"
    assert error_of(client.post(f"{URL}/check", json={}), 415)["param"] == "content-type"
    assert error_of(client.post(f"{URL}/check", files=[ASH] * 4))["param"] == "audio_sample"


def halves(voice: str) -> list[bytes]:
    clip = read_sound(sample_path(voice).read_bytes(), max_seconds=60)
    files = []
    for half in np.array_split(clip.wav, 2):
        file = io.BytesIO()
        soundfile.write(file, half, clip.rate, format="FLAC")
        files.append(file.getvalue())
    return files


@pytest.fixture(scope="module")
def gateway(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a gateway over the real encoder."""
    encoder, data = str(service("encoder").base_url), str(tmp_path_factory.mktemp("data"))
    with running("gateway", ENCODER_URL=encoder, DATA_DIR=data) as url:
        yield url


def test_openai_client_makes_and_deletes_a_voice_of_a_recording(gateway: str) -> None:
    recording = ("rowan.wav", sample_path("rowan").read_bytes())
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as client:
        create = partial(client.audio.voices.create, consent="Rowan said yes.", name="Rowan 2")
        voice = create(audio_sample=recording)
        assert (voice.name, voice.object, voice.type) == ("Rowan 2", "audio.voice", "audio_sample")
        details = httpx.get(f"{gateway}{URL}/{voice.id}").json()
        (verdict,) = details["samples"]
        assert verdict["usable"]
        assert 7 < verdict["voiced_seconds"] < verdict["seconds"] < 10
        assert 0.7 < verdict["expected_similarity"] <= 0.75  # docs/evaluation.md
        assert client.audio.voices.delete(voice.id).deleted
        with pytest.raises(openai.BadRequestError, match="the sound file is empty"):
            create(audio_sample=("empty.wav", b""))


def test_recording_of_another_person_among_several_is_called_out(gateway: str) -> None:
    recordings = [*halves("rowan"), halves("ash")[0]]
    files = [("audio_sample", (f"{i}.flac", data)) for i, data in enumerate(recordings)]
    answer = httpx.post(gateway + URL, data=FORM, files=files, timeout=60).json()
    assert [sample["usable"] for sample in answer["samples"]] == [True, True, False]
    assert answer["samples"][0]["similarity"] > 0.8 > answer["samples"][2]["similarity"]


@pytest.mark.anyio
async def test_calls_wait_for_the_database_in_threads_of_their_own() -> None:
    reached, answered = threading.Event(), threading.Event()

    def silent(*_: str) -> Any:
        reached.set()
        answered.wait(60)
        raise StorageUnavailable

    gateway = SimpleNamespace(
        voices=SimpleNamespace(list=silent, find=silent, rename=silent, remove=silent)
    )
    app = create_app("gateway", "Voices.", SETTINGS, load=lambda: gateway)
    app.include_router(voice_routes.router)
    app.state.model, app.state.ready = gateway, True  # nothing starts it
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, path in (("GET", ""), ("GET", "/a"), ("PATCH", "/a"), ("DELETE", "/a")):
            reached.clear()
            answered.clear()
            async with create_task_group() as calls:
                calls.start_soon(partial(client.request, method, URL + path, json={"name": "b"}))
                while not reached.is_set():
                    await sleep(0.01)
                assert not to_thread.current_default_thread_limiter().borrowed_tokens
                answered.set()


def spoiled(how: str) -> bytes:
    """A clip of a preset's voice with a fault, as a WAV file."""
    clip = read_sound(sample_path("rowan").read_bytes(), max_seconds=60)
    wav, rng = clip.wav, np.random.default_rng(0)
    match how:
        case "speech":
            wav = wav[: int(1.2 * clip.rate)]
        case "level":
            wav = wav * np.float32(0.01)
        case "clipping":
            wav = np.clip(20 * wav, -1, 1)
        case "offset":
            wav = wav + np.float32(0.1)
        case "noise":
            wav = wav + rng.normal(0, 0.1, len(wav)).astype(np.float32)
        case "music":
            seconds = np.arange(len(wav)) / clip.rate
            chord = np.sin(2 * np.pi * np.outer((220, 277, 330), seconds)).sum(axis=0)
            wav = wav + (0.06 * chord).astype(np.float32)
        case "speakers":
            other = read_sound(sample_path("ash").read_bytes(), max_seconds=60).wav
            wav = np.concatenate([wav[: 5 * clip.rate], other[: 5 * clip.rate]])
    file = io.BytesIO()
    soundfile.write(file, wav, clip.rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.mark.parametrize("fault", get_args(CheckName))
def test_check_finds_faults_of_real_sound(gateway: str, fault: str) -> None:
    files = [("audio_sample", ("spoiled.wav", spoiled(fault)))]
    answer = httpx.post(f"{gateway}{URL}/check", files=files, timeout=60).raise_for_status()
    (sample,) = answer.json()["samples"]
    checks = {check["name"]: check for check in sample["checks"]}
    assert checks[fault]["rating"] in ("Fair", "Poor")
    assert checks[fault]["remedy"].endswith(".")
    assert sample["rating"] != "Good"


def test_check_of_a_good_sample_finds_nothing(gateway: str) -> None:
    files = [("audio_sample", ("rowan.wav", sample_path("rowan").read_bytes()))]
    answer = httpx.post(f"{gateway}{URL}/check", files=files, timeout=60).raise_for_status()
    (sample,) = answer.json()["samples"]
    assert sample["rating"] == "Good"
    assert [check["remedy"] for check in sample["checks"]] == [None] * len(get_args(CheckName))


@pytest.mark.parametrize("rate", [4_000, 192_000])
def test_voice_is_made_of_a_clip_at_any_rate(gateway: str, rate: int) -> None:
    clip = read_sound(sample_path("elm").read_bytes(), max_seconds=60)
    file = io.BytesIO()
    soundfile.write(
        file, soxr.resample(clip.wav[: 4 * clip.rate], clip.rate, rate), rate, format="WAV"
    )
    files = [("audio_sample", ("elm.wav", file.getvalue()))]
    answer = httpx.post(f"{gateway}{URL}/check", files=files, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", ["chords", "noise", "tone"])
def test_sound_without_a_voice_is_refused_with_the_reason(gateway: str, kind: str) -> None:
    seconds = np.arange(6 * 16_000) / 16_000
    notes = {"tone": [440], "chords": [220, 277, 330]}.get(kind, [])
    root = np.repeat([1, 1.68, 1.33, 1.5, 1, 1.12], 16_000)  # a chord a second
    phase = 2 * np.pi * np.cumsum(root if kind == "chords" else np.ones(len(root))) / 16_000
    wav = np.sin(np.outer(notes, phase)).sum(axis=0)
    if kind == "noise":
        wav = np.random.default_rng(0).normal(0, 1, len(seconds))
    file = io.BytesIO()
    soundfile.write(file, 0.1 * wav, 16_000, format="WAV")
    files = [("audio_sample", (f"{kind}.wav", file.getvalue()))]
    error = error_of(httpx.post(f"{gateway}{URL}/check", files=files, timeout=60))
    assert "no voice found" in error["message"] or "voice found in" in error["message"]
    assert error["code"] == "unusable_samples"
