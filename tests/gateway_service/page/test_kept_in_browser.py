"""What the browser keeps, in Chromium, over a change of the page's version."""

from playwright.sync_api import Page, expect

from tests.support.browser_fixtures import (
    Visits,
    chromium,
    expect_ready,
    history,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.voices_on_page import open_dialog

__all__ = ["chromium", "shared_site", "site", "visits"]

# As an earlier version made them: a database for the history, and one for the voices.
VERSION_1 = """async ([leaveOpen]) => {
    const finished = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const made = (name, stores, options) => {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () =>
            stores.forEach((store) => request.result.createObjectStore(store, options));
        return finished(request);
    };
    await finished(indexedDB.deleteDatabase("better-api"));
    const main = await made("better-api", ["speeches", "sounds", "jobs"], { keyPath: "id" });
    const voices = await made("voices", ["lines", "samples"]);
    const at = main.transaction(["speeches", "sounds"], "readwrite");
    at.objectStore("sounds").put({ id: "one", samples: new Int16Array(24000), plots: [null] });
    await finished(at.objectStore("speeches").put({
        id: "one", request: { text: "Kept before.", voice: "ash", speed: 1, seed: 1 },
        voiceName: "ash", createdAt: 1e12, state: "done", count: 1, firstSoundSeconds: 1,
        edited: false, notes: [], seconds: 1,
        sentences: [{ text: "Kept before.", start: 0, end: 1, words: [], seed: 1, plots: null }],
    }));
    const samples = voices.transaction("samples", "readwrite").objectStore("samples");
    const blob = new Blob(["a recording"]);
    await finished(samples.put([{ name: "recording-1.wav", blob }], "unsaved"));
    if (!leaveOpen) {
        main.close();
    }
    voices.close();
}"""


def filled(visits: Visits, *, leave_open: bool) -> Page:
    """A tab with the databases of version 1; it shows no page."""
    page = visits.open()
    page.goto("/static/icon.svg")
    page.evaluate(VERSION_1, [leave_open])
    return page


def test_new_version_takes_over_what_an_earlier_one_kept(visits: Visits) -> None:
    page = filled(visits, leave_open=False)
    page.goto("/")
    expect(history(page).get_by_text("Kept before.")).to_be_visible()
    expect(open_dialog(page).get_by_text("recording-1.wav")).to_be_visible()
    page.reload()
    expect(open_dialog(page).get_by_text("recording-1.wav")).to_be_visible()
    names = page.evaluate("indexedDB.databases().then((all) => all.map(({ name }) => name))")
    assert names == ["better-api"]


def test_page_works_beside_a_tab_of_an_earlier_version(visits: Visits) -> None:
    earlier = filled(visits, leave_open=True)
    page = earlier.context.new_page()
    page.goto("/")
    speak(page)
    expect_ready(page)
    expect(history(page).get_by_role("listitem")).to_have_count(1)
    earlier.close()
    expect(history(page).get_by_role("listitem")).to_have_count(1)
    page.reload()
    expect(history(page).get_by_text("Kept before.")).to_be_visible()
