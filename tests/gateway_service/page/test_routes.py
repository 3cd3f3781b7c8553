"""The page's files without a browser; test_*_in_browser.py test the rest."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from gateway_service.page.routes import STATIC, router
from gateway_service.settings import Settings
from shared.http.app import create_app
from tests.conftest import REPOSITORY

LANGUAGES = ["en", "ko"]
TEXT_CONTRAST = 4.5  # WCAG 2.2 AA
EDGE_CONTRAST = 3.0
_STRING = re.compile(r'^  (?:"([\w.]+)"|(\w+)): "(.*)",$', re.MULTILINE)
_KEY_IN_HTML = re.compile(r'data-(?:text|label)="([\w.]+)"')
_IN_SCRIPT = re.compile(r'"(\w+(?:\.\w+)+)"')
_TEMPLATE = re.compile(r"`(\w+(?:\.\w+)*\.)\$\{[^`]*`")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app("gateway", "speaks", Settings(), load=lambda: None)
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def strings(language: str) -> dict[str, str]:
    text = (STATIC / "strings" / f"{language}.js").read_text()
    return {quoted or plain: value for quoted, plain, value in _STRING.findall(text)}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed((STATIC / "index.html").read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


FILES = sorted(str(file.relative_to(STATIC)) for file in STATIC.rglob("*") if file.is_file())


@pytest.mark.parametrize("path", ["/", *(f"/static/{name}" for name in FILES)])
def test_each_file_has_the_security_policy_and_is_revalidated(
    client: TestClient, path: str
) -> None:
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


@pytest.mark.parametrize("path", [name for name in FILES if name.endswith((".js", ".css"))])
def test_text_is_sent_compressed_where_the_client_can_read_it(
    client: TestClient, path: str
) -> None:
    packed = client.get(f"/static/{path}")
    plain = client.get(f"/static/{path}", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["etag"] == f"W/{plain.headers['etag']}"


def test_preview_picture_has_an_absolute_address(client: TestClient) -> None:
    page = client.get("/", headers={"Host": "voices.example"})
    (address,) = re.findall(r'property="og:image" content="([^"]+)"', page.text)
    assert address == "http://voices.example/static/images/preview.png"
    assert client.get("/static/images/preview.png").headers["content-type"] == "image/png"


def test_scripts_are_served_as_scripts(client: TestClient) -> None:
    assert client.get("/static/main.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["nothing.js", "../routes.py", "%2e%2e/routes.py", "strings", ""])
def test_path_outside_the_page_is_not_found(client: TestClient, path: str) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_page_answers_head(client: TestClient) -> None:
    response = client.head("/")
    assert response.status_code == 200
    assert not response.content


def test_page_has_no_inline_code_and_no_foreign_urls() -> None:
    for tag, attributes in Tags().tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or attributes["src"]
        for name in {"src", "href"} & attributes.keys():
            assert re.match(r"static/|favicon\.ico$|docs$|#", attributes[name] or ""), attributes


def test_every_module_is_preloaded() -> None:
    links = [attributes for tag, attributes in Tags().tags if tag == "link"]
    preloaded = {link["href"] for link in links if link["rel"] == "modulepreload"}
    apart = {"main.js", "recorder_worklet.js"}
    modules = {name for name in FILES if name.endswith(".js")} - apart
    assert preloaded == {f"static/{name}" for name in modules}


def test_languages_have_the_same_strings() -> None:
    english = strings("en")
    assert len(english) > 100
    for language in LANGUAGES:
        other = strings(language)
        assert list(other) == list(english)
        for key, text in other.items():
            assert text
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_a_language_is_a_string(language: str) -> None:
    text = (STATIC / "strings" / f"{language}.js").read_text()
    assert set(_STRING.sub("", text).split("\n")) == {"export default {", "", "};"}


def test_page_uses_every_string_and_no_other() -> None:
    scripts = "".join(module.read_text() for module in STATIC.glob("*.js"))
    defined = strings("en").keys()
    spaces = {key.partition(".")[0] for key in defined}
    used = {key for key in _IN_SCRIPT.findall(scripts) if key.partition(".")[0] in spaces}
    used |= set(_KEY_IN_HTML.findall((STATIC / "index.html").read_text()))
    named = {key for key in used if f"{key}Named" in defined}
    assert used - named <= defined  # a label may be the only form of a string
    used |= {f"{key}Named" for key in named}
    by_template = tuple(_TEMPLATE.findall(scripts))
    assert [key for key in defined - used if not key.startswith(by_template)] == []


def colours(dark: bool) -> dict[str, str]:
    """The colours of a scheme by name, as six hexadecimal digits."""
    parts = (STATIC / "style.css").read_text().split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([\w-]+): #(\w+);", parts[dark]))
    return {
        name: digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
        for name, digits in found.items()
    }


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_colours_have_the_contrast_of_wcag_aa(dark: bool) -> None:
    colour = colours(dark)
    for ground in ("page", "surface", "tint"):
        for text in ("ink", "muted", "accent"):
            assert contrast(colour[text], colour[ground]) >= TEXT_CONTRAST, (text, ground)
    assert contrast(colour["on-accent"], colour["accent"]) >= TEXT_CONTRAST
    assert contrast(colour["danger"], colour["surface"]) >= TEXT_CONTRAST
    assert contrast(colour["ink"], colour["danger-tint"]) >= TEXT_CONTRAST
    for ground in ("page", "surface"):
        assert contrast(colour["edge"], colour[ground]) >= EDGE_CONTRAST
    assert contrast(colour["wave"], colour["shade-0"]) >= EDGE_CONTRAST


def api_codes() -> set[str]:
    """Every code that docs/api.md lists; a test of the documentation holds it to the sources."""
    text = (REPOSITORY / "docs/api.md").read_text()
    rows = re.findall(r"^\| (?:\d{3}|of a job) \| (.*?) \|", text, re.MULTILINE)
    return {code for cell in rows for code in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_code_has_words_for_people(language: str) -> None:
    words = strings(language)
    malformed = re.search(r"MALFORMED = new Set\(\[(.*?)\]\)", module("errors"), re.DOTALL)
    assert malformed
    of_requests = set(re.findall(r'"(\w+)"', malformed[1]))
    codes = api_codes()
    assert len(codes) > 60
    assert {c for c in codes if f"code.{c}" not in words} == of_requests
    for key, text in words.items():
        if key.startswith("code."):
            assert text.endswith((".", "!", "?")), key
            assert "_" not in text, key


def module(name: str) -> str:
    return (STATIC / f"{name}.js").read_text()
