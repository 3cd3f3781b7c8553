"""Hints for wrong paths: the path of a route that the caller most likely meant.

Clients add /v1 to a base URL that ends in it, leave it out, or join with two slashes.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

_MAX_LENGTH = 200  # characters of a path that is looked at
_MAX_DROPPED = 2  # segments at its start: /api, /openai/v1
_VERSION = "/v1"
_MIN_SIMILARITY = 0.85  # of a misspelled path


def suggested_path(routes: Sequence[BaseRoute], scope: Scope) -> str | None:
    """The path of a route close to the one that was asked for; None without any."""
    asked: str = scope["path"].removeprefix(scope.get("root_path", ""))
    if len(asked) > _MAX_LENGTH:
        return None
    endpoints = [route for route in routes if not isinstance(route, Mount)]  # which takes any path
    for path in _similar(asked):
        for spelling in (path, path.rstrip("/"), f"{path}/"):
            candidate = {**scope, "path": spelling, "root_path": ""}
            if any(route.matches(candidate)[0] is not Match.NONE for route in endpoints):
                return path
    paths = [
        route.path for route in endpoints if isinstance(route, Route) and "{" not in route.path
    ]
    return next(iter(get_close_matches(asked.lower(), paths, 1, _MIN_SIMILARITY)), None)


def _similar(asked: str) -> Iterator[str]:
    path = re.sub("/{2,}", "/", asked)
    if path != asked:
        yield path
    if path != path.lower():
        yield path.lower()
    segments = path.strip("/").split("/")
    yield _VERSION + path
    for dropped in range(1, min(_MAX_DROPPED + 1, len(segments))):
        rest = "/" + "/".join(segments[dropped:])
        yield rest
        yield _VERSION + rest
        yield f"{_VERSION}/audio{rest}"
