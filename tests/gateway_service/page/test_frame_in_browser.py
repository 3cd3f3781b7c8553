"""The frame of the page, in Chromium: first paint, layout, languages, keyboard, accessibility."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_fixtures import (
    PHONE,
    REFUSED,
    TWO_SENTENCES,
    Site,
    Visits,
    chromium,
    expect_accessible,
    expect_ready,
    history,
    player,
    result,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.stub_services import Refusal

__all__ = ["chromium", "shared_site", "site", "visits"]

MAX_TRANSFERRED = 150_000  # bytes of the first visit, with the calls of the API
WATCH_SHIFTS = """
    window.shift = 0;
    window.moved = [];
    new PerformanceObserver((list) => {
        for (const { hadRecentInput, value, sources } of list.getEntries()) {
            if (!hadRecentInput) {
                window.shift += value;
                window.moved.push(...sources.map(({ node }) => node?.id || node?.nodeName));
            }
        }
    }).observe({ type: "layout-shift", buffered: true });
"""
themes = pytest.mark.parametrize("theme", ["light", "dark"])
locales = pytest.mark.parametrize("locale", ["en-US", "ko-KR"])


def settled(page: Page) -> None:
    """The voices and the history are there."""
    page.wait_for_load_state("networkidle")


def test_first_visit_is_small(visits: Visits) -> None:
    context = visits.chromium.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(visits.url)
    settled(page)
    assert len(sizes) > 30
    assert sum(sizes) < MAX_TRANSFERRED


@pytest.mark.parametrize("width", [375, 768, 1366, 1600])
def test_nothing_moves_while_the_page_loads(visits: Visits, width: int) -> None:
    page = visits.open(WATCH_SHIFTS, viewport={"width": width, "height": 768})
    settled(page)
    assert page.evaluate("window.shift") < 0.01, page.evaluate("window.moved")
    page.locator("#speak").click()
    expect_ready(page)
    page.reload()
    expect(player(page)).to_be_visible()
    settled(page)
    assert page.evaluate("window.shift") < 0.01, page.evaluate("window.moved")


@locales
def test_page_fits_every_width(visits: Visits, locale: str) -> None:
    page = visits.open(locale=locale)
    page.locator("#text").fill(f"{'Long' * 40}. {TWO_SENTENCES}")
    page.locator("#speak").click()
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#history-list > li")).to_have_count(1)
    for width in (320, 375, 768, 1024, 1366, 1600, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "options", [PHONE, {"viewport": {"width": 1366, "height": 768}}], ids=["phone", "laptop"]
)
def test_text_and_speak_are_on_the_first_screen(visits: Visits, options: dict[str, Any]) -> None:
    page = visits.open(**options)
    settled(page)
    for part in ("#text", "#speak"):
        box = page.locator(part).bounding_box()
        assert box
        assert box["y"] + box["height"] < options["viewport"]["height"]


def test_speech_is_in_view_above_the_player(visits: Visits) -> None:
    page = visits.open(viewport={"width": 1366, "height": 768})
    page.locator("#speak").click()
    expect_ready(page)
    text = result(page).get_by_role("button").first.bounding_box()
    bar = player(page).bounding_box()
    assert text
    assert bar
    assert 0 <= text["y"] < bar["y"] - text["height"]


def test_speech_stays_in_view_beside_a_long_history(visits: Visits) -> None:
    page = visits.open(viewport={"width": 1366, "height": 768})
    page.evaluate("""() => {
        document.querySelector("#history").style.minHeight = "3000px";
    }""")
    speak(page)
    expect_ready(page)
    for place in ("1200", "document.body.scrollHeight"):
        page.evaluate(f"scrollTo(0, {place})")
        expect(result(page).get_by_role("button", name="The first one")).to_be_in_viewport()
        expect(page.locator("#result-status")).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#text")).to_be_in_viewport(ratio=1)


def test_arrow_keys_move_in_the_download_menu(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    button = player(page).get_by_role("button", name="Download", exact=True)
    button.focus()
    for keys, name in ((("Enter", "ArrowDown"), "Sound, WAV"), (("ArrowUp",), "Captions, VTT")):
        for key in keys:
            page.keyboard.press(key)
        expect(page.get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_page_works_with_the_keyboard_alone(visits: Visits) -> None:
    page = visits.open()
    keyboard = page.keyboard
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("#text")).to_be_focused()
    keyboard.press("Control+a")
    keyboard.type(TWO_SENTENCES)
    for name in ("A story", "The weather", "A poem", "Open a file", "Speak"):
        keyboard.press("Tab")
        expect(page.get_by_role("button", name=name, exact=name == "Speak").first).to_be_focused()
    keyboard.press("Enter")
    expect_ready(page)


def test_every_tab_stop_of_a_phone_is_named(visits: Visits) -> None:
    page = visits.open(**PHONE)
    page.locator("#speak").click()
    expect_ready(page)
    expect_accessible(page)


@themes
@locales
def test_axe_finds_nothing_in_any_state(
    visits: Visits, site: Site, locale: str, theme: str
) -> None:
    visits.expected = (REFUSED,)
    page = visits.open(locale=locale, color_scheme=theme)
    settled(page)
    expect_accessible(page)
    page.locator("#speak").click()
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#history-list > li")).to_have_count(1)
    page.locator("#result-details summary").click()
    expect_accessible(page)
    page.locator("#player-download").click()
    expect_accessible(page)
    page.keyboard.press("Escape")
    page.locator("#later").click()
    expect(page.locator("#history-list > li")).to_have_count(2)
    page.locator("#text").fill("")
    page.locator("#speak").click()
    expect(page.locator("#speech-error")).to_be_visible()
    expect_accessible(page)
    site.services.synthesizer.refusal = Refusal(503)
    page.locator("#text").fill("Hello.")
    page.locator("#speak").click()
    expect(page.locator("#speech-error")).to_be_visible()
    expect_accessible(page)
    page.locator("#text-file").set_input_files(
        {"name": "a.epub", "mimeType": "application/epub+zip", "buffer": b"PK"}
    )
    expect(page.locator("#book")).to_be_visible()
    expect_accessible(page)


def test_page_is_korean_for_a_korean_browser(visits: Visits) -> None:
    page = visits.open(locale="ko-KR")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.get_by_role("button", name="읽기", exact=True).click()
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect_ready(page)
    page.reload()
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_visible()


def test_english_on_the_korean_page_is_marked(visits: Visits) -> None:
    """Screen readers would read it with Korean sounds."""
    page = visits.open(locale="ko-KR")
    page.locator("#speak").click()
    expect(page.locator("#history-list > li")).to_have_count(1)
    unmarked = page.evaluate("""() => {
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found = [];
        while (walker.nextNode()) {
            const { parentElement: parent, data } = walker.currentNode;
            const language = parent.closest("[lang]").lang;
            const isEnglish = /[A-Za-z]+ [a-z]+ [a-z]+/.test(data);
            if (isEnglish && language === "ko" && parent.checkVisibility()) {
                found.push(data.trim());
            }
        }
        return found;
    }""")
    assert unmarked == []


def test_selection_and_progress_show_in_forced_colours(visits: Visits) -> None:
    page = visits.open(forced_colors="active")
    page.locator("#speak").click()
    expect_ready(page)
    result(page).get_by_role("button").first.press("Enter")
    expect(page.locator(".now")).to_have_count(1)
    paint = "node => { const s = getComputedStyle(node); return [s.backgroundColor, s.color]; }"
    word, other = page.evaluate(
        f"""() => [".now", "#sentences li:last-child [role=button]"]
            .map((one) => document.querySelector(one)).map({paint})"""
    )
    assert word != other
    current = page.locator("#sentences [aria-current=true]")
    assert current.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    pressed = page.get_by_role("button", name="English").evaluate(paint)
    assert pressed != page.get_by_role("button", name="한국어").evaluate(paint)


def test_name_has_a_face(visits: Visits) -> None:
    page = visits.open()
    head = page.locator("head")
    for selector in (
        "link[rel=icon]",
        "link[rel=apple-touch-icon]",
        "meta[name=description]",
        "meta[property='og:image']",
        "meta[name=theme-color]",
    ):
        expect(head.locator(selector).first).to_be_attached()
    for path in ("/favicon.ico", "/static/images/touch-icon.png", "/static/images/preview.png"):
        response = page.request.get(path)
        assert response.ok
        assert response.headers["content-type"].startswith("image/")
    expect(page.locator("header img")).not_to_have_js_property("naturalWidth", 0)
    assert re.match(r"rgb", page.locator("#speak").evaluate("b => getComputedStyle(b).color"))
    expect(history(page)).to_be_visible()
