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
TEXT = (
    "The rainbow is a division of white light into many beautiful colors. "
    "These take the shape of a long round arch."
)
DESKTOP: dict[str, Any] = {"viewport": {"width": 1120, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
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

    page = opened(chromium, url, color_scheme="dark", **DESKTOP)
    page.locator("summary").click()
    page.locator("#upload").set_input_files(SAMPLES / "elm.wav")
    page.locator("#voice-name").fill("My voice")
    page.locator("#consent").check()
    page.locator("#new-voice-form .primary").click()
    expect(page.locator("#verdict li")).not_to_have_count(0)
    speak(page)
    save(page, "desktop-dark")

    page = opened(chromium, url, locale="ko-KR", **DESKTOP)
    page.locator("#text").fill(TEXT)
    page.locator("#later").click()
    expect(page.locator("#jobs progress")).to_be_hidden()
    speak(page)
    save(page, "korean")

    page = opened(chromium, url, **PHONE)
    speak(page)
    save(page, "phone")


def opened(chromium: Browser, url: str, **options: Any) -> Page:
    page = chromium.new_page(**{"locale": "en-US", **options})
    page.goto(url)
    expect(page.locator("#voices")).to_have_attribute("aria-busy", "false")
    return page


def speak(page: Page) -> None:
    page.locator("#text").fill(TEXT)
    page.locator("#speak").click()
    expect(page.locator("#made")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#stop")).to_be_disabled()  # it has been heard to its end
    page.locator("#sentences button").first.click()
    page.locator("#stop").click()
    page.locator("h1").click()  # no button is under the pointer


def save(page: Page, name: str) -> None:
    png = page.screenshot(full_page=True)
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
