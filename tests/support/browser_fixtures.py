"""Chromium with a microphone that hears a recording, and the gateway for it to open."""

import itertools
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from shared.voices import SAMPLES
from tests.conftest import Service, running
from tests.support.stub_services import StubService, StubServices

HEARD = SAMPLES / "ash.wav"
_MICROPHONE = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--use-file-for-fake-audio-capture={HEARD}",
]
_TIMEOUT_MS = 30_000  # on a busy machine
# The browser's own message for each error response; the page shows it in words.
REFUSED = "Failed to load resource"
TWO_SENTENCES = "The first one is quite long. The second one comes later."
PHONE: dict[str, Any] = {
    "viewport": {"width": 375, "height": 667},
    "has_touch": True,
    "is_mobile": True,
}
_NAMED = "button textbox radio radiogroup checkbox slider combobox img progressbar meter link"
_NAMELESS = re.compile(
    rf'^\s*- (?:{"|".join(_NAMED.split())}|list|region|dialog)(?! ")\b.*', re.MULTILINE
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of the module, not the session: while it is open no other event loop can run."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not on the PATH")
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", *_MICROPHONE]
        )
        yield browser
        browser.close()


@dataclass
class Site:
    """A gateway with the real encoder, and stubs of the two slow services."""

    url: str
    services: StubServices


@pytest.fixture(scope="module")
def shared_site(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data_dir = tmp_path_factory.mktemp("page")
    encoder_url = str(service("encoder").base_url)
    with StubServices() as services:
        environment = {**services.environment, "ENCODER_URL": encoder_url}
        with running("gateway", DATA_DIR=str(data_dir), **environment) as url:
            yield Site(url, services)


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    yield shared_site
    for stub in (shared_site.services.synthesizer, shared_site.services.vocoder):
        stub.refusal = None
        stub.before = lambda path: None
        stub.before_part = lambda: None
    with httpx.Client(base_url=shared_site.url) as client:
        for voice in client.get("/v1/audio/voices").json()["voices"]:
            if not voice["preset"]:
                client.delete(f"/v1/audio/voices/{voice['id']}")
        for job in client.get("/v1/jobs").json()["data"]:
            while not client.delete(f"/v1/jobs/{job['id']}").json().get("deleted"):
                pass  # the first call cancels it


@dataclass
class Visits:
    """Opens pages, and records their requests and the browser's errors.

    expected: beginnings of errors that a test provokes.
    """

    chromium: Browser
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def open(self, script: str = "", **options: Any) -> Page:
        """script: runs before the page's own."""
        context = self.chromium.new_context(
            base_url=self.url,
            permissions=["microphone"],
            reduced_motion="reduce",  # colours are final when they are looked at
            **{"locale": "en-US", **options},
        )
        context.set_default_timeout(_TIMEOUT_MS)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", self._note)
        context.add_init_script(script)
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("radio", name="ash")).to_be_attached()
        return page

    def _note(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"}:
            self.complaints.append(line.text)

    def close(self) -> None:
        for context in self.chromium.contexts:
            context.close()


@pytest.fixture
def visits(chromium: Browser, site: Site) -> Iterator[Visits]:
    """Afterwards: no requests to other servers, and no errors."""
    visits = Visits(chromium, site.url)
    yield visits
    visits.close()
    local = (site.url, f"blob:{site.url}")
    assert [url for url in visits.requests if not url.startswith(local)] == []
    assert [line for line in visits.complaints if not line.startswith(visits.expected)] == []


def speak(page: Page, text: str = TWO_SENTENCES) -> None:
    page.locator("#text").fill(text)
    page.get_by_role("button", name="Speak", exact=True).click()


def result(page: Page) -> Locator:
    return page.get_by_role("region", name="Speech", exact=True)


def history(page: Page) -> Locator:
    return page.get_by_role("region", name="History")


def player(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Player")


def expect_ready(page: Page) -> None:
    """The whole speech was received."""
    expect(result(page).get_by_text(re.compile(r"^Ready: [\d.]+ s of speech"))).to_be_visible()


def expect_accessible(page: Page) -> None:
    """No violations that axe can find, and a name for every control."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert _NAMELESS.findall(page.locator("body").aria_snapshot()) == []


@contextmanager
def held(stub: StubService, path: str, allowed: int) -> Iterator[threading.Event]:
    """Let the stub answer `allowed` calls of the path; the next waits until the event is set."""
    gate, calls = threading.Event(), itertools.count(1)

    def wait(called: str) -> None:
        if path in called and next(calls) > allowed:
            gate.wait()

    stub.before = wait
    try:
        yield gate
    finally:
        gate.set()
