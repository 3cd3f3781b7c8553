"""What surrounds speech and voices on the page: keys, health, unreadable scripts, the mark."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from shared.voices import SAMPLES
from tests.conftest import Service, running
from tests.support.browser_fixtures import (
    REFUSED,
    Site,
    Visits,
    chromium,
    expect_accessible,
    expect_ready,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.stub_services import Refusal

__all__ = ["chromium", "shared_site", "site", "visits"]

KEPT_KEYS = "[localStorage.getItem('api-key'), sessionStorage.getItem('api-key')]"


@pytest.fixture
def locked(chromium: Browser, site: Site, tmp_path: Path) -> Iterator[Visits]:
    """A gateway that asks for the key secret-key."""
    environment = {**site.services.environment, "DATA_DIR": str(tmp_path), "API_KEYS": "secret-key"}
    with running("gateway", **environment) as url:
        visits = Visits(chromium, url)
        yield visits
        visits.close()


def use_key(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_key_is_asked_for_changed_and_forgotten(locked: Visits) -> None:
    page = locked.open()
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_visible()
    speak(page)
    expect(field).to_be_focused()
    expect(page.locator("#speech-error")).to_contain_text("The server asks for an API key")
    use_key(page, "")
    expect(page.locator("#access-refused")).to_have_text("Enter the key first.")
    expect(field).to_have_attribute("aria-invalid", "true")
    use_key(page, "another-key")
    expect(page.locator("#access-refused")).to_contain_text("does not accept this key")
    use_key(page, "secret-key")
    expect(field).to_be_hidden()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert page.evaluate(KEPT_KEYS) == [None, "secret-key"]

    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    expect(field).to_be_hidden()
    page.get_by_role("button", name="API key").click()
    expect(field).to_be_focused()
    page.get_by_label("Remember it in this browser").check()
    use_key(page, "secret-key")
    expect(field).to_be_hidden()
    assert page.evaluate(KEPT_KEYS) == ["secret-key", None]

    page.get_by_role("button", name="API key").click()
    page.get_by_role("button", name="Forget the key").click()
    assert page.evaluate(KEPT_KEYS) == [None, None]
    speak(page)
    expect(field).to_be_visible()


def test_health_is_a_sentence_that_tells_of_a_service_that_is_down(
    visits: Visits, site: Site
) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    health = page.get_by_role("contentinfo").get_by_role("status")
    expect(health).to_have_text("The server is ready.")
    expect(page.locator("#health-dot")).to_have_attribute("data-state", "good")
    site.services.synthesizer.refusal = Refusal(503, code="not_ready")
    page.get_by_role("button", name="Hear elm").click()
    words = "A part of the server is down. Try again in a minute."
    expect(page.locator("#voices-error")).to_contain_text(words)
    expect(health).to_have_text(words)
    expect(page.locator("#health-dot")).to_have_attribute("data-state", "poor")


def test_health_tells_of_a_gateway_that_is_gone(visits: Visits) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    expect(page.locator("#health-words")).to_have_text("The server is ready.")
    page.context.set_offline(True)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#health-words")).to_contain_text("The server does not answer.")


def test_script_that_cannot_be_read_is_noticed_while_typing(visits: Visits) -> None:
    page = visits.open()
    for text, left_out in {
        "안녕하세요. Hello.": "안녕하세요",
        "It is 20 µm wide, and Ω is ohm; café, naïve, Dvořák.": "",
        "Привет, мир, и вам привет всем": "Привет мир и …",
        "日本語": "日本語",
        "Hello.": "",
    }.items():
        page.locator("#text").fill(text)
        words = f"The voices read only English. They skip: {left_out}" if left_out else ""
        expect(page.locator("#text-script")).to_have_text(words)


def test_error_is_in_words_with_the_message_of_the_server_folded(
    visits: Visits, site: Site
) -> None:
    visits.expected = (REFUSED,)
    page = visits.open(locale="ko-KR")
    page.locator("#text").fill("안녕하세요")
    page.locator("#speak").click()
    alert = page.locator("#speech-error")
    expect(alert).to_contain_text("이 문자는 읽을 수 없습니다")
    folded = alert.locator("details [lang=en]")
    expect(folded).to_be_hidden()
    alert.locator("summary").click()
    expect(folded).to_contain_text("Hangul")
    expect_accessible(page)


def test_file_is_checked_for_the_mark(chromium: Browser, service: Service, tmp_path: Path) -> None:
    """With the real services, whose speech carries the mark."""
    gateway: httpx.Client = service("gateway")
    spoken = gateway.post(
        "/v1/audio/speech",
        json={"input": "The mark is spread over some seconds of speech, so this is a longer one.",
              "voice": "ash", "response_format": "wav"},
    )  # fmt: skip
    marked = tmp_path / "spoken.wav"
    marked.write_bytes(spoken.content)
    short = tmp_path / "short.wav"
    sound, rate = soundfile.read(SAMPLES / "ash.wav")
    soundfile.write(short, sound[: 2 * rate], rate)
    visits = Visits(chromium, str(gateway.base_url).rstrip("/"))
    page = visits.open()
    status = page.locator("#verify-status")
    for path, words in (
        (marked, "“spoken.wav” carries the mark: it was made by a machine, on this server."),
        (SAMPLES / "ash.wav", "“ash.wav” carries no mark. It was not made on this server"),
        (short, "No mark was found in “short.wav”, but it is short"),
    ):
        page.get_by_label("Choose a sound file").set_input_files(path)
        expect(status).to_contain_text(words)
    visits.close()
    assert visits.complaints == []


def test_file_without_sound_is_reported_beside_the_check(visits: Visits, tmp_path: Path) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    notes = tmp_path / "notes.wav"
    notes.write_text("no sound")
    page.get_by_label("Choose a sound file").set_input_files(notes)
    expect(page.locator("#verify-error")).to_contain_text(
        "Choose another, for sound WAV, FLAC or MP3"
    )
    expect(page.locator("#verify-status")).to_have_text("")
    page.get_by_label("Choose a sound file").set_input_files(SAMPLES / "ash.wav")
    expect(page.locator("#verify-error")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_of_a_service_are_accessible(
    chromium: Browser, service: Service, path: str, scheme: str
) -> None:
    context = chromium.new_context(
        base_url=str(service("encoder").base_url),
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(path)
    expect(page.get_by_role("main")).to_contain_text(re.compile("Try it|/inference/"))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    # Swagger UI puts a button into a button.
    rules = {"nested-interactive": {"enabled": False}, "heading-order": {"enabled": False}}
    found = Axe().run(page, options={"rules": rules})
    assert found.violations_count == 0, found.generate_report()
    context.close()


def test_docs_of_the_gateway_are_accessible(visits: Visits) -> None:
    page = visits.open()
    page.get_by_role("link", name="API documentation").click()
    expect(page.get_by_role("main")).to_contain_text("/v1/audio/speech")
    rules = {"nested-interactive": {"enabled": False}, "heading-order": {"enabled": False}}
    found = Axe().run(page, options={"rules": rules})
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("banner").get_by_role("link").click()
    speak(page)
    expect_ready(page)
