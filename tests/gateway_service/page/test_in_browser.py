"""The page in Chromium, used as a person would."""

import io
import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
from playwright.sync_api import Browser, Locator, Page, expect

from shared.voices import SAMPLES
from tests.conftest import running
from tests.support.browser_fixtures import (
    REFUSED,
    Site,
    Visits,
    chromium,
    shared_site,
    site,
    visits,
)
from tests.support.stub_services import Refusal, StubService

__all__ = ["chromium", "shared_site", "site", "visits"]

TWO_SENTENCES = "The first one is quite long. The second one comes later."
RATE = 24_000
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
NAMED = "button textbox radio radiogroup checkbox slider combobox img progressbar meter region link"
NAMELESS = re.compile(rf'^\s*- (?:{"|".join(NAMED.split())}|list|dialog)(?! ")\b.*', re.MULTILINE)
SOUND = re.compile(r"Waveform: [1-9][\d.]* s")
LOG_SOUND = """
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (...when) {
        console.debug("sound starts");
        console.debug(JSON.stringify({ at: when[0], samples: this.buffer.length }));
        return start.apply(this, when);
    };
"""


def text_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Text")


def speak(page: Page, text: str = TWO_SENTENCES) -> None:
    text_field(page).fill(text)
    page.get_by_role("button", name="Speak").click()


def result(page: Page) -> Locator:
    return page.get_by_role("region", name="Speech")


def expect_finished(page: Page) -> None:
    expect(result(page).get_by_text(re.compile(r"^Finished: [\d.]+ s"))).to_be_visible()


@contextmanager
def held(stub: StubService, path: str, allowed: int) -> Iterator[threading.Event]:
    """Let the stub answer `allowed` calls of the path; the next waits until the event is set."""
    gate, calls = threading.Event(), iter(range(allowed))

    def wait(called: str) -> None:
        if path in called and next(calls, None) is None:
            gate.wait()

    stub.before = wait
    try:
        yield gate
    finally:
        gate.set()


def test_sentence_sounds_before_the_rest_is_made(visits: Visits, site: Site) -> None:
    page = visits.open(LOG_SOUND)
    with held(site.services.vocoder, "inference", allowed=1) as gate:
        with page.expect_console_message(lambda line: line.text == "sound starts"):
            speak(page)
        # The second sentence is still held back.
        expect(page.locator("#made")).to_have_attribute("aria-busy", "true")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        expect(result(page).get_by_role("button", name="The first one")).to_have_attribute(
            "aria-current", "true"
        )
        expect(result(page).get_by_role("img", name="Waveform: ")).to_be_visible()
        gate.set()
        expect_finished(page)
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    expect(result(page).get_by_role("listitem")).to_have_count(2)
    # The selection follows the sound.
    expect(result(page).get_by_role("button", name="The second one")).to_have_attribute(
        "aria-current", "true"
    )


def test_blocks_of_sound_join_without_a_gap(visits: Visits, tmp_path: Path) -> None:
    page = visits.open(LOG_SOUND)
    speak(page)
    expect_finished(page)
    lines: list[str] = []
    page.on("console", lambda line: lines.append(line.text))
    result(page).get_by_role("button", name="The first one").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    blocks = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(blocks) > 1
    for block, following in itertools.pairwise(blocks):
        assert following["at"] - block["at"] == pytest.approx(block["samples"] / RATE, abs=1e-9)
    wav = downloaded(page, "Download WAV", tmp_path)
    assert sum(block["samples"] for block in blocks) == soundfile.info(io.BytesIO(wav)).frames


def test_plots_are_drawn_and_described_in_words(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_finished(page)
    for name in ("Waveform: ", "Mel spectrogram of sentence 1: ", "Attention in sentence 1: "):
        plot = result(page).get_by_role("img", name=name)
        expect(plot).to_be_visible()
        assert colours_in(plot) > 1
    attention = result(page).get_by_role("img", name="100% of the text is reached")
    expect(attention).to_be_visible()
    result(page).get_by_role("button", name="The second one").click()
    expect(result(page).get_by_role("img", name="Mel spectrogram of sentence 2")).to_be_visible()


def colours_in(canvas: Locator) -> int:
    count: int = canvas.evaluate("""canvas => {
        const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(image.data.buffer)).size;
    }""")
    return count


def test_stop_ends_speech_and_keeps_the_part_received(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1):
        speak(page)
        expect(result(page).get_by_role("button", name="The first one")).to_be_visible()
        expect(result(page).get_by_role("img", name=SOUND)).to_be_visible()
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(result(page).get_by_text(re.compile(r"Stopped after [1-9][\d.]* s"))).to_be_visible()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_downloads_hold_the_speech_that_was_played(visits: Visits, tmp_path: Path) -> None:
    page = visits.open()
    speak(page)
    expect_finished(page)
    wav, rate = soundfile.read(io.BytesIO(downloaded(page, "Download WAV", tmp_path)))
    assert rate == RATE
    assert abs(wav).max() > 0.3
    mp3 = downloaded(page, "Download MP3", tmp_path)
    info = soundfile.info(io.BytesIO(mp3))
    assert info.format == "MP3"
    assert info.duration == pytest.approx(len(wav) / rate, abs=0.2)


def downloaded(page: Page, button: str, folder: Path) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def test_voice_is_recorded_and_saved_with_consent(visits: Visits) -> None:
    page = visits.open()
    page.get_by_text("Add a voice").click()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("meter", name="Level of the microphone")).to_be_visible()
    expect(page.locator("#record-time")).to_have_text(re.compile(r"^[5-9]\.\d s"))
    page.get_by_role("button", name="Stop recording").click()
    expect(page.get_by_text(re.compile(r"Recorded [\d.]+ s"))).to_be_visible()
    expect(page.get_by_role("button", name="Listen to recording-1.wav")).to_be_visible()

    page.get_by_label("Name of the voice").fill("Recorded")
    page.get_by_role("button", name="Save the voice").click()
    expect(page.get_by_role("alert")).to_contain_text("only made with the speaker’s consent")
    expect(page.get_by_role("checkbox", name="I declare this")).to_be_focused()

    page.get_by_role("checkbox", name="I declare this").check()
    page.get_by_role("button", name="Save the voice").click()
    expect(page.get_by_text("The voice “Recorded” is saved and chosen.")).to_be_visible()
    verdict = page.get_by_role("listitem").filter(has_text="recording-1.wav: used")
    expect(verdict).to_contain_text(re.compile(r"[4-9](\.\d)? s of speech"))
    expect(page.get_by_role("radio", name="Recorded")).to_be_checked()
    details = page.request.get("/v1/audio/voices/Recorded").json()
    assert details["consent"].startswith("I am the speaker")
    assert len(details["samples"]) == 1


def test_recording_keeps_the_voice_of_the_microphone(visits: Visits) -> None:
    """The fake microphone plays a preset's clip: its likeness shows that the WAV is undamaged."""
    page = visits.open()
    page.get_by_text("Add a voice").click()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("#record-time")).to_have_text(re.compile(r"^[5-9]\.\d s"))
    page.get_by_role("button", name="Stop recording").click()
    page.get_by_label("Choose files").set_input_files(SAMPLES / "ash.wav")
    save_voice(page, "Twice")
    verdict = page.get_by_role("listitem").filter(has_text="recording-1.wav: used")
    expect(verdict).to_contain_text(re.compile(r"(9\d|100)% like the other samples"))


def save_voice(page: Page, name: str) -> None:
    page.get_by_label("Name of the voice").fill(name)
    page.get_by_role("checkbox", name="I declare this").check()
    page.get_by_role("button", name="Save the voice").click()


def test_voice_of_files_speaks_and_is_deleted(visits: Visits, site: Site) -> None:
    page = visits.open()
    page.get_by_text("Add a voice").click()
    page.get_by_label("Choose files").set_input_files([SAMPLES / "elm.wav", SAMPLES / "elm.wav"])
    page.get_by_role("button", name="Remove elm.wav").first.click()
    save_voice(page, "Elm’s")
    expect(page.get_by_role("radio", name="Elm’s")).to_be_checked()
    speak(page)
    expect_finished(page)

    delete = page.get_by_role("button", name="Delete the voice Elm’s")
    delete.click()
    page.get_by_role("button", name="Keep it").click()
    expect(delete).to_be_focused()
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The voice “Elm’s” is deleted.")).to_be_visible()
    expect(page.get_by_role("radio", name="Elm’s")).to_have_count(0)
    expect(page.get_by_role("radio", name="ash")).to_be_focused()


def test_file_without_sound_shows_an_error_in_the_form(visits: Visits, tmp_path: Path) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    page.get_by_text("Add a voice").click()
    text = tmp_path / "notes.wav"
    text.write_text("no sound")
    page.get_by_label("Choose files").set_input_files(text)
    save_voice(page, "None")
    alert = page.locator("form").filter(has_text="Consent").get_by_role("alert")
    expect(alert).to_contain_text("notes.wav")
    # The form keeps its entries.
    expect(page.get_by_label("Name of the voice")).to_have_value("None")


def test_error_is_shown_when_a_service_is_down(visits: Visits, site: Site) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    site.services.synthesizer.refusal = Refusal(503)
    speak(page)
    expect(page.get_by_role("alert")).to_contain_text(
        "A service is down. the synthesizer is unreachable"
    )
    expect(result(page)).to_be_hidden()
    expect(page.locator("#result-status")).to_have_text("")
    site.services.synthesizer.refusal = None
    page.get_by_role("button", name="Speak").click()
    expect_finished(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_error_in_mid_speech_keeps_the_part_received(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1) as gate:
        speak(page)
        expect(result(page).get_by_role("img", name=SOUND)).to_be_visible()
        site.services.vocoder.refusal = Refusal(500)
        gate.set()
        expect(page.get_by_role("alert")).to_contain_text("the vocoder failed")
    expect(result(page).get_by_text(re.compile(r"Broken off after [1-9]"))).to_be_visible()
    expect(page.get_by_role("button", name="Download WAV")).to_be_visible()
    expect(page.get_by_role("button", name="Download MP3")).to_be_hidden()


def test_error_is_shown_when_the_gateway_is_unreachable(visits: Visits) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    page.context.set_offline(True)
    speak(page)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")


def test_empty_text_shows_a_hint(visits: Visits) -> None:
    page = visits.open()
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("alert")).to_have_text("Write some text first.")
    expect(text_field(page)).to_be_focused()


def test_page_works_with_the_keyboard_alone(visits: Visits) -> None:
    page = visits.open()
    keyboard = page.keyboard
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
    for name in ("English", "한국어"):
        keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
    keyboard.press("Tab")
    expect(page.get_by_role("radio", name="ash")).to_be_focused()
    keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="birch")).to_be_checked()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page.get_by_label("Name of the voice")).to_be_visible()
    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(text_field(page)).to_be_focused()
    keyboard.type(TWO_SENTENCES)
    keyboard.press("Tab")
    expect(page.get_by_role("button", name="Speak")).to_be_focused()
    keyboard.press("Enter")
    expect_finished(page)
    text_field(page).focus()
    keyboard.press("Control+Enter")
    expect_finished(page)


def test_skip_link_focuses_the_text(visits: Visits) -> None:
    page = visits.open()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(text_field(page)).to_be_focused()


def test_every_control_has_an_accessible_name(visits: Visits) -> None:
    page = visits.open()
    page.get_by_text("Add a voice").click()
    page.get_by_label("Choose files").set_input_files(SAMPLES / "ash.wav")
    speak(page)
    expect_finished(page)
    assert NAMELESS.findall(page.locator("body").aria_snapshot()) == []


def test_page_is_korean_for_a_korean_browser(visits: Visits) -> None:
    page = visits.open(locale="ko-KR")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.get_by_role("textbox", name="글").fill(TWO_SENTENCES)
    page.get_by_role("button", name="읽기").click()
    expect(page.get_by_text(re.compile(r"^완료: 음성 [\d.]+초"))).to_be_visible()
    assert NAMELESS.findall(page.locator("body").aria_snapshot()) == []

    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect_finished(page)
    expect(page.get_by_role("img", name="Attention in sentence")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Speak")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_page_fits_the_width_of_a_phone(visits: Visits, locale: str) -> None:
    page = visits.open(locale=locale, **PHONE)
    page.locator("summary").click()
    page.locator("#text").fill(f"{'Long' * 40}. {TWO_SENTENCES}")
    page.locator("#speak").click()
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_too_long_text_is_sent_as_a_job(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1):
        speak(page, f"{TWO_SENTENCES} " * 80)
        expect(page.get_by_role("alert")).to_contain_text("A longer text is made in the background")
        make_later = page.get_by_role("button", name="Make in the background")
        expect(make_later).to_be_focused()
        make_later.click()
        expect(jobs(page).get_by_text("1 of 160 sentences")).to_be_visible()


def test_rejected_job_clears_the_status_of_the_job_before(visits: Visits, site: Site) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    make_later = page.get_by_role("button", name="Make in the background")
    with held(site.services.vocoder, "inference", allowed=0):
        text_field(page).fill(TWO_SENTENCES)
        make_later.click()
        expect(page.locator("#jobs-status")).to_contain_text("has begun")
        page.context.set_offline(True)
        make_later.click()
        expect(page.locator("#later-error")).to_contain_text("The server does not answer.")
        expect(page.locator("#jobs-status")).to_have_text("")


def test_job_is_followed_downloaded_and_deleted(visits: Visits, site: Site, tmp_path: Path) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1) as gate:
        text_field(page).fill(TWO_SENTENCES)
        page.get_by_label("Format").select_option("FLAC")
        page.get_by_role("button", name="Make in the background").click()
        expect(jobs(page).get_by_text("1 of 2 sentences")).to_be_visible()
        gate.set()
        expect(jobs(page).get_by_text("Finished; 2 sentences")).to_be_visible()
    sound, _ = soundfile.read(io.BytesIO(downloaded(page, "Download “The first", tmp_path)))
    assert abs(sound).max() > 0.3

    page.reload()
    jobs(page).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(jobs(page).get_by_text("None yet.")).to_be_visible()


def jobs(page: Page) -> Locator:
    return page.get_by_role("region", name="Long texts")


def test_job_is_cancelled(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1):
        text_field(page).fill(TWO_SENTENCES)
        page.get_by_role("button", name="Make in the background").click()
        expect(jobs(page).get_by_text("1 of 2 sentences")).to_be_visible()
        jobs(page).get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(jobs(page).get_by_text("Cancelled after 1 of 2 sentences")).to_be_visible()
    expect(jobs(page).get_by_role("button", name="Delete")).to_be_focused()


def test_key_is_asked_for_and_stored_as_chosen(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    environment = {**site.services.environment, "DATA_DIR": str(tmp_path), "API_KEYS": "secret-key"}
    with running("gateway", **environment) as url:
        visits = Visits(chromium, url)
        page = visits.open()
        field = page.get_by_label("Key", exact=True)
        expect(field).to_be_visible()
        speak(page)
        expect(field).to_be_focused()
        expect(page.locator("#speech-error")).to_contain_text("The server asks for an API key")
        field.fill("another-key")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#access-refused")).to_contain_text("does not take that key")
        field.fill("secret-key")
        page.get_by_role("button", name="Use this key").click()
        expect(field).to_be_hidden()
        expect(page.get_by_role("alert")).to_have_count(0)
        page.get_by_role("button", name="Speak").click()
        expect_finished(page)
        kept = "[localStorage.getItem('api-key'), sessionStorage.getItem('api-key')]"
        assert page.evaluate(kept) == [None, "secret-key"]
        page.reload()
        expect(page.get_by_text("None yet.")).to_be_visible()
        expect(field).to_be_hidden()
        visits.close()
