"""The dialog for a new voice, in Chromium with a microphone that hears a recording."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from shared.voices import SAMPLES
from tests.support.browser_fixtures import (
    REFUSED,
    TWO_SENTENCES,
    Visits,
    chromium,
    expect_accessible,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.voices_on_page import card, open_dialog, to_names, voices

__all__ = ["chromium", "shared_site", "site", "visits"]

REFUSE_MICROPHONE = """
    if (navigator.mediaDevices) {
        navigator.mediaDevices.getUserMedia = async () => {
            throw new DOMException("", "NotAllowedError");
        };
    }
"""


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
    # A busy machine drops parts of the microphone's sound.
    expect(adding.locator("#verdicts").get_by_text(re.compile("^(Good|Fair)$"))).to_be_visible()
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
    listen.click()
    expect(listen).to_have_attribute("aria-pressed", "false")


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


def test_taken_name_is_reported_at_the_name_and_entries_stay(visits: Visits) -> None:
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


@pytest.mark.parametrize("statement", ["", "!!!"])
def test_statement_without_words_is_reported_at_the_statement(
    visits: Visits, statement: str
) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    to_names(page, SAMPLES / "elm.wav")
    field = page.get_by_label("Statement of consent")
    field.fill(statement)
    page.get_by_role("checkbox", name="I declare this").check()
    page.get_by_role("button", name="Hear it now").click()
    expect(page.locator("#statement-error")).to_have_text("Write a statement of consent.")
    expect(field).to_be_focused()


def test_recording_pauses_the_player(visits: Visits) -> None:
    page = visits.open()
    speak(page, TWO_SENTENCES * 3)
    pause = page.locator("#player-toggle.playing")
    expect(pause).to_have_count(1)
    open_dialog(page).get_by_role("button", name="Record", exact=True).click()
    expect(pause).to_have_count(0)
    expect(page.locator("#player-elapsed")).not_to_have_text(
        page.locator("#player-total").inner_text()
    )


def test_refused_microphone_is_reported_with_a_remedy(visits: Visits) -> None:
    page = visits.open(REFUSE_MICROPHONE)
    adding = open_dialog(page)
    adding.get_by_role("button", name="Record", exact=True).click()
    expect(adding.get_by_role("alert")).to_contain_text("or choose a sound file")
    adding.get_by_label("Choose files").set_input_files(SAMPLES / "ash.wav")
    expect(adding.get_by_role("alert")).to_have_count(0)


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
