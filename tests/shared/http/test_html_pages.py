"""The HTML pages of a service."""

from shared.http.html_pages import docs_page, service_page


def test_page_shows_the_example_at_the_address_of_the_client() -> None:
    page = service_page("encoder", "Embeds a voice.", "http://127.0.0.1:8001/tts/")
    assert "<title>Better API: encoder</title>" in page
    assert "curl -s http://127.0.0.1:8001/tts/example.json" in page


def test_text_of_others_is_escaped() -> None:
    page = service_page("encoder", "a < b", "http://x/<script>alert(1)</script>")
    assert "a &lt; b" in page
    assert "<script>" not in page
    assert 'href="&quot;&gt;/"' in docs_page("t", '">', "/openapi.json", "/static-docs")


def test_docs_take_their_files_from_below_the_root_path() -> None:
    page = docs_page("Better API", "/tts", "/openapi.json", "/static-docs")
    assert 'url: "/tts/openapi.json"' in page
    assert 'src="/tts/static-docs/swagger-ui-bundle.js"' in page
    assert 'href="/tts/static-docs/swagger-ui.css"' in page
