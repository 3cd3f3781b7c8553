"""The voices on the page, in Chromium: cards, blends, files, and the dialog for a new one."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from shared.voices import SAMPLES
from tests.support.browser_fixtures import (
    PHONE,
    REFUSED,
    Site,
    Visits,
    chromium,
    expect_accessible,
    expect_ready,
    held,
    player,
    shared_site,
    site,
    speak,
    visits,
)

__all__ = ["chromium", "shared_site", "site", "visits"]

PRESETS = ["ash", "birch", "cedar", "elm", "hazel", "rowan"]
MEASURE = """async ([sample]) => {
    const { characterOf } = await import("/static/character.js");
    const bytes = Uint8Array.from(atob(sample), (letter) => letter.charCodeAt(0));
    return characterOf([new Blob([bytes])]);
}"""


def voices(page: Page) -> Locator:
    return page.get_by_role("region", name="Voice", exact=True)


def card(page: Page, name: str) -> Locator:
    radio = page.get_by_role("radio", name=name, exact=True)
    return page.locator(".card").filter(has=radio)


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def open_dialog(page: Page) -> Locator:
    page.get_by_role("button", name="Add a voice").click()
    return dialog(page)


def to_names(page: Page, *samples: Path) -> None:
    """Choose files, and go on to the step for name and consent."""
    adding = open_dialog(page)
    adding.get_by_label("Choose files").set_input_files(samples)
    expect(adding.locator("#samples li")).to_have_count(len(samples))
    adding.get_by_role("button", name="Next").click()
    expect(adding.locator("#check-status")).to_have_text("The voice can be made of these.")
    adding.get_by_role("button", name="Next").click()


def save_voice(page: Page, name: str) -> None:
    to_names(page, SAMPLES / "elm.wav")
    page.get_by_label("Name of the voice").fill(name)
    page.get_by_role("checkbox", name="I declare this").check()
    page.get_by_role("button", name="Save the voice").click()
    expect(page.get_by_role("heading", name=f"The voice “{name}” is saved")).to_be_focused()
    page.get_by_role("button", name="Done").click()


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


@pytest.mark.parametrize("name", PRESETS)
def test_character_of_a_preset_is_the_one_measured(visits: Visits, name: str) -> None:
    page = visits.open()
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


def test_voice_of_the_microphone_is_checked_heard_and_saved(visits: Visits) -> None:
    page = visits.open()
    adding = open_dialog(page)
    adding.get_by_role("button", name="Record", exact=True).click()
    expect(adding.get_by_role("meter", name="Level of the microphone")).to_be_visible()
    expect(adding.locator("#record-left")).to_have_text("18 s left")
    expect(adding.get_by_text("This is enough for a good voice.")).to_be_visible()
    adding.get_by_role("button", name="Stop recording").click()
    expect(adding.get_by_text(re.compile(r"Recorded [5-9][\d.]* s"))).to_be_visible()
    adding.get_by_role("button", name="Next").click()
    expect(adding.locator("#verdicts").get_by_text("Good", exact=True)).to_be_visible()
    expect(adding.get_by_text("Clear, and long enough.")).to_be_visible()
    adding.get_by_role("button", name="Next").click()

    hear = adding.get_by_role("button", name="Hear it now")
    hear.click()
    expect(adding.get_by_role("alert")).to_contain_text("only made with the speaker’s consent")
    consent = adding.get_by_role("checkbox", name="I declare this")
    expect(consent).to_be_focused()
    expect(consent).to_have_attribute("aria-invalid", "true")
    consent.check()
    expect(adding.get_by_role("alert")).to_have_count(0)
    hear.click()
    expect(hear).to_have_attribute("aria-pressed", "true")

    adding.get_by_role("button", name="Save the voice").click()
    expect(adding.get_by_role("alert")).to_have_text("Give the voice a name.")
    name = adding.get_by_label("Name of the voice")
    expect(name).to_have_attribute("aria-invalid", "true")
    name.fill("Recorded")
    expect(adding.get_by_role("alert")).to_have_count(0)
    adding.get_by_role("button", name="Save the voice").click()
    expect(adding.get_by_role("heading", name="The voice “Recorded” is saved")).to_be_visible()
    adding.get_by_role("button", name="Done").click()
    expect(page.get_by_role("radio", name="Recorded")).to_be_checked()
    # The microphone played ash's clip, so the voice has its character.
    expect(card(page, "Recorded").locator(".muted")).to_have_text("deep, calm")
    expect(voices(page).get_by_role("heading", level=3)).to_have_text(["Yours", "Ready to use"])
    expect(voices(page).get_by_role("radio").first).to_be_checked()
    details = page.request.get("/v1/audio/voices/Recorded").json()
    assert details["consent"].startswith("I am the speaker")
    assert len(details["samples"]) == 1


def test_recording_keeps_the_voice_of_the_microphone(visits: Visits) -> None:
    """The fake microphone plays a preset's clip: its likeness shows that the WAV is undamaged."""
    page = visits.open()
    adding = open_dialog(page)
    adding.get_by_role("button", name="Record", exact=True).click()
    expect(adding.get_by_text("This is enough for a good voice.")).to_be_visible()
    adding.get_by_role("button", name="Stop recording").click()
    adding.get_by_label("Choose files").set_input_files(SAMPLES / "ash.wav")
    expect(adding.locator("#samples li")).to_have_count(2)
    adding.get_by_role("button", name="Next").click()
    adding.get_by_text("In numbers").first.click()
    numbers = adding.get_by_text(re.compile(r"^(9\d|100)% like the other samples"))
    expect(numbers.first).to_be_visible()


@pytest.mark.parametrize(
    ("fault", "rating", "remedy"),
    [
        ("quiet", "Poor", "Too quiet. Speak louder, or nearer to the microphone."),
        ("noise", "Poor", "Noise behind the voice."),
        ("short", "Fair", "Too little speech. Record five to fifteen seconds."),
        ("unreadable", "Poor", "No speech was found in it."),
    ],
)
def test_verdict_names_one_remedy_before_the_voice_is_saved(
    visits: Visits, tmp_path: Path, fault: str, rating: str, remedy: str
) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    adding = open_dialog(page)
    adding.get_by_label("Choose files").set_input_files(damaged(fault, tmp_path))
    adding.get_by_role("button", name="Next").click()
    verdict = adding.locator("#verdicts .verdict p")
    expect(verdict).to_have_count(1)
    expect(verdict).to_contain_text(f"{rating} {remedy}")
    assert [url for url in visits.requests if url.endswith("/v1/audio/voices/check")]
    listed = page.request.get("/v1/audio/voices").json()["voices"]
    assert [voice for voice in listed if not voice["preset"]] == []


def damaged(fault: str, folder: Path) -> Path:
    path = folder / f"{fault}.wav"
    sound, rate = soundfile.read(SAMPLES / "ash.wav", dtype="float32")
    match fault:
        case "quiet":
            sound = sound * 0.03
        case "noise":
            sound = sound + np.random.default_rng(1).normal(0, 0.05, len(sound))
        case "short":
            sound = sound[: 3 * rate]
        case "unreadable":
            path.write_text("no sound")
            return path
    soundfile.write(path, sound, rate)
    return path


def test_unsaved_recordings_survive_a_reload(visits: Visits) -> None:
    page = visits.open()
    adding = open_dialog(page)
    adding.get_by_role("button", name="Next").click()
    missing = adding.get_by_text("There is no recording yet")
    expect(missing).to_be_visible()
    adding.get_by_label("Choose files").set_input_files([SAMPLES / "elm.wav", SAMPLES / "ash.wav"])
    expect(adding.locator("#samples li")).to_have_count(2)
    expect(missing).to_have_count(0)
    page.reload()
    adding = open_dialog(page)
    expect(adding.locator("#samples .name")).to_have_text(["elm.wav", "ash.wav"])
    adding.get_by_role("button", name="Remove elm.wav").click()
    expect(adding.locator("#samples .name")).to_have_text(["ash.wav"])
    listen = adding.get_by_role("button", name="Listen to ash.wav")
    listen.click()
    expect(listen).to_have_attribute("aria-pressed", "true")


def test_files_can_be_dropped(visits: Visits) -> None:
    page = visits.open()
    adding = open_dialog(page)
    transfer = page.evaluate_handle("""() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["RIFF"], "dropped.wav", { type: "audio/wav" }));
        return transfer;
    }""")
    page.dispatch_event("#drop-zone", "drop", {"dataTransfer": transfer})
    expect(adding.locator("#samples .name")).to_have_text(["dropped.wav"])


def test_taken_name_is_told_at_the_name_and_entries_stay(visits: Visits) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    to_names(page, SAMPLES / "elm.wav")
    name = page.get_by_label("Name of the voice")
    name.fill("ash")
    page.get_by_role("checkbox", name="I declare this").check()
    page.get_by_role("button", name="Save the voice").click()
    expect(page.locator("#name-error")).to_contain_text("There is a voice of this name already.")
    expect(name).to_be_focused()
    expect(name).to_have_value("ash")
    expect(page.get_by_role("checkbox", name="I declare this")).to_be_checked()


def test_microphone_that_is_refused_is_told_with_a_way_out(visits: Visits) -> None:
    page = visits.open("navigator.mediaDevices.getUserMedia = async () => {"
                       " throw new DOMException('', 'NotAllowedError'); };")  # fmt: skip
    adding = open_dialog(page)
    adding.get_by_role("button", name="Record", exact=True).click()
    expect(adding.get_by_role("alert")).to_contain_text("or choose a sound file")
    adding.get_by_label("Choose files").set_input_files(SAMPLES / "ash.wav")
    expect(adding.get_by_role("alert")).to_have_count(0)


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


def test_deletion_is_undone(visits: Visits) -> None:
    page = visits.open()
    save_voice(page, "Elm’s")
    before = page.request.get("/v1/audio/voices/Elm’s").json()
    about(page, "Elm’s").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("“Elm’s” is deleted.")).to_be_visible()
    expect(page.get_by_role("radio", name="Elm’s")).to_have_count(0)
    assert page.request.get("/v1/audio/voices/Elm’s").status == 404
    undo = voices(page).get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.click()
    expect(page.get_by_role("radio", name="Elm’s")).to_be_checked()
    after = page.request.get("/v1/audio/voices/Elm’s").json()
    assert (after["consent"], after["samples"]) == (before["consent"], before["samples"])


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
    page.get_by_label("Import a voice’s file").set_input_files(path)
    expect(page.get_by_text("“Elm’s 2” is imported and chosen.")).to_be_visible()
    expect(page.get_by_role("radio", name="Elm’s 2")).to_be_checked()


def test_other_files_are_not_imported(visits: Visits, tmp_path: Path) -> None:
    page = visits.open()
    path = tmp_path / "package.json"
    path.write_text('{"name": "elm"}')
    page.get_by_label("Import a voice’s file").set_input_files(path)
    expect(voices(page).get_by_role("alert")).to_contain_text("is not a voice’s file")


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
    assert request.value.post_data_json["voice"] == "elm(7)+hazel(3)"
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
        assert box["y"] + box["height"] <= page.viewport_size["height"]  # type: ignore[index]


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


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_of_voices_are_accessible(visits: Visits, locale: str, scheme: str) -> None:
    page = visits.open(locale=locale, color_scheme=scheme)
    page.locator("#blend summary").click()
    page.locator("#blend-use").click()
    expect(page.locator("#voices-status")).not_to_be_empty()
    expect_accessible(page)
    page.locator("#open-add-voice").click()
    page.locator("#step-1 [data-step='2']").click()
    expect(page.locator("#no-sample")).to_be_visible()
    page.locator("#upload").set_input_files([SAMPLES / "elm.wav", SAMPLES / "ash.wav"])
    expect(page.locator("#samples li")).to_have_count(2)
    expect_accessible(page)
    page.locator("#step-1 [data-step='2']").click()
    expect(page.locator("#verdicts .verdict")).to_have_count(2)
    page.locator("#verdicts summary").first.click()
    expect_accessible(page)
    page.locator("#to-name").click()
    page.locator("#save-voice").click()
    expect(page.locator("#name-error")).to_be_visible()
    expect_accessible(page)
    page.locator("#voice-name").fill("Mine")
    page.locator("#consent").check()
    page.locator("#save-voice").click()
    expect(page.locator("#step-4")).to_be_visible()
    expect_accessible(page)
    page.locator("#step-4 .primary").click()
    page.locator(".card .more").first.click()
    expect(page.locator("#voice-record")).to_be_visible()
    expect_accessible(page)
    page.locator("#delete-voice").click()
    expect(page.locator("#voices-undo")).to_be_focused()
    expect_accessible(page)


@pytest.mark.parametrize("width", [320, 768, 1366, 1920])
def test_dialogs_and_cards_fit_the_width(visits: Visits, width: int) -> None:
    page = visits.open(viewport={"width": width, "height": 700})
    page.locator("#blend summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#open-add-voice").click()
    page.locator("#record").click()
    expect(page.locator("#record-left")).not_to_be_empty()
    overflow = "dialog => dialog.scrollWidth - dialog.clientWidth"
    assert page.locator("#add-voice").evaluate(overflow) == 0
    page.locator("#add-voice-close").click()
    page.locator(".card .more").first.click()
    assert page.locator("#voice-about").evaluate(overflow) == 0
