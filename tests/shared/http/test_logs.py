import json
import logging
import sys
from collections.abc import Iterator

import pytest

from shared.http.logs import JsonLines
from shared.http.request_id import accepted_or_new, request_id


@pytest.fixture
def current_request() -> Iterator[str]:
    token = request_id.set("abc-1")
    yield "abc-1"
    request_id.reset(token)


def line_of(record: logging.LogRecord) -> dict[str, object]:
    line = JsonLines("encoder").format(record)
    assert "\n" not in line
    parsed: dict[str, object] = json.loads(line)
    return parsed


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("better", logging.WARNING, "x.py", 1, message, arguments, None)


def test_line_is_an_object_with_time_level_service_and_message() -> None:
    made = record('%s says "안녕"\n', "ash")
    made.created = 1_700_000_000.25
    assert line_of(made) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "service": "encoder",
        "message": 'ash says "안녕"\n',
    }


def test_line_has_the_request_id(current_request: str) -> None:
    assert line_of(record("hello"))["request_id"] == current_request


def test_line_has_the_fields_of_its_record_and_its_exception() -> None:
    made = record("hello")
    made.__dict__["fields"] = {"status": 200}
    try:
        raise ValueError("broken")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = line_of(made)
    assert line["status"] == 200
    assert "ValueError: broken" in str(line["exception"])


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 128])
def test_sane_id_is_kept(given: str) -> None:
    assert accepted_or_new(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "a\n", '"', "é", "x" * 129])
def test_missing_or_odd_id_is_replaced_by_a_new_one(given: str | None) -> None:
    made = {accepted_or_new(given) for _ in range(2)}
    assert len(made) == 2
    assert given not in made
    assert all(accepted_or_new(one) == one for one in made)
