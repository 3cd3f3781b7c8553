"""Text to speech on the page, in Chromium: from the first click to a reload."""

import io
import itertools
import json
import re
from pathlib import Path

import pytest
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
    player,
    result,
    shared_site,
    site,
    speak,
    visits,
)
from tests.support.stub_services import Refusal

__all__ = ["chromium", "shared_site", "site", "visits"]

RATE = 24_000
LOG_SOUND = """
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function (...when) {
        console.debug("sound starts");
        console.debug(JSON.stringify({ at: when[0], samples: this.buffer.length }));
        return start.apply(this, when);
    };
"""
COUNT_ANNOUNCEMENTS = """
    window.announced = [];
    addEventListener("DOMContentLoaded", () => {
        for (const live of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
            new MutationObserver(() => {
                if (live.textContent.trim()) window.announced.push(live.textContent);
            }).observe(live, { childList: true, characterData: true, subtree: true });
        }
    });
"""


def test_one_click_in_an_empty_browser_makes_sound(visits: Visits) -> None:
    page = visits.open(LOG_SOUND)
    expect(page.locator("#text")).not_to_be_empty()
    expect(page.locator("[data-example]")).to_have_count(3)
    expect(page.locator("#machine-made")).to_contain_text("carries an inaudible mark")
    with page.expect_console_message(lambda line: line.text == "sound starts"):
        page.get_by_role("button", name="Speak", exact=True).click()
    expect(player(page).get_by_text("ash", exact=True)).to_be_visible()
    expect_ready(page)


def test_sentence_sounds_before_the_rest_is_made(visits: Visits, site: Site) -> None:
    page = visits.open(LOG_SOUND)
    with held(site.services.vocoder, "inference", allowed=1) as gate:
        with page.expect_console_message(lambda line: line.text == "sound starts"):
            speak(page)
        # The second sentence is still held back.
        expect(page.locator("#made")).to_have_attribute("aria-busy", "true")
        expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
        expect(page.get_by_text("Sentence 1 of 2", exact=True)).to_be_visible()
        gate.set()
        expect_ready(page)
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    expect(result(page).get_by_role("listitem")).to_have_count(2)
    # The selection follows the sound.
    second = result(page).get_by_role("button", name="The second one")
    expect(second).to_have_attribute("aria-current", "true")
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_blocks_of_sound_join_without_a_gap(visits: Visits, site: Site) -> None:
    page = visits.open(LOG_SOUND)
    with held(site.services.vocoder, "inference", allowed=1):
        speak(page)
        first = result(page).get_by_role("button", name="The first one")
        expect(first).to_have_text(TWO_SENTENCES.partition(" The second")[0])
        received(page, seconds=1.9)
        player(page).get_by_role("button", name="Pause").click()
        lines: list[str] = []
        page.on("console", lambda line: lines.append(line.text))
        with page.expect_console_message(lambda line: line.text.startswith("{")):
            first.click(position={"x": 2, "y": 5})  # all that was received is played again
        expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
        blocks = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(blocks) > 1
    for block, following in itertools.pairwise(blocks):
        assert following["at"] - block["at"] == pytest.approx(block["samples"] / RATE, abs=1e-9)


def received(page: Page, seconds: float) -> None:
    """Wait until the player has so much of a sound that is being received."""
    wait = """async seconds => {
        const { player } = await import("./static/player.js");
        while (!(player.item?.track?.seconds > seconds)) {
            await new Promise(requestAnimationFrame);
        }
    }"""
    page.evaluate(wait, seconds)


def test_word_is_marked_while_it_is_spoken_and_a_click_seeks_to_it(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect(page.locator(".now")).to_have_text("first")
    expect_ready(page)
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.locator("[data-word]", has_text="comes").click()
    expect(player(page).get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".now")).to_have_text("comes")


def test_player_seeks_by_keys_and_pointer(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    page.evaluate("async () => (await import('./static/player.js')).player.pause()")
    bar = player(page).get_by_role("slider", name="Position")
    bar.focus()
    page.keyboard.press("End")
    end = bar.get_attribute("aria-valuemax")
    expect(bar).to_have_attribute("aria-valuenow", str(end))
    page.keyboard.press("Home")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    expect(bar).to_have_attribute("aria-valuetext", re.compile(r"^0:00 of 0:0\d$"))
    page.keyboard.press("ArrowRight")
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    box = bar.bounding_box()
    assert box
    bar.click(position={"x": 0.5 * box["width"], "y": 10})
    seconds = page.evaluate("async () => (await import('./static/player.js')).player.seconds")
    near = "|".join(str(round(seconds / 2) + off) for off in (-1, 0, 1))
    expect(bar).to_have_attribute("aria-valuenow", re.compile(f"^({near})$"))


def test_volume_and_speed_of_playback_are_kept(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    player(page).get_by_label("Volume").fill("0.4")
    player(page).get_by_label("Speed of playback").select_option("1.5")
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.reload()
    expect(player(page).get_by_label("Volume")).to_have_value("0.4")
    expect(player(page).get_by_label("Speed of playback")).to_have_value("1.5")
    player(page).get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".now")).to_have_count(1)


# Of a browser that lets pages set no volume, such as those of iPhones; the next turn sets it back.
FIXED_VOLUME = """
    Object.defineProperty(HTMLMediaElement.prototype, "volume", {
        get() { return this.asked ?? 1; },
        set(volume) { this.asked = volume; Promise.resolve().then(() => { this.asked = 1; }); },
    });
"""


def test_volume_is_offered_wherever_a_page_can_set_it(visits: Visits) -> None:
    for options in ({}, PHONE):
        page = visits.open(**options)
        speak(page)
        expect(player(page).get_by_label("Volume")).to_be_visible()
    page = visits.open(FIXED_VOLUME)
    speak(page)
    expect(player(page).get_by_role("button", name="Download")).to_be_visible()
    expect(player(page).get_by_label("Volume")).to_be_hidden()


def test_sound_plays_while_the_file_of_another_is_fetched(visits: Visits) -> None:
    page = visits.open()
    was_revoked = page.evaluate("""async () => {
        const { player } = await import("/static/player.js");
        const { wavFile } = await import("/static/wav.js");
        const address = () => URL.createObjectURL(wavFile(new Int16Array(48_000), 24_000));
        const item = { title: "", voice: "" };
        const late = address();
        const revoked = [];
        URL.revokeObjectURL = (url) => revoked.push(url);
        let arrive;
        player.load({ ...item, id: "late", open: () => new Promise((done) => (arrive = done)) });
        const playing = player.play(0);
        player.load({ ...item, id: "next", open: async () => ({ url: address() }) });
        await player.play(0);
        arrive({ url: late });
        await playing;
        return revoked.includes(late);
    }""")
    assert was_revoked
    expect(player(page).get_by_role("button", name="Pause")).to_be_visible()


def test_sound_that_is_paused_while_it_is_fetched_stays_silent(visits: Visits) -> None:
    page = visits.open()
    plays = page.evaluate("""async () => {
        const { player } = await import("/static/player.js");
        const { wavFile } = await import("/static/wav.js");
        const url = URL.createObjectURL(wavFile(new Int16Array(48_000), 24_000));
        let arrive;
        const open = () => new Promise((done) => (arrive = done));
        player.load({ id: "late", title: "", voice: "", open });
        const playing = player.play(0);
        player.pause();
        arrive({ url });
        await playing;
        return player.playing;
    }""")
    assert plays is False


def test_details_show_plots_described_in_words(visits: Visits) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    page.get_by_text("Details").click()
    expect(page.get_by_text(re.compile(r"loudest at −[\d.]+ dBFS"))).to_be_visible()
    first = result(page).get_by_role("button", name="The first one")
    first.click(position={"x": 2, "y": 5})
    for name in ("Mel spectrogram of sentence 1: ", "Attention in sentence 1: "):
        plot = result(page).get_by_role("img", name=name)
        expect(plot).to_be_visible()
        assert colours_in(plot) > 1
    attention = result(page).get_by_role("img", name="100% of the text is reached")
    expect(attention).to_be_visible()
    result(page).get_by_role("button", name="The second one").press("Enter")
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
        received(page, seconds=1)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(result(page).get_by_text(re.compile(r"Stopped after [1-9][\d.]* s"))).to_be_visible()
    expect(page.get_by_role("button", name="Speak", exact=True)).to_be_visible()
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.reload()
    expect(result(page).get_by_role("button", name="The first one")).to_be_visible()


def test_downloads_hold_the_speech_that_was_played(visits: Visits, tmp_path: Path) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    wav, rate = soundfile.read(io.BytesIO(downloaded(page, "Sound, WAV", tmp_path)))
    assert rate == RATE
    assert abs(wav).max() > 0.3
    mp3 = downloaded(page, "Sound, MP3", tmp_path)
    info = soundfile.info(io.BytesIO(mp3))
    assert info.format == "MP3"
    assert info.duration == pytest.approx(len(wav) / rate, abs=0.2)
    names = [f"ash - {TWO_SENTENCES[:-1]}.{ending}" for ending in ("mp3", "wav")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    captions = downloaded(page, "Captions, SRT", tmp_path).decode()
    assert captions.startswith("1\n00:00:00,")
    assert "The first one is quite long." in captions
    assert downloaded(page, "Captions, VTT", tmp_path).startswith(b"WEBVTT\n\n00:00:00.")


def downloaded(page: Page, entry: str, folder: Path) -> bytes:
    player(page).get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        player(page).get_by_role("button", name=entry).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def test_one_sentence_is_made_anew_and_downloaded(
    visits: Visits, site: Site, tmp_path: Path
) -> None:
    page = visits.open()
    speak(page)
    expect_ready(page)
    result(page).get_by_role("button", name="The second one").press("Enter")
    facts = page.locator("#sentence-facts")
    expect(facts).to_have_text(re.compile(r"^Sentence 2 of 2, seed \d+$"))
    before = facts.inner_text()
    made = len(site.services.vocoder.requests)
    page.get_by_role("button", name="Say it differently").click()
    expect(facts).not_to_have_text(before)
    expect(facts).to_have_text(re.compile(r"^Sentence 2 of 2, seed \d+$"))
    assert len(site.services.vocoder.requests) == made + 1  # no other sentence
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the sentence").click()
    assert download.value.suggested_filename == "ash - The second one comes later.wav"
    download.value.save_as(tmp_path / "sentence.wav")
    assert 1 < soundfile.info(tmp_path / "sentence.wav").duration < 3
    # The redone sentence survives a reload.
    seed = facts.inner_text().rpartition(" ")[2]
    page.reload()
    result(page).get_by_role("button", name="The second one").press("Enter")
    expect(facts).to_contain_text(seed)


def test_reload_keeps_text_speed_voice_and_speech(visits: Visits) -> None:
    page = visits.open()
    page.get_by_role("radio", name="birch").check(force=True)
    page.get_by_label("Speed", exact=True).fill("1.25")
    speak(page)
    expect_ready(page)
    page.locator("#text").fill("A text that nobody has spoken yet.")
    page.reload()
    expect(page.locator("#text")).to_have_value("A text that nobody has spoken yet.")
    expect(page.get_by_label("Speed", exact=True)).to_have_value("1.25")
    expect(page.get_by_role("radio", name="birch")).to_be_checked()
    expect(result(page).get_by_role("button", name="The second one")).to_be_visible()
    expect(player(page).get_by_text("birch", exact=True)).to_be_visible()
    player(page).get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".now")).to_have_count(1)


def test_twelve_sentences_are_announced_once(visits: Visits) -> None:
    page = visits.open(COUNT_ANNOUNCEMENTS)
    page.evaluate("window.announced.length = 0")
    speak(page, "It is so. " * 12)
    expect_ready(page)
    expect(player(page).get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert len(page.evaluate("window.announced")) == 1


def test_sentences_are_one_tab_stop(visits: Visits) -> None:
    page = visits.open()
    speak(page, "It is so. " * 12)
    expect_ready(page)
    expect(page.locator("#sentences [tabindex='0']")).to_have_count(1)
    page.locator("#sentences [tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(result(page).get_by_role("button", name="It is so.").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Say it differently")).to_be_focused()


def test_every_sentence_of_a_long_text_is_reached_by_keys(visits: Visits) -> None:
    page = visits.open()
    page.evaluate("""async () => {
        const { Reader } = await import("/static/reader.js");
        const list = document.getElementById("sentences");
        list.closest("section").hidden = false;
        const sentence = (_, at) => (
            { text: `Sentence ${at}.`, start: at, end: at + 1, words: [] }
        );
        new Reader(list, () => {}).show(Array.from({ length: 450 }, sentence));
    }""")
    first = result(page).get_by_role("button", name="Sentence 0.", exact=True)
    first.focus()
    for key, number in {"End": 449, "ArrowUp": 448, "Home": 0}.items():
        page.keyboard.press(key)
        reached = result(page).get_by_role("button", name=f"Sentence {number}.", exact=True)
        expect(reached).to_be_focused()
    expect(first).to_have_attribute("aria-current", "true")


def test_failed_attempt_keeps_the_speech_before_it(visits: Visits, site: Site) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    speak(page)
    expect_ready(page)
    site.services.synthesizer.refusal = Refusal(503)
    speak(page, "Another text.")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(result(page).get_by_role("button", name="The first one")).to_be_visible()
    site.services.synthesizer.refusal = None
    page.get_by_role("button", name="Speak", exact=True).click()
    expect(result(page).get_by_role("button", name="Another text.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_error_in_mid_speech_keeps_the_part_received(visits: Visits, site: Site) -> None:
    page = visits.open()
    with held(site.services.vocoder, "inference", allowed=1) as gate:
        speak(page)
        received(page, seconds=1)
        site.services.vocoder.refusal = Refusal(500)
        gate.set()
        expect(page.get_by_role("alert")).to_contain_text("the vocoder failed")
    expect(result(page).get_by_text(re.compile(r"Broken off after [1-9]"))).to_be_visible()
    player(page).get_by_role("button", name="Download", exact=True).click()
    expect(player(page).get_by_role("button", name="Sound, WAV")).to_be_visible()
    expect(player(page).get_by_role("button", name="Sound, MP3")).to_have_count(0)


def test_error_is_shown_when_the_gateway_is_unreachable(visits: Visits) -> None:
    visits.expected = (REFUSED,)
    page = visits.open()
    page.context.set_offline(True)
    speak(page)
    expect(page.locator("#speech-error")).to_contain_text("The server does not answer.")


def test_empty_text_shows_a_hint_until_it_is_mended(visits: Visits) -> None:
    page = visits.open()
    speak(page, "")
    expect(page.get_by_role("alert")).to_have_text("Write some text first.")
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")
    page.keyboard.type("H")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#text")).not_to_have_attribute("aria-invalid", "true")


def test_speed_of_the_form_reaches_the_server(visits: Visits) -> None:
    page = visits.open()
    page.get_by_label("Speed", exact=True).fill("2")
    with page.expect_request("**/v1/audio/speech") as request:
        speak(page)
    assert json.loads(request.value.post_data or "")["speed"] == 2
    expect_ready(page)


def test_control_enter_speaks(visits: Visits) -> None:
    page = visits.open()
    page.locator("#text").fill(TWO_SENTENCES)
    page.locator("#text").press("Control+Enter")
    expect_ready(page)
