"""The voices of the page: its cards, and the dialog for a new voice."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from shared.voices import SAMPLES


def voices(page: Page) -> Locator:
    return page.get_by_role("region", name="Voice", exact=True)


def card(page: Page, name: str) -> Locator:
    radio = page.get_by_role("radio", name=name, exact=True)
    return page.locator(".card").filter(has=radio)


def open_dialog(page: Page) -> Locator:
    page.get_by_role("button", name="Add a voice").click()
    return page.get_by_role("dialog")


def to_names(page: Page, *samples: Path) -> None:
    """Choose files, and go on to the step for name and consent."""
    adding = open_dialog(page)
    adding.get_by_label("Choose files").set_input_files(samples)
    expect(adding.locator("#samples li")).to_have_count(len(samples))
    adding.get_by_role("button", name="Next").click()
    expect(adding.locator("#check-status")).to_contain_text("good enough for a voice")
    adding.get_by_role("button", name="Next").click()


def save_voice(page: Page, name: str) -> None:
    to_names(page, SAMPLES / "elm.wav")
    page.get_by_label("Name of the voice").fill(name)
    page.get_by_role("checkbox", name="I declare this").check()
    page.get_by_role("button", name="Save the voice").click()
    expect(page.get_by_role("heading", name=f"The voice “{name}” is saved")).to_be_focused()
    page.get_by_role("button", name="Done").click()
