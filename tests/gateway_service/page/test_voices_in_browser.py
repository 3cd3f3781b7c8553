"""The voices on the page, in Chromium: cards, blends, files."""

import base64
import json
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from shared.voices import SAMPLES
from tests.support.browser_fixtures import (
    PHONE,
    REFUSED,
    Site,
    Visits,
    chromium,
    expect_ready,
    held,
    history,
    player,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.voices_on_page import card, save_voice, voices

__all__ = ["chromium", "shared_site", "site", "visits"]

PRESETS = ["ash", "birch", "cedar", "elm", "hazel", "rowan"]
MEASURE = """async ([sample]) => {
    const { characterOf } = await import("/static/character.js");
    const bytes = Uint8Array.from(atob(sample), (letter) => letter.charCodeAt(0));
    return characterOf([new Blob([bytes])]);
}"""


def about(page: Page, name: str) -> Locator:
    page.get_by_role("button", name=f"More about {name}", exact=True).click()
    return page.get_by_role("dialog", name=name)


def test_each_tree_has_a_leaf_and_colour_of_its_own(visits: Visits) -> None:
    page = visits.open()
    leaves = voices(page).locator(".leaf")
    expect(leaves).to_have_count(len(PRESETS))
    assert len({leaf.locator(".blade").get_attribute("d") for leaf in leaves.all()}) == len(PRESETS)
    colours = leaves.evaluate_all("all => all.map((leaf) => getComputedStyle(leaf).fill)")
    assert len(set(colours)) == len(PRESETS)


def test_character_of_a_preset_is_the_one_measured(visits: Visits) -> None:
    page = visits.open()
    for name in PRESETS:
        sample = base64.b64encode((SAMPLES / f"{name}.wav").read_bytes()).decode()
        keys = page.evaluate(MEASURE, [sample])
        words = ", ".join(key.removeprefix("character.") for key in keys)
        expect(card(page, name).locator(".muted")).to_have_text(words)


def test_line_of_a_voice_is_made_once_and_kept(visits: Visits) -> None:
    page = visits.open()
    hear = page.get_by_role("button", name="Hear birch")
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "true")
    expect(hear).to_have_attribute("aria-pressed", "false")  # it has sounded to its end
    page.reload()
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "true")
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "false")
    assert len([url for url in visits.requests if url.endswith("/v1/audio/speech")]) == 1


def test_one_sound_at_a_time(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    player(page).get_by_role("button", name="Play").click()
    expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
    hear = page.get_by_role("button", name="Hear ash")
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "true")
    play = player(page).get_by_role("button", name="Play")
    expect(play).to_be_visible()
    play.click()
    expect(hear).to_have_attribute("aria-pressed", "false")


def test_chosen_voice_is_kept_through_a_reload(visits: Visits) -> None:
    page = visits.open()
    page.get_by_role("radio", name="elm").check(force=True)
    page.reload()
    expect(page.get_by_role("radio", name="elm")).to_be_checked()


def test_voice_is_renamed_and_shows_its_record(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    shown = about(page, "Elm’s")
    expect(shown.get_by_text("I am the speaker in these recordings")).to_be_visible()
    expect(shown.get_by_text("elm.wav: used")).to_be_visible()
    field = shown.get_by_label("Name")
    field.fill("Greta")
    shown.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("The voice is now called “Greta”.")).to_be_visible()
    expect(page.get_by_role("radio", name="Greta")).to_be_checked()
    expect(page.get_by_role("button", name="More about Greta")).to_be_focused()


def delete(page: Page, name: str) -> None:
    about(page, name).get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"“{name}” is deleted.")).to_be_visible()
    expect(page.get_by_role("radio", name=name)).to_have_count(0)


def wait_until_gone(page: Page, name: str) -> None:
    while page.request.get(f"/v1/audio/voices/{name}").status != 404:
        pass


def test_deletion_is_undone_and_speeches_of_the_voice_can_be_made_again(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    speak(page)
    expect_ready(page)
    before = page.request.get("/v1/audio/voices/Elm’s").json()
    delete(page, "Elm’s")
    undo = voices(page).get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.click()
    expect(page.get_by_role("radio", name="Elm’s")).to_be_checked()
    expect(page.get_by_role("button", name="More about Elm’s")).to_be_focused()
    assert page.request.get("/v1/audio/voices/Elm’s").json() == before
    history(page).get_by_role("button", name="Make “The first").click()
    expect(history(page).get_by_role("button", name="Make “The first")).to_have_count(2)
    expect_ready(page)


def test_deletion_is_final_after_a_while(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    page.clock.install()
    delete(page, "Elm’s")
    page.clock.fast_forward(11_000)
    expect(voices(page).get_by_role("button", name="Undo")).to_be_hidden()
    expect(page.get_by_role("heading", name="Voice", exact=True)).to_be_focused()
    wait_until_gone(page, "Elm’s")


def test_reload_makes_a_deletion_final(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    delete(page, "Elm’s")
    page.reload()
    expect(page.get_by_role("radio", name="ash")).to_be_attached()
    expect(page.get_by_role("radio", name="Elm’s")).to_have_count(0)
    wait_until_gone(page, "Elm’s")


def test_deletion_of_a_tab_that_is_gone_is_finished_by_the_next(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    page.context.route("**/v1/audio/voices/*", lambda route: route.abort())
    visits.expected = (REFUSED,)
    delete(page, "Elm’s")
    page.close()
    again = page.context.new_page()
    again.clock.install()
    page.context.unroute("**/v1/audio/voices/*")
    again.goto("/")
    expect(again.get_by_role("radio", name="ash")).to_be_attached()
    expect(again.get_by_role("radio", name="Elm’s")).to_have_count(0)
    again.clock.fast_forward(60_000)
    again.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_until_gone(again, "Elm’s")


def test_two_tabs_hide_and_show_a_deleted_voice(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_role("radio", name="Elm’s")).to_be_attached()
    delete(page, "Elm’s")
    expect(other.get_by_role("radio", name="Elm’s")).to_have_count(0)
    voices(page).get_by_role("button", name="Undo").click()
    expect(other.get_by_role("radio", name="Elm’s")).to_be_attached()


def test_failed_deletion_brings_the_voice_back_and_says_why(visits: Visits) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    save_voice(page, "Elm’s")
    page.clock.install()
    delete(page, "Elm’s")
    page.route("**/v1/audio/voices/*", lambda route: route.abort())
    page.locator("#text").focus()
    page.clock.fast_forward(11_000)
    expect(page.get_by_role("radio", name="Elm’s")).to_be_checked()
    expect(voices(page).get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(page.locator("#text")).to_be_focused()


def test_name_of_a_deleted_voice_is_free_at_once(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    delete(page, "Elm’s")
    save_voice(page, "Elm’s")
    expect(page.get_by_role("radio", name="Elm’s")).to_be_checked()


def test_blend_of_another_tab_is_shown(visits: Visits) -> None:
    page = visits.open()
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_role("radio", name="ash")).to_be_visible()
    page.locator("#blend summary").click()
    page.locator("#blend-use").click()
    expect(card(page, "ash + birch")).to_be_visible()
    expect(card(other, "ash + birch")).to_be_visible()


def test_preset_can_be_neither_renamed_nor_deleted(visits: Visits) -> None:
    page = visits.open()
    shown = about(page, "ash")
    expect(shown.get_by_text("A synthetic voice that belongs to no person.")).to_be_visible()
    expect(shown.get_by_role("button", name="Rename")).to_have_count(0)
    expect(shown.get_by_role("button", name="Delete")).to_have_count(0)


def test_voice_travels_as_a_file(visits: Visits, tmp_path: Path) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    save_voice(page, "Elm’s")
    shown = about(page, "Elm’s")
    with page.expect_download() as download:
        shown.get_by_role("button", name="Save as a file").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert json.loads(path.read_text())["object"] == "audio.voice.file"
    shown.get_by_role("button", name="Close").click()
    # Its name is taken now, so it gets a number.
    page.get_by_label("Import a voice file").set_input_files(path)
    expect(page.get_by_text("“Elm’s 2” is imported and chosen.")).to_be_visible()
    expect(page.get_by_role("radio", name="Elm’s 2")).to_be_checked()


def test_other_files_are_not_imported(visits: Visits, tmp_path: Path) -> None:
    page = visits.open()
    path = tmp_path / "package.json"
    path.write_text('{"name": "elm"}')
    page.get_by_label("Import a voice file").set_input_files(path)
    expect(voices(page).get_by_role("alert")).to_contain_text("is not a voice file")


def test_blend_is_heard_used_and_deleted(visits: Visits, site: Site) -> None:
    page = visits.open()
    page.get_by_text("Blend two voices").click()
    page.get_by_label("First voice").select_option("elm")
    page.get_by_label("Second voice", exact=True).select_option("hazel")
    share = page.get_by_role("slider", name="Share of the second voice")
    share.fill("3")
    expect(page.locator("#blend-shares")).to_have_text("70% elm, 30% hazel")
    expect(share).to_have_attribute("aria-valuetext", "70% elm, 30% hazel")
    hear = page.get_by_role("button", name="Hear it", exact=True)
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Use this blend").click()
    expect(page.get_by_role("radio", name="elm + hazel")).to_be_checked()
    page.reload()
    expect(page.get_by_role("radio", name="elm + hazel")).to_be_checked()
    expect(card(page, "elm + hazel").locator(".muted")).to_have_text("70% elm, 30% hazel")
    with page.expect_request("**/v1/audio/speech") as request:
        speak(page)
    assert '"voice":"elm(7)+hazel(3)"' in (request.value.post_data or "")
    expect_ready(page)
    about(page, "elm + hazel").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("radio", name="elm + hazel")).to_have_count(0)
    voices(page).get_by_role("button", name="Undo").click()
    expect(page.get_by_role("radio", name="elm + hazel")).to_be_checked()


def test_blend_of_one_voice_is_refused_until_mended(visits: Visits) -> None:
    page = visits.open()
    page.get_by_text("Blend two voices").click()
    page.get_by_label("Second voice", exact=True).select_option("ash")
    page.get_by_role("button", name="Use this blend").click()
    expect(voices(page).get_by_role("alert")).to_have_text("Choose two different voices.")
    page.get_by_label("Second voice", exact=True).select_option("elm")
    expect(voices(page).get_by_role("alert")).to_have_count(0)


def test_waiting_button_is_busy(visits: Visits, site: Site) -> None:
    page = visits.open()
    hear = page.get_by_role("button", name="Hear cedar")
    with held(site.services.vocoder, "inference", allowed=0):
        hear.click()
        expect(hear).to_have_attribute("aria-busy", "true")
    expect(hear).to_have_attribute("aria-busy", "false")


def test_phone_has_a_line_to_choose_the_voice_above_the_text(visits: Visits) -> None:
    page = visits.open(**PHONE)
    picker = page.get_by_role("combobox", name="Voice", exact=True)
    expect(picker).to_be_visible()
    picker.select_option("hazel")
    expect(page.get_by_role("radio", name="hazel")).to_be_checked()
    for control in (picker, page.locator("#text"), page.locator("#speak")):
        box = control.bounding_box()
        assert box
        assert box["y"] + box["height"] <= PHONE["viewport"]["height"]


def test_long_name_of_a_voice_leaves_its_label_on_one_line(visits: Visits) -> None:
    long = "birch(1)+cedar(1)+elm(1)+hazel(1)+rowan(1)"
    page = visits.open(**PHONE, locale="ko-KR")
    page.evaluate("blend => localStorage.setItem('blends', JSON.stringify([blend]))", long)
    page.reload()
    picker = page.locator("#voice-select")
    picker.select_option(long)
    label, chosen = page.locator(".voice-picker label").bounding_box(), picker.bounding_box()
    assert label
    assert chosen
    assert label["height"] < chosen["height"]
    assert chosen["x"] + chosen["width"] <= PHONE["viewport"]["width"]


def test_focus_ring_of_a_card_is_not_clipped(visits: Visits) -> None:
    page = visits.open()
    page.get_by_role("radio", name="ash").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="birch")).to_be_checked()
    outline = card(page, "birch").evaluate("card => getComputedStyle(card).outlineStyle")
    assert outline == "solid"
    clipping = card(page, "birch").evaluate("""card => {
        const clips = [];
        for (let box = card.parentElement; box !== document.body; box = box.parentElement) {
            if (getComputedStyle(box).overflow !== "visible") clips.push(box.id);
        }
        return clips;
    }""")
    assert clipping == []


def test_dialogs_and_cards_fit_every_width(visits: Visits) -> None:
    page = visits.open()
    page.locator("#blend summary").click()
    overflow = "dialog => dialog.scrollWidth - dialog.clientWidth"
    for width in (320, 768, 1366, 1920):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.locator("#open-add-voice").click()
        page.locator("#record").click()
        expect(page.locator("#record-left")).not_to_be_empty()
        assert page.locator("#add-voice").evaluate(overflow) == 0
        page.locator("#add-voice-close").click()
        page.locator(".card .more").first.click()
        assert page.locator("#voice-about").evaluate(overflow) == 0
        page.locator("#voice-about-close").click()
