"""The HTML pages of a service: its purpose with an example at /, and its calls at /docs."""

from html import escape
from urllib.parse import quote

_ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="9" fill="#b03f12"/>'
    '<path d="M6.5 14.5v3M11.25 10v12M16 6v20M20.75 11.5v9M25.5 14v4" stroke="#fff" '
    'stroke-width="2.75" stroke-linecap="round"/></svg>'
)

# The colours of the gateway's page.
_STYLE = """
  :root {
    color-scheme: light dark;
    --page: #faf6f1; --surface: #fffdfa; --ink: #2b211b; --muted: #67594f; --line: #e9ded2;
    --accent: #b03f12;
    font: 1rem/1.5 system-ui, sans-serif;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #16120f; --surface: #1f1a16; --ink: #f3ebe4; --muted: #b9aa9e; --line: #3b322b;
      --accent: #f5a574;
    }
  }
  body { margin: 0; background: var(--page); color: var(--ink) }
  header { padding: 1rem 1.25rem; font-weight: 600 }
  header a { color: var(--ink) }
  a { color: var(--accent) }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
"""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
{links}<style>{style}</style>
</head>
"""

_INDEX_STYLE = """
  main {
    max-width: 44rem; margin: 2rem auto; padding: 1.5rem 2rem;
    background: var(--surface); border: 1px solid var(--line); border-radius: .875rem;
  }
  h1 { margin: 0; font-size: 1.5rem }
  h2 { font-size: 1.0625rem }
  pre { padding: 1rem; overflow-x: auto; background: var(--page); border-radius: .625rem }
"""

_INDEX = """<body>
<main>
<h1>Better API: {service}</h1>
<p>{summary}</p>
<h2>Try it</h2>
<pre tabindex="0" aria-label="Example"><code>{example}</code></pre>
<p><a href="docs">All calls</a> · <a href="health/ready">readiness</a> ·
<a href="metrics">metrics</a></p>
</main>
</body>
</html>
"""

_EXAMPLE = """\
curl -s {url}/example.json |
  curl {url}/inference/ -H 'Content-Type: application/json' -d @-"""

# Swagger UI's own colours fall short of the contrast that WCAG asks for.
_DOCS_STYLE = """
  html.dark-mode, html.dark-mode .swagger-ui { background: var(--page) }
  .swagger-ui .info .title small, .swagger-ui .info .title small.version-stamp {
    background: #5c4c42;
  }
  .swagger-ui .info .title small pre { color: #fff }
  .swagger-ui .opblock .opblock-summary-method { color: #fff; text-shadow: none }
  .swagger-ui .opblock.opblock-get .opblock-summary-method { background: #1b5a94 }
  .swagger-ui .opblock.opblock-post .opblock-summary-method { background: #23663f }
  .swagger-ui .opblock.opblock-patch .opblock-summary-method { background: #0d6660 }
  .swagger-ui .opblock.opblock-delete .opblock-summary-method { background: #a3142e }
  .swagger-ui .info a, .swagger-ui .info .url, .swagger-ui .markdown a,
  .swagger-ui .renderedMarkdown a { color: var(--accent) }
  .swagger-ui .json-schema-2020-12-expand-deep-button,
  .swagger-ui .json-schema-2020-12__attribute { color: var(--muted) }
"""

_DOCS = """<body>
<header><a href="{root}/">{title}</a></header>
<main id="swagger-ui"></main>
<script src="{static}/swagger-ui-bundle.js"></script>
<script>
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  SwaggerUIBundle({{
    url: "{openapi}",
    dom_id: "#swagger-ui",
    deepLinking: true,
    showExtensions: true,
    showCommonExtensions: true,
  }});
</script>
</body>
</html>
"""


def service_page(service: str, summary: str, url: str) -> str:
    """The page at /. url: the address at which the client reached the service."""
    example = escape(_EXAMPLE.format(url=url.rstrip("/")))
    body = _INDEX.format(service=service, summary=escape(summary), example=example)
    return _head(f"Better API: {service}", _STYLE + _INDEX_STYLE) + body


def docs_page(title: str, root_path: str, openapi_path: str, static_path: str) -> str:
    """The page at /docs: Swagger UI, with its files from `static_path` of this server.

    root_path: the prefix under which a proxy serves the app.
    """
    root = escape(root_path)
    static = root + static_path
    css = f'<link rel="stylesheet" href="{static}/swagger-ui.css">\n'
    body = _DOCS.format(title=title, root=root, static=static, openapi=root + openapi_path)
    return _head(f"{title}, all calls", _STYLE + _DOCS_STYLE, css) + body


def _head(title: str, style: str, links: str = "") -> str:
    return _HEAD.format(title=title, icon=_ICON, style=style, links=links)
