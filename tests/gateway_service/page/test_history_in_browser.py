"""The history on the page, in Chromium: short speeches, jobs and books."""

import io
import re
from pathlib import Path

import httpx
import soundfile
from playwright.sync_api import Locator, Page, expect

from tests.support.browser_fixtures import (
    PHONE,
    REFUSED,
    TWO_SENTENCES,
    Site,
    Visits,
    chromium,
    expect_ready,
    held,
    history,
    player,
    result,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.epubs import epub3
from tests.support.leaving_clients import wait_until

STORAGE_IS_FULL = """
    IDBObjectStore.prototype.put = () => {
        throw new DOMException("", "QuotaExceededError");
    };
"""

# Of the waveform in the player, in pixels.
BAR_HEIGHTS = """(() => {
    const canvas = document.querySelector("#player-wave");
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    const filled = (x) => Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + 3]);
    return Array.from({ length: Math.floor(width / 3) }, (_, bar) =>
        filled(3 * bar).filter(Boolean).length);
})()"""

__all__ = ["chromium", "shared_site", "site", "visits"]


def show_the_first_of_two_speeches(page: Page) -> None:
    speak(page)
    expect_ready(page)
    speak(page, "Another text.")
    expect(entries(page)).to_have_count(2)
    expect_ready(page)
    entries(page).nth(1).get_by_role("button", name="Play “The first").click()
    expect(result(page).get_by_role("button", name="The first one")).to_be_visible()


def heights_of_bars(page: Page) -> int:
    """How many different heights the waveform in the player has."""
    return int(page.evaluate(f"new Set({BAR_HEIGHTS}).size"))


def entries(page: Page) -> Locator:
    return history(page).get_by_role("list", name="History").locator("> li")


def make_job(page: Page, text: str = TWO_SENTENCES, file_format: str = "MP3") -> None:
    page.locator("#text").fill(text)
    page.get_by_label("Format").first.select_option(file_format)
    page.get_by_role("button", name="Make in the background").click()


def saved(page: Page, entry: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=entry).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_speech_is_listed_played_in_place_and_made_again(visits: Visits) -> None:
    page = visits.open()
    expect(page.get_by_text("What you make appears here.")).to_be_visible()
    speak(page)
    expect_ready(page)
    speak(page, "Another text.")
    expect(result(page).get_by_role("button", name="Another text.")).to_be_visible()
    expect_ready(page)
    expect(entries(page)).to_have_count(2)
    expect(entries(page).first).to_contain_text("Another text.")
    expect(entries(page).first).to_contain_text(re.compile(r"ash · .* [AP]M"))
    entries(page).nth(1).get_by_role("button", name="Play “The first").click()
    expect(entries(page).nth(1).get_by_role("button", name="Pause “The first")).to_be_visible()
    expect(player(page).get_by_text("The first one")).to_be_visible()
    expect(result(page).get_by_role("button", name="The first one")).to_be_visible()
    # One sound at a time: the other begins, this one ends.
    entries(page).first.get_by_role("button", name="Play “Another").click()
    expect(entries(page).first.get_by_role("button", name="Pause “Another")).to_be_visible()
    expect(entries(page).nth(1).get_by_role("button", name="Play “The first")).to_be_visible()
    entries(page).first.get_by_role("button", name="Make “Another").click()
    expect(entries(page)).to_have_count(3)


def test_sound_elsewhere_on_the_page_pauses_the_player(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
    page.evaluate("document.dispatchEvent(new CustomEvent('soundstart', { detail: {} }))")
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_deleted_speech_comes_back_by_undo_and_goes_for_good_later(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    page.clock.install()
    delete = entries(page).get_by_role("button", name="Delete “The first")
    delete.click()
    expect(entries(page)).to_have_count(0)
    undo = history(page).get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    expect(player(page)).to_be_hidden()
    undo.click()
    expect(delete).to_be_focused()
    delete.click()
    page.clock.fast_forward(11_000)
    expect(undo).to_be_hidden()
    page.reload()
    expect(page.get_by_text("What you make appears here.")).to_be_visible()


def test_two_tabs_show_the_same_history(visits: Visits) -> None:
    page = visits.open()
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_text("What you make appears here.")).to_be_visible()
    speak(page)
    expect_ready(page)
    expect(entries(other)).to_have_count(1)
    make_job(page, "A job of one tab.")
    expect(entries(other)).to_have_count(2)
    expect(entries(other).first).to_contain_text("Finished")
    entries(other).first.get_by_role("button", name="Delete").click()
    expect(entries(page)).to_have_count(1)
    history(other).get_by_role("button", name="Undo").click()
    expect(entries(page)).to_have_count(2)


def test_job_is_followed_played_downloaded_and_made_again(
    visits: Visits, site: Site, tmp_path: Path
) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1) as gate:
        make_job(page, file_format="FLAC")
        entry = entries(page).first
        expect(entry.get_by_text("1 of 2 sentences")).to_be_visible()
        expect(entry.get_by_role("progressbar", name="Progress of “The first")).to_be_visible()
        gate.set()
        expect(entry.get_by_text("Finished; sentences: 2, FLAC")).to_be_visible()
    expect(entry.get_by_role("progressbar")).to_be_hidden()
    entry.get_by_role("button", name="Play “The first").click()
    expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".now")).to_have_count(1)  # the words of a job are lit too
    entry.get_by_role("button", name="Download “The first").click()
    sound, _ = soundfile.read(io.BytesIO(saved(page, "Sound, FLAC", tmp_path).read_bytes()))
    assert abs(sound).max() > 0.3
    entry.get_by_role("button", name="Download “The first").click()
    path = saved(page, "Captions, SRT", tmp_path)
    assert path.name == "ash - The first one is quite long. The second one comes later.srt"
    assert " --> " in path.read_text()
    entry.get_by_role("button", name="Make “The first").click()
    expect(entries(page)).to_have_count(2)
    expect(entries(page).first.get_by_text("Finished; sentences: 2")).to_be_visible()


def test_download_menu_of_the_last_entry_is_in_view_above_the_player(visits: Visits) -> None:
    page = visits.open(**PHONE)
    speak(page)
    expect_ready(page)
    button = entries(page).get_by_role("button", name="Download “The first")
    button.evaluate("(button) => button.scrollIntoView({ block: 'end' })")
    button.click()
    last = entries(page).get_by_role("button", name="Captions, VTT")
    box, bar = last.bounding_box(), player(page).bounding_box()
    assert box
    assert bar
    assert box["y"] + box["height"] <= bar["y"]


def test_waveform_of_a_job_is_drawn_from_the_file_that_plays(visits: Visits) -> None:
    page = visits.open()
    make_job(page, file_format="FLAC")
    entry = entries(page).first
    expect(entry.get_by_text("Finished; sentences: 2, FLAC")).to_be_visible()
    entry.get_by_role("button", name="Play “The first").click()
    wait_until(lambda: heights_of_bars(page) > 3)
    assert len([url for url in visits.requests if url.endswith("/audio")]) == 1


def test_large_file_of_a_job_is_played_while_it_is_received(visits: Visits) -> None:
    page = visits.open()
    make_job(page, f"{TWO_SENTENCES} " * 60, file_format="WAV")
    entry = entries(page).first
    expect(entry.get_by_text("Finished; sentences: 120, WAV")).to_be_visible()
    entry.get_by_role("button", name="Play “The first").click()
    expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
    assert heights_of_bars(page) == 1


def test_reload_keeps_the_job_that_was_on_the_page(visits: Visits) -> None:
    page = visits.open()
    speak(page, "A short speech.")
    expect_ready(page)
    make_job(page)
    entry = entries(page).first
    expect(entry.get_by_text("Finished; sentences: 2, MP3")).to_be_visible()
    entry.get_by_role("button", name="Play “The first").click()
    expect(page.locator(".now")).to_have_count(1)
    page.reload()
    expect(result(page).get_by_role("button", name="The first one")).to_be_visible()
    expect(player(page).get_by_text("The first one")).to_be_visible()
    expect(page.locator("#player-total")).not_to_have_text("0:00")
    wait_until(lambda: heights_of_bars(page) > 3)
    # Once it is deleted, the last speech takes its place.
    entry.get_by_role("button", name="Delete “The first").click()
    page.reload()
    expect(result(page).get_by_role("button", name="A short speech.")).to_be_visible()


def test_job_survives_a_reload_and_is_deleted(visits: Visits, site: Site) -> None:
    page = visits.open()
    make_job(page)
    expect(entries(page).get_by_text("Finished; sentences: 2")).to_be_visible()
    page.reload()
    expect(entries(page)).to_have_count(1)
    entries(page).get_by_role("button", name="Delete").click()
    expect(entries(page)).to_have_count(0)
    page.goto("about:blank")  # leaving the page makes the deletion final
    with httpx.Client(base_url=site.url) as http:
        while http.get("/v1/jobs").json()["data"]:
            pass


def test_job_is_cancelled(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1):
        make_job(page)
        expect(entries(page).get_by_text("1 of 2 sentences")).to_be_visible()
        entries(page).get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(entries(page).get_by_text("Cancelled after 1 of 2 sentences")).to_be_visible()
    expect(entries(page).get_by_role("button", name="Delete")).to_be_focused()


def test_older_entries_are_shown_when_asked_for(visits: Visits, site: Site) -> None:
    with httpx.Client(base_url=site.url) as http:
        for number in range(12):
            http.post(
                "/v1/jobs", json={"input": f"Text {number}.", "voice": "ash"}
            ).raise_for_status()
    page = visits.open()
    expect(page.locator("#history-list > li:visible")).to_have_count(10)
    expect(entries(page).first).to_contain_text("Text 11.")
    history(page).get_by_role("button", name="Show older ones").click()
    expect(page.locator("#history-list > li:visible")).to_have_count(12)
    expect(history(page).get_by_role("button", name="Show older ones")).to_be_hidden()


def test_sentences_that_could_not_be_spoken_are_counted(visits: Visits) -> None:
    page = visits.open()
    make_job(page, "One is here. ½. Two is there.")
    expect(entries(page).get_by_text("Finished")).to_be_visible()
    expect(entries(page).get_by_text("1 could not be spoken")).to_be_visible()


def test_failed_job_says_why_in_the_language_of_the_page(visits: Visits) -> None:
    page = visits.open(locale="ko-KR")
    page.locator("#text").fill("½.")
    page.locator("#later").click()
    reason = page.locator("#history-list .error")
    expect(reason).to_contain_text("읽을 수 있는 부분이 없습니다")
    expect(reason.locator("details [lang=en]")).to_be_hidden()


def test_job_of_a_blend_shows_the_names_of_its_voices(visits: Visits) -> None:
    with httpx.Client(base_url=visits.url) as http:
        body = {"input": TWO_SENTENCES, "voice": "elm(7)+hazel(3)"}
        http.post("/v1/jobs", json=body).raise_for_status()
    page = visits.open()
    expect(entries(page).first.locator(".muted").first).to_have_text(re.compile(r"^elm \+ hazel ·"))


def test_speech_that_is_deleted_is_received_no_further(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=2):
        speak(page, f"{TWO_SENTENCES} The third one is late.")
        entries(page).get_by_role("button", name="Delete “The first").click()
        expect(page.get_by_role("button", name="Speak", exact=True)).to_be_visible()
    expect(entries(page)).to_have_count(0)


def test_speeches_are_kept_in_memory_where_storage_is_full(visits: Visits) -> None:
    page = visits.open(STORAGE_IS_FULL)
    show_the_first_of_two_speeches(page)
    entries(page).nth(1).get_by_role("button", name="Delete").click()
    expect(entries(page)).to_have_count(1)


def test_reload_keeps_the_speech_that_was_on_the_page(visits: Visits) -> None:
    page = visits.open()
    show_the_first_of_two_speeches(page)
    page.reload()
    expect(result(page).get_by_role("button", name="The first one")).to_be_visible()


def test_too_long_text_becomes_a_job_with_one_notice(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1):
        page.locator("#text").fill(f"{TWO_SENTENCES} " * 80)
        expect(page.get_by_text("characters are spoken at once")).to_have_count(1)
        expect(page.get_by_role("button", name="Speak", exact=True)).to_have_count(0)
        later = page.get_by_role("button", name="Make in the background")
        expect(later).to_have_count(1)
        later.click()
        expect(entries(page).get_by_text("1 of 160 sentences")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_rejected_job_clears_the_status_of_the_job_before(visits: Visits, site: Site) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=0):
        make_job(page)
        expect(page.locator("#history-status")).to_contain_text("has begun")
        page.context.set_offline(True)
        make_job(page)
        expect(page.locator("#speech-error")).to_contain_text("The server does not answer.")
        expect(page.locator("#history-status")).to_have_text("")


def test_book_shows_its_chapters_and_one_is_heard_before_the_rest(
    visits: Visits, site: Site, tmp_path: Path
) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    book = tmp_path / "storm.epub"
    book.write_bytes(epub3())
    with held(site.services.vocoder, "inference", allowed=7) as gate:
        page.get_by_label("Open a file").set_input_files(book)
        dialog = page.get_by_role("dialog", name="Make an audiobook")
        expect(dialog.get_by_text("storm.epub")).to_be_visible()
        expect(dialog.get_by_text("Read by ash")).to_be_visible()
        chapters = dialog.get_by_label("Chapters")
        chapters.fill("1-99")
        dialog.get_by_role("button", name="Make the audiobook").click()
        expect(dialog.get_by_role("alert")).to_have_text(re.compile("^Write chapters of this book"))
        expect(chapters).to_have_attribute("aria-invalid", "true")
        chapters.fill("")
        dialog.get_by_role("button", name="Make the audiobook").click()
        entry = entries(page).first
        expect(entry.locator(".chapters > li")).to_have_count(3)
        ferry = entry.get_by_role("button", name="The Ferry")
        expect(ferry).to_be_enabled()
        expect(entry.get_by_role("button", name="The Storm")).to_be_disabled()
        ferry.click()
        expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
        expect(player(page).get_by_text("The Ferry")).to_be_visible()
        expect(ferry).to_have_accessible_name("Pause “The Ferry”")
        player(page).get_by_role("button", name="Download", exact=True).click()
        assert saved(page, "Sound, MP3", tmp_path).name == "ash - The Ferry.mp3"
        gate.set()
        expect(entry.get_by_text("Finished")).to_be_visible()
    # A word of the book seeks in the book, also while the player has a chapter of it.
    entry.get_by_role("button", name=re.compile("^Play “")).first.click()
    expect(page.locator(".now")).to_have_count(1)
    ferry.click()
    expect(page.locator(".now")).to_have_count(0)
    expect(player(page).get_by_text("The Ferry")).to_be_visible()
    result(page).locator("[data-word]").first.click()
    expect(player(page).get_by_text("The Ferry")).to_be_hidden()
    expect(entry.get_by_role("button", name="The Storm")).to_be_enabled()
    entry.get_by_role("button", name=re.compile("^Download “")).click()
    path = saved(page, "Sound, M4B", tmp_path)
    assert path.suffix == ".m4b"
    assert path.read_bytes()[4:8] == b"ftyp"
