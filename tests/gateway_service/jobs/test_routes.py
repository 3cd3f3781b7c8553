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
    """The vocoder answers nothing until it is set. No job of another test is there to be held."""
    wait_until(lambda: all(job["state"] in FINAL for job in http.get("/v1/jobs").json()["data"]))
    event = threading.Event()
    services.vocoder.before_part = lambda: event.wait(60)
    yield event
    event.set()
    services.vocoder.before_part = lambda: None


def ordered(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = http.post("/v1/jobs", json={"input": TEXT, "voice": "rowan", **fields})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def job_of(http: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
    return job


def finished(http: httpx.Client, job_id: str) -> dict[str, Any]:
    wait_until(lambda: job_of(http, job_id)["state"] in FINAL)
    return job_of(http, job_id)


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_job_is_taken_and_completed(http: httpx.Client) -> None:
    job = ordered(http, response_format="wav", seed=3)
    assert (job["object"], job["state"], job["voice"]) == ("speech.job", "queued", "rowan")
    assert job["progress"] == {"sentences": 3, "done": 0, "skipped": 0}
    assert (job["error"], job["expires_at"]) == (None, None)

    done = finished(http, job["id"])

    assert done["state"] == "completed"
    assert done["progress"] == {"sentences": 3, "done": 3, "skipped": 0}
    days = (done["expires_at"] - done["created_at"]) / 86_400
    assert days == pytest.approx(7, abs=0.01)


def test_audio_holds_every_sentence_and_the_pauses_between(http: httpx.Client) -> None:
    job = ordered(http, response_format="wav")
    finished(http, job["id"])

    answer = http.get(f"/v1/jobs/{job['id']}/audio").raise_for_status()

    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == f'attachment; filename="{job["id"]}.wav"'
    wav, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == 24_000
    hundredths = np.abs(wav[: len(wav) // 240 * 240]).reshape(-1, 240)
    is_spoken = hundredths.max(axis=1) > 0.1
    assert np.count_nonzero(np.diff(is_spoken.astype(int), prepend=0) == 1) == 3


def test_job_of_markdown_says_its_prose_with_its_lexicon(
    http: httpx.Client, services: StubServices
) -> None:
    services.synthesizer.requests.clear()
    markdown = "# Title\n\nThe **bold** Nguyen, 東京.\n\n- one\n- two"

    job = ordered(http, input=markdown, lexicon={"Nguyen": "win"})
    finished(http, job["id"])

    assert [note.split(" (")[0] for note in job["notes"]] == ["2 letters in Han"]
    said = [request for request in services.synthesizer.requests if "text" in request]
    assert [request["text"] for request in said] == ["Title", "The bold Nguyen, .", "one", "two"]
    assert all(request["lexicon"] == {"Nguyen": "win"} for request in said)


@pytest.mark.parametrize(
    ("media_type", "texts"),
    [("text/markdown", ["Title", "a b"]), ("text/plain", ["Title", "a b"])],
)
def test_text_sent_as_it_is_may_be_markdown(
    http: httpx.Client, services: StubServices, media_type: str, texts: list[str]
) -> None:
    services.synthesizer.requests.clear()

    answer = http.post(
        "/v1/jobs?voice=rowan", content="# Title\n\na *b*", headers={"content-type": media_type}
    )
    finished(http, answer.json()["id"])

    assert services.synthesizer.texts == texts


def test_plain_text_of_a_job_stays_as_it_is(http: httpx.Client, services: StubServices) -> None:
    services.synthesizer.requests.clear()

    job = ordered(http, input="# a *b*", text_format="plain")
    finished(http, job["id"])

    assert services.synthesizer.texts == ["# a *b*"]


def test_form_takes_a_lexicon_as_json(http: httpx.Client) -> None:
    files = {"file": ("book.md", b"# Title", "text/markdown")}
    fields = {"voice": "rowan", "lexicon": '{"Title": "tie till"}'}
    assert http.post("/v1/jobs", data=fields, files=files).status_code == 202

    answer = http.post("/v1/jobs", data={**fields, "lexicon": "{"}, files=files)
    error = error_of(answer, 400)

    assert (error["param"], error["code"]) == ("lexicon", "invalid_lexicon")


@pytest.mark.parametrize(
    ("response_format", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("pcm", "audio/pcm")],
)
def test_audio_comes_in_the_format_asked_for(
    http: httpx.Client, response_format: str, media_type: str
) -> None:
    job = ordered(http, response_format=response_format)
    finished(http, job["id"])

    answer = http.get(f"/v1/jobs/{job['id']}/audio")

    assert answer.headers["content-type"] == media_type
    assert len(answer.content) > 1000


def test_text_may_be_the_body(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/jobs?voice=elm&response_format=flac&speed=1.5",
        content="\ufeffEins ist hier. Zwei.",
        headers={"content-type": "text/plain; charset=utf-8"},
    )

    job = answer.json()
    assert (job["voice"], job["response_format"]) == ("elm", "flac")
    assert job["preview"] == "Eins ist hier. Zwei."


def test_query_holds_for_a_form_where_the_form_says_nothing(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/jobs?voice=elm&response_format=flac",
        data={"response_format": "wav"},
        files={"file": ("book.txt", TEXT.encode())},
    )

    job = answer.json()
    assert (job["voice"], job["response_format"]) == ("elm", "wav")


def test_query_is_checked_whatever_the_body_is(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs?speed=9", json={"input": TEXT, "voice": "elm"})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "speed"


def test_text_may_be_a_file_in_a_form(http: httpx.Client) -> None:
    fields = {"voice": "elm", "seed": "5", "speed": "1.5"}
    answer = http.post("/v1/jobs/", data=fields, files={"file": ("book.txt", TEXT.encode())})

    assert answer.status_code == 202
    assert answer.json()["progress"]["sentences"] == 3


def test_file_that_is_no_text_is_refused(http: httpx.Client) -> None:
    files = {"file": ("book.doc", b"\xd0\xcf\x11\xe0")}
    error = error_of(http.post("/v1/jobs", data={"voice": "elm"}, files=files), 400)

    assert (error["param"], error["code"]) == ("file", "not_text")


def test_form_without_a_text_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", files={"other": ("a.txt", b"Hello.")}, data={"voice": "elm"})

    assert error_of(answer, 400)["param"] == "file"


def test_unknown_content_type_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", content=b"x", headers={"content-type": "application/pdf"})

    assert error_of(answer, 415)["param"] == "content-type"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"voice": None}, "voice"),
        ({"input": None}, "input"),
        ({"input": " "}, "input"),
        ({"speed": 5}, "speed"),
        ({"response_format": "au"}, "response_format"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_field_is_named(http: httpx.Client, fields: dict[str, Any], param: str) -> None:
    body = {"input": TEXT, "voice": "rowan", **fields}
    given = {name: value for name, value in body.items() if value is not None}

    assert error_of(http.post("/v1/jobs", json=given), 400)["param"] == param


@pytest.mark.parametrize(
    ("name", "value"),
    [("speed", "fast"), ("speed", True), ("speed", "9"), ("seed", "3.5"), ("seed", 3.0)],
)
def test_value_that_is_no_number_is_refused(http: httpx.Client, name: str, value: object) -> None:
    answer = http.post("/v1/jobs", json={"input": TEXT, "voice": "rowan", name: value})

    assert error_of(answer, 400)["param"] == name


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


def test_query_beside_json_is_converted(http: httpx.Client) -> None:
    query = {"speed": "1.5", "seed": "3", "response_format": "wav"}
    answer = http.post("/v1/jobs", params=query, json={"input": TEXT, "voice": "rowan"})

    assert answer.status_code == 202, answer.text
    assert answer.json()["response_format"] == "wav"


def test_body_that_is_no_object_is_refused(http: httpx.Client) -> None:
    error_of(http.post("/v1/jobs", json=[1]), 400)


def test_unknown_voice_is_not_found(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"input": TEXT, "voice": "nobody"})

    assert error_of(answer, 404)["code"] == "voice_not_found"


def test_text_over_the_limit_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"input": "Hello. " * 200, "voice": "rowan"})

    error = error_of(answer, 413)
    assert error["param"] == "input"
    assert "1000" in error["message"]


def test_text_of_too_many_sentences_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", json={"input": "Yes. " * 101, "voice": "rowan"})

    error = error_of(answer, 413)
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
    job = ordered(http)

    error = error_of(http.get(f"/v1/jobs/{job['id']}/audio"), 409)

    assert error["code"] == "job_not_completed"


def test_sentence_that_cannot_be_said_is_skipped(http: httpx.Client) -> None:
    job = ordered(http, input="One is here. ½. Two is there.")

    done = finished(http, job["id"])

    assert done["state"] == "completed"
    assert done["progress"] == {"sentences": 3, "done": 3, "skipped": 1}


def test_running_job_is_cancelled_and_its_work_stops(
    http: httpx.Client, held: threading.Event
) -> None:
    job = ordered(http)
    wait_until(lambda: job_of(http, job["id"])["state"] == "running")

    answer = http.delete(f"/v1/jobs/{job['id']}")

    assert answer.json()["state"] == "cancelled"
    held.set()
    assert finished(http, job["id"])["progress"]["done"] == 0


def test_final_job_is_deleted(http: httpx.Client) -> None:
    job = ordered(http)
    finished(http, job["id"])

    answer = http.delete(f"/v1/jobs/{job['id']}")

    assert answer.json() == {"id": job["id"], "object": "speech.job.deleted", "deleted": True}
    error_of(http.get(f"/v1/jobs/{job['id']}"), 404)


def test_newest_jobs_are_listed_first(http: httpx.Client) -> None:
    made = [ordered(http)["id"] for _ in range(3)]

    first = http.get("/v1/jobs", params={"limit": 2}).json()
    rest = http.get("/v1/jobs", params={"limit": 2, "after": first["data"][-1]["id"]}).json()

    listed = [job["id"] for job in first["data"] + rest["data"]]
    assert sorted(listed[:3]) == sorted(made)
    assert first["has_more"]


def test_events_tell_of_every_sentence_to_the_end(
    http: httpx.Client, held: threading.Event
) -> None:
    job = ordered(http)

    with http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = []
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                held.set()

    states = [event["state"] for event in events]
    done = [event["progress"]["done"] for event in events]
    assert events[-1] == job_of(http, job["id"])
    assert states[0] in {"queued", "running"}
    assert (states[-1], done[-1]) == ("completed", 3)
    assert done == sorted(done)


def test_head_of_events_waits_for_none(http: httpx.Client, held: threading.Event) -> None:
    job = ordered(http)
    head = http.head(f"/v1/jobs/{job['id']}/events", timeout=30)
    assert head.headers["content-type"].startswith("text/event-stream")
    assert job_of(http, job["id"])["state"] not in FINAL  # the vocoder is still held
    held.set()
    assert http.head(f"/v1/jobs/{finished(http, job['id'])['id']}/audio").status_code == 200


def test_events_of_a_final_job_are_one(http: httpx.Client) -> None:
    job = ordered(http)
    finished(http, job["id"])

    body = http.get(f"/v1/jobs/{job['id']}/events").text

    assert body.count("data: ") == 1


def test_the_document_shows_every_way_to_order(http: httpx.Client) -> None:
    operation = http.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]

    content = operation["requestBody"]["content"]
    assert set(content) == {
        "application/json",
        "multipart/form-data",
        "text/plain",
        "text/markdown",
    }
    assert "voice" in {parameter["name"] for parameter in operation["parameters"]}
