"""Take the screenshots in docs/screenshots, of the whole system with the bundled weights:

python -m tests.support.page_screenshots
"""

import io
import shutil
from contextlib import ExitStack
from fractions import Fraction
from tempfile import TemporaryDirectory
from typing import Any

import av
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shared.services import SERVICES
from shared.voices import SAMPLES
from tests.conftest import REPOSITORY, running

FOLDER = REPOSITORY / "docs/screenshots"
TEXT = "The rainbow is made of light. It takes the shape of a long round arch."
DESKTOP: dict[str, Any] = {"viewport": {"width": 1366, "height": 900}}
WIDE: dict[str, Any] = {"viewport": {"width": 1600, "height": 1000}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 375, "height": 812},
    "has_touch": True,
    "is_mobile": True,
}
_MINUTES = 5 * 60_000  # milliseconds, for the real models on a busy machine


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=_MINUTES)
    with ExitStack() as stack:
        names = tuple(SERVICES)
        urls = {f"{name.upper()}_URL": stack.enter_context(running(name)) for name in names}
        data_dir = stack.enter_context(TemporaryDirectory())
        url = stack.enter_context(running("gateway", DATA_DIR=data_dir, **urls))
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        stack.callback(chromium.close)
        make_all(chromium, url)


def make_all(chromium: Browser, url: str) -> None:
    page = opened(chromium, url, **DESKTOP)
    speak(page)
    save(page, "desktop-light")

    page = opened(chromium, url, color_scheme="dark", **WIDE)
    page.locator("#text").fill(TEXT)
    page.locator("#later").click()
    expect(page.locator("#history-list > li progress:visible")).to_have_count(0)
    speak(page)
    page.locator("#result-details summary").click()
    page.locator("#result").scroll_into_view_if_needed()
    save(page, "desktop-dark")

    page = opened(chromium, url, **DESKTOP)
    page.locator("#open-add-voice").click()
    page.locator("#add-voice input[type=file]").first.set_input_files(SAMPLES / "elm.wav")
    expect(page.locator("#samples li")).to_have_count(1)
    save(page, "add-voice")

    page = opened(chromium, url, locale="ko-KR", **DESKTOP)
    speak(page)
    save(page, "korean")

    page = opened(chromium, url, **PHONE)
    speak(page)
    save(page, "phone")


def opened(chromium: Browser, url: str, **options: Any) -> Page:
    page = chromium.new_page(**{"locale": "en-US", **options})
    page.goto(url)
    expect(page.locator("#voice-cards")).to_have_attribute("aria-busy", "false")
    return page


def speak(page: Page) -> None:
    """The speech is complete, and paused at a word of its second sentence."""
    page.locator("#text").fill(TEXT)
    page.locator("#speak").click()
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#result-status")).not_to_be_empty()
    page.locator("#sentences li").last.locator("[data-word]").nth(3).click()
    expect(page.locator("#sentences .now")).to_have_count(1)
    page.locator("#player-toggle").click()
    page.mouse.move(0, 0)  # no button is under the pointer


def save(page: Page, name: str) -> None:
    png = page.screenshot()
    page.close()
    (FOLDER / f"{name}.png").write_bytes(smaller(png))


def smaller(png: bytes) -> bytes:
    """The same picture. Flat areas are smallest without prediction, which Chromium always uses."""
    with av.open(io.BytesIO(png), "r") as container:
        frame = next(container.decode(video=0)).reformat(format="rgb24")
    codec = av.VideoCodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "rgb24"
    codec.time_base = Fraction(1, 1)
    codec.options = {"pred": "none", "compression_level": "9"}
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


if __name__ == "__main__":
    main()
