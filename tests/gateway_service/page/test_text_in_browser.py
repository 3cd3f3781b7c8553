"""The text on the page, in Chromium: examples, and files that are opened."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser_fixtures import Visits, chromium, shared_site, site, visits

__all__ = ["chromium", "shared_site", "site", "visits"]


def test_example_fills_the_text(visits: Visits) -> None:
    page = visits.open()
    page.get_by_role("button", name="A story").click()
    expect(page.locator("#text")).to_have_value(re.compile("lighthouse"))
    page.get_by_role("button", name="A poem").click()
    expect(page.locator("#text")).to_have_value(re.compile("daffodils"))


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("story.md", b"# A title\n\nSome **words**.", "# A title\n\nSome **words**."),
        ("latin.txt", "A café.".encode("latin-1"), "A café."),
        ("windows.txt", "A café.".encode("utf-16"), "A café."),
    ],
)
def test_text_file_is_opened(
    visits: Visits, tmp_path: Path, name: str, content: bytes, shown: str
) -> None:
    page = visits.open()
    (tmp_path / name).write_bytes(content)
    page.get_by_label("Open a file").set_input_files(tmp_path / name)
    expect(page.locator("#text")).to_have_value(shown)
    told = page.get_by_text("is not in UTF-8")
    expect(told).to_have_count(1 if name == "latin.txt" else 0)


def test_binary_file_is_reported_and_changes_nothing(visits: Visits, tmp_path: Path) -> None:
    page = visits.open()
    page.locator("#text").fill("My own words.")
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)))
    page.get_by_label("Open a file").set_input_files(tmp_path / "picture.txt")
    expect(page.get_by_role("alert")).to_contain_text("is not a text file")
    expect(page.locator("#text")).to_have_value("My own words.")


def test_file_replaces_typed_text_only_after_a_question(visits: Visits, tmp_path: Path) -> None:
    page = visits.open()
    (tmp_path / "a.txt").write_text("From the file.")
    page.locator("#text").fill("My own words.")
    page.get_by_label("Open a file").set_input_files(tmp_path / "a.txt")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#text")).to_have_value("My own words.")
    page.get_by_label("Open a file").set_input_files(tmp_path / "a.txt")
    page.get_by_role("button", name="Replace it").click()
    expect(page.locator("#text")).to_have_value("From the file.")


def test_two_tabs_keep_two_texts(visits: Visits) -> None:
    page = visits.open()
    page.locator("#text").fill("Of the first tab.")
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator("#text")).to_have_value("Of the first tab.")
    other.locator("#text").fill("Of the second tab.")
    page.reload()
    expect(page.locator("#text")).to_have_value("Of the first tab.")
