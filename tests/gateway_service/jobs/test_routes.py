import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from tests.conftest import running
from tests.support.caption_files import read_captions
from tests.support.job_fixtures import TEXT, wait_until
from tests.support.stub_services import StubServices

FINAL = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture(scope="module")
def http(
    services: StubServices,
    database_url_of_module: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    environment = {
        "DATABASE_URL": database_url_of_module,
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "MAX_JOB_CHARACTERS": "1000",
        "MAX_JOB_SENTENCES": "100",
        "JOB_LEASE_SECONDS": "2",
        **services.environment,
    }
    with running("gateway", **environment) as url, httpx.Client(base_url=url, timeout=60) as http:
        yield http


@pytest.fixture
def held(http: httpx.Client, services: StubServices) -> Iterator[threading.Event]:
    """Holds the vocoder until the event is set. First waits for the jobs of other tests."""
    wait_until(lambda: all(job["state"] in FINAL for job in http.get("/v1/jobs").json()["data"]))
    event = threading.Event()
    services.vocoder.before_part = lambda: event.wait(60)
    yield event
    event.set()
    services.vocoder.before_part = lambda: None


def create_job(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    response = http.post("/v1/jobs", json={"input": TEXT, "voice": "rowan", **fields})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def get_job(http: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
    return job


def wait_for(http: httpx.Client, job_id: str) -> dict[str, Any]:
    wait_until(lambda: get_job(http, job_id)["state"] in FINAL)
    return get_job(http, job_id)


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def test_job_is_accepted_and_completed(http: httpx.Client) -> None:
    job = create_job(http, response_format="wav", seed=3)
    assert (job["object"], job["state"], job["voice"]) == ("speech.job", "queued", "rowan")
    assert job["progress"] == {"sentences": 3, "done": 0, "skipped": 0}
    assert (job["error"], job["expires_at"]) == (None, None)

    done = wait_for(http, job["id"])

    assert done["state"] == "completed"
    assert done["progress"] == {"sentences": 3, "done": 3, "skipped": 0}
    days = (done["expires_at"] - done["created_at"]) / 86_400
    assert days == pytest.approx(7, abs=0.01)


def test_temperature_of_a_job_reaches_the_vocoder(
    http: httpx.Client, services: StubServices
) -> None:
    services.vocoder.requests.clear()
    wait_for(http, create_job(http, temperature=0.5)["id"])

    assert {request["temperature"] for request in services.vocoder.requests} == {0.5}


def test_file_contains_each_sentence_and_the_pauses(http: httpx.Client) -> None:
    job = create_job(http, response_format="wav")
    wait_for(http, job["id"])

    response = http.get(f"/v1/jobs/{job['id']}/audio").raise_for_status()

    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["content-disposition"] == f'attachment; filename="{job["id"]}.wav"'
    wav, rate = soundfile.read(io.BytesIO(response.content))
    assert rate == 24_000
    frames = np.abs(wav[: len(wav) // 240 * 240]).reshape(-1, 240)
    is_spoken = frames.max(axis=1) > 0.1
    assert np.count_nonzero(np.diff(is_spoken.astype(int), prepend=0) == 1) == 3


def test_markdown_job_speaks_its_prose_with_its_lexicon(
    http: httpx.Client, services: StubServices
) -> None:
    services.synthesizer.requests.clear()
    markdown = "# Title\n\nThe **bold** Nguyen, 東京.\n\n- one\n- two"

    job = create_job(http, input=markdown, lexicon={"Nguyen": "win"})
    wait_for(http, job["id"])

    assert [note.split(" (")[0] for note in job["notes"]] == ["2 letters in Han"]
    spoken = [request for request in services.synthesizer.requests if "text" in request]
    assert [request["text"] for request in spoken] == ["Title", "The bold Nguyen, .", "one", "two"]
    assert all(request["lexicon"] == {"Nguyen": "win"} for request in spoken)


@pytest.mark.parametrize(
    ("media_type", "texts"),
    [("text/markdown", ["Title", "a b"]), ("text/plain", ["Title", "a b"])],
)
def test_markup_of_a_text_body_is_detected(
    http: httpx.Client, services: StubServices, media_type: str, texts: list[str]
) -> None:
    services.synthesizer.requests.clear()

    response = http.post(
        "/v1/jobs?voice=rowan", content="# Title\n\na *b*", headers={"content-type": media_type}
    )
    wait_for(http, response.json()["id"])

    assert services.synthesizer.texts == texts


def test_plain_text_is_not_parsed(http: httpx.Client, services: StubServices) -> None:
    services.synthesizer.requests.clear()

    job = create_job(http, input="# a *b*", text_format="plain")
    wait_for(http, job["id"])

    assert services.synthesizer.texts == ["# a *b*"]


@pytest.mark.parametrize(
    ("response_format", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("pcm", "audio/pcm")],
)
def test_file_has_the_requested_format(
    http: httpx.Client, response_format: str, media_type: str
) -> None:
    job = create_job(http, response_format=response_format)
    wait_for(http, job["id"])

    response = http.get(f"/v1/jobs/{job['id']}/audio")

    assert response.headers["content-type"] == media_type
    assert len(response.content) > 1000


def test_unknown_voice_is_not_found(http: httpx.Client) -> None:
    response = http.post("/v1/jobs", json={"input": TEXT, "voice": "nobody"})

    assert error_of(response, 404)["code"] == "voice_not_found"


def test_blank_text_is_rejected(http: httpx.Client) -> None:
    response = http.post("/v1/jobs", json={"input": " ", "voice": "rowan"})

    assert error_of(response, 400)["param"] == "input"


def test_text_over_the_limit_is_rejected(http: httpx.Client) -> None:
    response = http.post("/v1/jobs", json={"input": "Hello. " * 200, "voice": "rowan"})

    error = error_of(response, 413)
    assert error["param"] == "input"
    assert "1000" in error["message"]


def test_text_of_too_many_sentences_is_rejected(http: httpx.Client) -> None:
    response = http.post("/v1/jobs", json={"input": "Yes. " * 101, "voice": "rowan"})

    error = error_of(response, 413)
    assert (error["param"], error["code"]) == ("input", "too_many_sentences")
    assert "100 sentences" in error["message"]
    assert "MAX_JOB_SENTENCES" in error["message"]


@pytest.mark.parametrize("path", ["", "/audio", "/events"])
def test_unknown_job_is_not_found(http: httpx.Client, path: str) -> None:
    assert error_of(http.get(f"/v1/jobs/job_none{path}"), 404)["code"] == "job_not_found"


def test_unknown_job_cannot_be_deleted(http: httpx.Client) -> None:
    assert error_of(http.delete("/v1/jobs/job_none"), 404)["code"] == "job_not_found"


def test_audio_of_an_unfinished_job_is_a_conflict(
    http: httpx.Client, held: threading.Event
) -> None:
    job = create_job(http)

    error = error_of(http.get(f"/v1/jobs/{job['id']}/audio"), 409)

    assert error["code"] == "job_not_completed"


def test_unspeakable_sentence_is_skipped(http: httpx.Client) -> None:
    job = create_job(http, input="One is here. ½. Two is there.")

    done = wait_for(http, job["id"])

    assert done["state"] == "completed"
    assert done["progress"] == {"sentences": 3, "done": 3, "skipped": 1}


def test_running_job_is_cancelled_and_its_work_stops(
    http: httpx.Client, held: threading.Event
) -> None:
    job = create_job(http)
    wait_until(lambda: get_job(http, job["id"])["state"] == "running")

    response = http.delete(f"/v1/jobs/{job['id']}")

    assert response.json()["state"] == "cancelled"
    held.set()
    assert wait_for(http, job["id"])["progress"]["done"] == 0


def test_finished_job_is_deleted(http: httpx.Client) -> None:
    job = create_job(http)
    wait_for(http, job["id"])

    response = http.delete(f"/v1/jobs/{job['id']}")

    assert response.json() == {"id": job["id"], "object": "speech.job.deleted", "deleted": True}
    error_of(http.get(f"/v1/jobs/{job['id']}"), 404)


def test_newest_jobs_are_listed_first(http: httpx.Client) -> None:
    created = [create_job(http)["id"] for _ in range(3)]

    first = http.get("/v1/jobs", params={"limit": 2}).json()
    rest = http.get("/v1/jobs", params={"limit": 2, "after": first["data"][-1]["id"]}).json()

    listed = [job["id"] for job in first["data"] + rest["data"]]
    assert sorted(listed[:3]) == sorted(created)
    assert first["has_more"]


def test_events_report_each_sentence_until_the_end(
    http: httpx.Client, held: threading.Event
) -> None:
    job = create_job(http)

    with http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = []
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                held.set()

    states = [event["state"] for event in events]
    done = [event["progress"]["done"] for event in events]
    assert events[-1] == get_job(http, job["id"])
    assert states[0] in {"queued", "running"}
    assert (states[-1], done[-1]) == ("completed", 3)
    assert done == sorted(done)


def test_head_of_events_does_not_wait_for_the_job(
    http: httpx.Client, held: threading.Event
) -> None:
    job = create_job(http)
    head = http.head(f"/v1/jobs/{job['id']}/events", timeout=30)
    assert head.headers["content-type"].startswith("text/event-stream")
    assert get_job(http, job["id"])["state"] not in FINAL  # the vocoder is still held
    held.set()
    assert http.head(f"/v1/jobs/{wait_for(http, job['id'])['id']}/audio").status_code == 200


def test_events_of_a_finished_job_are_one(http: httpx.Client) -> None:
    job = create_job(http)
    wait_for(http, job["id"])

    body = http.get(f"/v1/jobs/{job['id']}/events").text

    assert body.count("data: ") == 1


def test_openapi_document_lists_every_kind_of_body(http: httpx.Client) -> None:
    operation = http.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]

    content = operation["requestBody"]["content"]
    assert set(content) == {
        "application/json",
        "multipart/form-data",
        "text/html",
        "text/plain",
        "text/markdown",
        "application/epub+zip",
    }
    assert "voice" in {parameter["name"] for parameter in operation["parameters"]}


def captions_of(http: httpx.Client, job_id: str, **query: Any) -> httpx.Response:
    return http.get(f"/v1/jobs/{job_id}/captions", params=query)


def test_captions_have_the_words_at_their_times(http: httpx.Client) -> None:
    text = "Good morning, Mr. Ash.\n\nIt costs $5."
    job = create_job(http, input=text, timestamps=True, speed=2.0, response_format="wav")
    assert wait_for(http, job["id"])["timestamps"] is True

    content = captions_of(http, job["id"], format="json").raise_for_status().json()

    words = [word for caption in content["captions"] for word in caption["words"]]
    assert " ".join(word["word"] for word in words) == "Good morning, Mr. Ash. It costs $5."
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    sound = http.get(f"/v1/jobs/{job['id']}/audio").content
    assert words[-1]["end"] <= soundfile.info(io.BytesIO(sound)).duration + 0.02


@pytest.mark.parametrize(
    ("query", "media_type"),
    [
        ({}, "application/x-subrip"),
        ({"format": "vtt"}, "text/vtt; charset=utf-8"),
        ({"format": "vtt", "words": "true"}, "text/vtt; charset=utf-8"),
    ],
)
def test_captions_are_a_file_of_their_format(
    http: httpx.Client, query: dict[str, str], media_type: str
) -> None:
    job = create_job(http, timestamps=True)
    wait_for(http, job["id"])

    response = captions_of(http, job["id"], **query).raise_for_status()

    assert response.headers["content-type"] == media_type
    cues = read_captions(response.text, "vtt" if "format" in query else "srt")
    assert cues[0].start < 100
    assert " ".join(" ".join(cue.text.split()) for cue in cues) == " ".join(TEXT.split())
    assert any(cue.stamps for cue in cues) == ("words" in query)


def test_captions_of_a_job_without_timestamps_are_a_conflict(http: httpx.Client) -> None:
    job = create_job(http)
    wait_for(http, job["id"])
    assert error_of(captions_of(http, job["id"]), 409)["code"] == "no_timestamps"


def test_captions_of_an_unfinished_job_are_a_conflict(
    http: httpx.Client, held: threading.Event
) -> None:
    job = create_job(http, timestamps=True)
    assert error_of(captions_of(http, job["id"]), 409)["code"] == "job_not_completed"


def test_captions_of_another_format_are_refused(http: httpx.Client) -> None:
    assert error_of(captions_of(http, "job_0", format="ass"), 400)["param"] == "format"


def test_spellings_of_clients_are_taken(http: httpx.Client) -> None:
    fields = {"speed": "1.5", "seed": "3", "response_format": "WAV", "text_format": "Plain"}
    answer = http.post("/v1/jobs", json={"input": TEXT, "voice": "rowan", **fields})

    assert answer.status_code == 202, answer.text
    assert answer.json()["response_format"] == "wav"


def test_null_counts_as_absent(http: httpx.Client) -> None:
    nulls = dict.fromkeys(["response_format", "speed", "seed", "text_format", "lexicon"])
    body = {"input": TEXT, "voice": "rowan", **nulls}
    answer = http.post("/v1/jobs", params={"response_format": "flac"}, json=body)

    assert answer.status_code == 202, answer.text
    assert answer.json()["response_format"] == "flac"
    refused = http.post("/v1/jobs", json={**body, "voice": None})
    assert error_of(refused, 400)["code"] == "missing"
