"""The page in Chromium with the real services: from an empty browser to sound in one click."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import Service

_SECONDS = 120_000  # milliseconds, for the real models on a busy machine


def test_one_click_in_an_empty_browser_speaks(service: Service) -> None:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not on the PATH")
    url = str(service("gateway").base_url)
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(locale="en-US")
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.set_default_timeout(_SECONDS)
        page.goto(url)
        page.get_by_role("button", name="Speak", exact=True).click()
        lit = page.locator("#sentences .now")
        expect(lit).to_have_count(1, timeout=_SECONDS)  # a word is heard
        assert lit.inner_text() in page.locator("#text").input_value()
        ready = page.locator("#result-status")
        expect(ready).to_contain_text("Ready", timeout=_SECONDS)
        loudest = page.evaluate(
            "async () => (await import('./static/player.js')).player.item.track.peak"
        )
        browser.close()
    assert loudest > 0.1
    assert faults == []
