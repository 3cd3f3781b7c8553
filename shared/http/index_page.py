"""The page at / of a service: its purpose, and an example to try."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Better API: {service}</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
  body {{ max-width: 44rem; margin: 3rem auto; padding: 0 1rem }}
  pre {{ padding: 1rem; overflow-x: auto; border: 1px solid; border-radius: .5rem }}
</style>
<h1>Better API: {service}</h1>
<p>{summary}</p>
<h2>Try it</h2>
<pre><code>{example}</code></pre>
<p><a href="docs">All calls</a> · <a href="health/ready">readiness</a> ·
<a href="metrics">metrics</a></p>
"""


_EXAMPLE = """\
curl -s {url}/example.json |
  curl {url}/inference/ -H 'Content-Type: application/json' -d @-"""


def service_page(service: str, summary: str, url: str) -> str:
    """HTML. url: the address at which the client reached the service."""
    example = _EXAMPLE.format(url=url.rstrip("/"))
    return _PAGE.format(service=service, summary=escape(summary), example=escape(example))
