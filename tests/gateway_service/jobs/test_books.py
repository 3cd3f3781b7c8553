"""Jobs that read books: chapters, tags, files with chapter marks, several voices."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest

from shared.voices import sample_embeds
from tests.conftest import running
from tests.support.epubs import CONTAINER, epub3, many_chapters, zipped
from tests.support.job_fixtures import wait_until
from tests.support.stub_services import Refusal, StubServices

FINAL = {"completed", "failed", "cancelled"}
MARKDOWN = (
    "# The Lamp\n\nBy night.\n\n## One\n\nIt rained. Wind came.\n\n## Two\n\nStill.\n\n"
    "## Three\n\nSun."
)


@pytest.fixture(scope="module")
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture(scope="module")
def http(
    services: StubServices, database_url_of_module: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    environment = {
        "DATABASE_URL": database_url_of_module,
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "MAX_JOB_CHARACTERS": "2000",
        "MAX_JOB_SENTENCES": "30",
        **services.environment,
    }
    with running("gateway", **environment) as url, httpx.Client(base_url=url, timeout=60) as http:
        yield http


def post(http: httpx.Client, data: bytes | str, name: str, **fields: str) -> httpx.Response:
    content = data.encode() if isinstance(data, str) else data
    form = {"voice": "rowan", "seed": "1", **fields}
    return http.post("/v1/jobs", files={"file": (name, content)}, data=form)


def create(http: httpx.Client, data: bytes | str, name: str, **fields: str) -> dict[str, Any]:
    response = post(http, data, name, **fields)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def wait_for(http: httpx.Client, job_id: str) -> dict[str, Any]:
    def job() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return found

    wait_until(lambda: job()["state"] in FINAL)
    return job()


def wait_for_other_jobs(http: httpx.Client) -> None:
    wait_until(lambda: all(job["state"] in FINAL for job in http.get("/v1/jobs").json()["data"]))


def audio(http: httpx.Client, job_id: str, path: str = "") -> httpx.Response:
    return http.get(f"/v1/jobs/{job_id}{path}/audio").raise_for_status()


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.mark.parametrize(
    ("response_format", "media_type", "codec"),
    [("m4b", "audio/mp4", "aac"), ("mp3", "audio/mpeg", "mp3float")],
)
def test_epub_becomes_a_file_with_chapters_tags_and_cover(
    http: httpx.Client, response_format: str, media_type: str, codec: str
) -> None:
    job = create(http, epub3(), "book.epub", response_format=response_format)
    assert job["book"] == {
        "title": "The Quiet Harbour",
        "author": "Ada Birch, Tom Elm",
        "language": "en",
    }
    titles = [(chapter["number"], chapter["title"]) for chapter in job["chapters"]]
    assert titles == [(1, "The Ferry"), (2, "The Lamp"), (3, "The Storm")]
    assert job["disk_bytes"] > 0

    done = wait_for(http, job["id"])

    assert done["state"] == "completed"
    assert {chapter["state"] for chapter in done["chapters"]} == {"completed"}
    assert sum(chapter["sentences"] for chapter in done["chapters"]) == 13
    response = audio(http, job["id"])
    assert response.headers["content-type"] == media_type
    with av.open(io.BytesIO(response.content), "r") as book:
        marks = [mark["metadata"]["title"] for mark in book.chapters()]
        assert marks == ["The Ferry", "The Lamp", "The Storm"]
        assert book.metadata["title"] == "The Quiet Harbour"
        assert book.metadata["artist"] == "Ada Birch, Tom Elm"
        stream = book.streams.audio[0]
        assert (stream.codec_context.name, stream.rate) == (codec, 24_000)
        assert book.duration is not None
        assert book.duration / 1e6 == pytest.approx(book.chapters()[-1]["end"] / 1000, abs=0.2)
        [cover] = book.streams.video
        assert cover.disposition == av.stream.Disposition.attached_pic


def test_html_body_is_a_book_with_chapters(http: httpx.Client) -> None:
    page = "<title>Rain</title><h1>One</h1><p>It rained.</p><h1>Two</h1><p>It stopped.</p>"
    query = {"voice": "rowan", "chapters": "2"}
    headers = {"content-type": "text/html; charset=utf-8"}

    response = http.post("/v1/jobs", params=query, content=page, headers=headers)

    assert response.status_code == 202, response.text
    assert response.json()["book"]["title"] == "Rain"
    assert [chapter["title"] for chapter in response.json()["chapters"]] == ["Two"]


def test_epub_body_takes_its_options_from_the_query(http: httpx.Client) -> None:
    response = http.post(
        "/v1/jobs",
        params={"voice": "rowan", "response_format": "m4b", "chapters": "2-3"},
        content=epub3(),
        headers={"content-type": "application/epub+zip"},
    )
    assert response.status_code == 202, response.text
    assert [chapter["number"] for chapter in response.json()["chapters"]] == [2, 3]


@pytest.mark.parametrize(
    ("name", "text", "titles"),
    [
        ("book.md", MARKDOWN, ["The Lamp", "One", "Two", "Three"]),
        ("book.html", "<h1>One</h1><p>It rained.</p><h1>Two</h1><p>Sun.</p>", ["One", "Two"]),
        ("book.txt", "Chapter 1\n\nIt rained.\n\nChapter 2\n\nSun.", ["Chapter 1", "Chapter 2"]),
    ],
)
def test_other_files_keep_their_chapters(
    http: httpx.Client, name: str, text: str, titles: list[str]
) -> None:
    job = create(http, text, name)
    assert [chapter["title"] for chapter in job["chapters"]] == titles


def test_text_file_without_chapters_is_one_text(http: httpx.Client) -> None:
    job = create(http, "It rained.\n\nThe sun came.", "book.txt")
    assert (job["book"], job["chapters"]) == (None, None)


def test_zip_holds_a_file_for_each_chosen_chapter(
    http: httpx.Client, services: StubServices
) -> None:
    wait_for_other_jobs(http)
    services.synthesizer.requests.clear()
    job = create(http, MARKDOWN, "book.md", response_format="zip", chapters="2, 4")
    wait_for(http, job["id"])

    assert services.synthesizer.texts == ["One", "It rained.", "Wind came.", "Three", "Sun."]
    response = audio(http, job["id"])
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == ["001 One.mp3", "002 Three.mp3"]
        with av.open(archive.open("002 Three.mp3"), "r") as track:
            assert track.metadata["title"] == "Three"


def test_text_job_may_be_an_m4b_of_one_chapter(http: httpx.Client) -> None:
    body = {"input": "It rained.", "voice": "rowan", "response_format": "m4b"}
    job = http.post("/v1/jobs", json=body).raise_for_status().json()
    wait_for(http, job["id"])
    with av.open(io.BytesIO(audio(http, job["id"]).content)) as book:
        assert len(book.chapters()) == 1


def test_finished_chapter_is_heard_while_the_rest_is_made(
    http: httpx.Client, services: StubServices
) -> None:
    held, released = threading.Event(), threading.Event()
    before = len(services.vocoder.requests)

    def hold() -> None:
        if len(services.vocoder.requests) - before == 5:
            held.set()
            released.wait(60)

    wait_for_other_jobs(http)
    before = len(services.vocoder.requests)
    services.vocoder.before_part = hold
    try:
        job = create(http, MARKDOWN, "book.md", response_format="m4b", chapters="2-4")
        assert held.wait(60)
        running_job = http.get(f"/v1/jobs/{job['id']}").json()
        states = [chapter["state"] for chapter in running_job["chapters"]]
        assert states == ["completed", "running", "queued"]
        assert [chapter["done"] for chapter in running_job["chapters"]] == [3, 1, 0]
        assert running_job["seconds_left"] is not None

        chapter = audio(http, job["id"], "/chapters/2")
        unfinished = http.get(f"/v1/jobs/{job['id']}/chapters/3/audio")
        absent = http.get(f"/v1/jobs/{job['id']}/chapters/1/audio")
    finally:
        released.set()
        services.vocoder.before_part = lambda: None
    assert chapter.headers["content-type"] == "audio/mpeg"
    with av.open(io.BytesIO(chapter.content)) as sound:
        assert sound.streams.audio[0].rate == 24_000
    assert error_of(unfinished, 409)["code"] == "chapter_not_completed"
    assert error_of(absent, 404)["code"] == "chapter_not_found"

    done = wait_for(http, job["id"])

    assert (done["state"], done["seconds_left"]) == ("completed", None)
    assert audio(http, job["id"], "/chapters/2").content == chapter.content


def chapters_of(http: httpx.Client, job: dict[str, Any]) -> list[bytes]:
    """The sound of each chapter of a completed job."""
    assert wait_for(http, job["id"])["state"] == "completed"
    return [audio(http, job["id"], f"/chapters/{at['number']}").content for at in job["chapters"]]


def test_changed_chapter_alone_is_made_anew(http: httpx.Client, services: StubServices) -> None:
    wait_for_other_jobs(http)
    options = {"response_format": "zip", "timestamps": "true"}
    first = create(http, MARKDOWN, "book.md", **options)
    before = chapters_of(http, first)
    services.synthesizer.requests.clear()

    changed = MARKDOWN.replace("Still.", "Still and dark.")
    second = create(http, changed, "book.md", from_job=first["id"], **options)
    after = chapters_of(http, second)

    assert services.synthesizer.texts == ["Two", "Still and dark."]
    assert [chapter["reused"] for chapter in second["chapters"]] == [True, True, False, True]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False, True]
    with (
        zipfile.ZipFile(io.BytesIO(audio(http, first["id"]).content)) as old,
        zipfile.ZipFile(io.BytesIO(audio(http, second["id"]).content)) as new,
    ):
        same = [old.read(name) == new.read(name) for name in new.namelist()]
    assert same == [True, True, False, True]
    captions = http.get(f"/v1/jobs/{second['id']}/captions", params={"format": "json"}).json()
    assert [caption["text"] for caption in captions["captions"]][-1].endswith("Sun.")


@pytest.mark.parametrize(
    "options",
    [{"voice": "birch"}, {"seed": "2"}, {"speed": "1.1"}, {"lexicon": '{"rained": "poured"}'}],
    ids=["voice", "seed", "speed", "lexicon"],
)
def test_chapters_of_another_voice_or_option_are_made_anew(
    http: httpx.Client, options: dict[str, str]
) -> None:
    first = create(http, MARKDOWN, "book.md")
    wait_for(http, first["id"])

    second = create(http, MARKDOWN, "book.md", from_job=first["id"], **options)

    assert not any(chapter["reused"] for chapter in second["chapters"])


def test_chapters_of_other_weights_are_made_anew(
    http: httpx.Client, services: StubServices
) -> None:
    wait_for_other_jobs(http)
    first = create(http, MARKDOWN, "book.md")
    wait_for(http, first["id"])
    services.synthesizer.requests.clear()
    services.vocoder.weights = "new"
    try:
        second = create(http, MARKDOWN, "book.md", from_job=first["id"])
        wait_for(http, second["id"])
        third = create(http, MARKDOWN, "book.md", from_job=second["id"])
        wait_for(http, third["id"])
    finally:
        services.vocoder.weights = ""

    assert not any(chapter["reused"] for chapter in second["chapters"])
    [note] = second["notes"]
    assert "the weights of the synthesizer or the vocoder have changed" in note
    assert f"{first['id']}, so" in note
    assert note.endswith(": 1, 2, 3, 4")
    assert all(chapter["reused"] for chapter in third["chapters"])
    assert third["notes"] == []
    assert len(services.synthesizer.requests) == 9


def test_weights_that_change_before_the_job_runs_are_noticed(
    http: httpx.Client, services: StubServices
) -> None:
    wait_for_other_jobs(http)
    first = create(http, MARKDOWN, "book.md")
    wait_for(http, first["id"])
    services.synthesizer.refusal = Refusal(503)
    try:
        second = create(http, MARKDOWN, "book.md", from_job=first["id"])
        assert all(chapter["reused"] for chapter in second["chapters"])
        services.synthesizer.weights = "new"
        services.synthesizer.refusal = None
        done = wait_for(http, second["id"])
    finally:
        services.synthesizer.refusal = None
        services.synthesizer.weights = ""

    assert not any(chapter["reused"] for chapter in done["chapters"])


def test_unknown_earlier_job_is_named(http: httpx.Client) -> None:
    error = error_of(post(http, MARKDOWN, "book.md", from_job="job_0"), 404)
    assert (error["param"], error["code"]) == ("from_job", "job_not_found")


def test_text_takes_no_chapters_over(http: httpx.Client) -> None:
    body = {"input": "It rained.", "voice": "rowan", "from_job": "job_0"}
    assert error_of(http.post("/v1/jobs", json=body), 400)["param"] == "from_job"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 no zip", "invalid_book"),
        (epub3()[:-300], "invalid_book"),
        (
            zipped({"META-INF/container.xml": CONTAINER, "META-INF/rights.xml": "<r/>"}),
            "protected_book",
        ),
        (epub3(**{"one.xhtml": " " * 17_000_000}), "invalid_book"),
        (b"%PDF-1.7 text", "invalid_book"),
    ],
    ids=["not a zip", "cut off", "DRM", "zip bomb", "PDF"],
)
def test_unreadable_book_is_refused_by_name(http: httpx.Client, data: bytes, code: str) -> None:
    error = error_of(post(http, data, "book.epub"), 400)
    assert (error["param"], error["code"]) == ("file", code)


@pytest.mark.parametrize(
    ("chapters", "param", "message"),
    [
        ("9", "chapters", "no chapter 9; the book has chapters 1 to 3"),
        ("3-1", "chapters", "the lower number first"),
        ("one", "chapters", "is not a chapter or a range"),
    ],
)
def test_faulty_choice_of_chapters_is_explained(
    http: httpx.Client, chapters: str, param: str, message: str
) -> None:
    error = error_of(post(http, epub3(), "book.epub", chapters=chapters), 400)
    assert error["param"] == param
    assert message in error["message"]


def test_choice_of_chapters_needs_a_file(http: httpx.Client) -> None:
    body = {"input": "It rained.", "voice": "rowan", "chapters": "1"}
    assert error_of(http.post("/v1/jobs", json=body), 400)["param"] == "chapters"


def test_book_over_the_limits_is_refused(http: httpx.Client) -> None:
    long = error_of(post(http, many_chapters(3, "It rained. " * 100), "book.epub"), 413)
    assert (long["param"], long["code"]) == ("file", "too_long")
    many = error_of(post(http, many_chapters(20), "book.epub"), 413)
    assert (many["param"], many["code"]) == ("file", "too_many_sentences")
    assert "30 sentences" in many["message"]


def test_chapter_in_another_script_is_named(http: httpx.Client) -> None:
    text = "# One\n\nIt rained.\n\n# Two\n\n" + "비가 왔다. " * 20
    error = error_of(post(http, text, "book.md"), 400)
    assert error["code"] == "unreadable_script"
    assert "leave chapter 2 out" in error["message"]


def test_lines_name_the_voices_of_a_job(http: httpx.Client, services: StubServices) -> None:
    wait_for_other_jobs(http)
    services.synthesizer.requests.clear()
    text = "It rained.\n\n[voice: Ada]\nWho is there?\n\n[voice: elm]\nNobody."

    job = create(http, text, "book.txt", voices=json.dumps({"Ada": "birch"}))
    wait_for(http, job["id"])

    spoken = [
        (request["text"], request["embed"])
        for request in services.synthesizer.requests
        if "text" in request
    ]
    embeds = sample_embeds()
    for (text, embed), voice in zip(spoken, ["rowan", "birch", "elm"], strict=True):
        assert embed == pytest.approx(embeds[voice], abs=1e-4), text


def test_voice_of_a_job_may_be_a_blend(http: httpx.Client) -> None:
    job = create(http, "It rained.", "book.txt", voice="ash(2)+birch(1)")
    assert job["voice"] == "ash(2)+birch(1)"
    assert wait_for(http, job["id"])["state"] == "completed"


@pytest.mark.parametrize(
    ("text", "voice", "status", "code"),
    [
        ("It rained.", "ash+nobody", 404, "voice_not_found"),
        ("It rained.", "ash(0)+birch", 400, "invalid_blend"),
        ("[voice: nobody]\nIt rained.", "ash", 404, "voice_not_found"),
    ],
)
def test_unknown_voice_is_refused_before_the_job(
    http: httpx.Client, text: str, voice: str, status: int, code: str
) -> None:
    error = error_of(post(http, text, "book.txt", voice=voice), status)
    assert (error["param"], error["code"]) == ("voice", code)


def test_list_of_jobs_leaves_chapters_out(http: httpx.Client) -> None:
    job = create(http, MARKDOWN, "book.md")

    listed = http.get("/v1/jobs", params={"limit": 1}).json()["data"][0]

    assert (listed["id"], listed["chapters"]) == (job["id"], None)


def test_book_is_deleted_with_its_job(http: httpx.Client) -> None:
    job = create(http, MARKDOWN, "book.md")
    wait_for(http, job["id"])

    assert http.delete(f"/v1/jobs/{job['id']}").json()["deleted"]

    error_of(http.get(f"/v1/jobs/{job['id']}/chapters/1/audio"), 404)
