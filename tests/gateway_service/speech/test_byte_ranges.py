import pytest
from starlette.datastructures import Headers

from gateway_service.speech.byte_ranges import asked_range, is_unchanged
from shared.http.errors import RangeNotSatisfiable

ETAG = '"abc"'


def ranged(**headers: str) -> range | None:
    return asked_range(Headers({k.replace("_", "-"): v for k, v in headers.items()}), ETAG, 1000)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-", range(1000)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=990-5000", range(990, 1000)),
        ("bytes=-10", range(990, 1000)),
        ("bytes=-5000", range(1000)),
    ],
)
def test_range_of_bytes_is_taken(asked: str, expected: range) -> None:
    assert ranged(range=asked) == expected


@pytest.mark.parametrize(
    "asked",
    [
        *("", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=1-2"),
        *("bytes=0-1,5-6", "bytes=0x1-5", "bytes= 0-1", "bytes=" + "9" * 10_000 + "-", "bytes=²-³"),
    ],
)
def test_anything_but_a_single_range_is_ignored(asked: str) -> None:
    assert ranged(range=asked) is None


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_range_outside_is_an_error_with_the_size(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="1000 bytes") as raised:
        ranged(range=asked)
    assert raised.value.headers == {"Content-Range": "bytes */1000"}


def test_range_of_another_version_is_ignored() -> None:
    assert ranged(range="bytes=0-9", if_range=ETAG) == range(10)
    for other in ('"other"', 'W/"abc"', "Mon, 30 Nov 2026 10:00:00 GMT"):
        assert ranged(range="bytes=0-9", if_range=other) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ETAG, True),
        (f'"x", W/{ETAG}', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
        ("", False),
    ],
)
def test_known_etag_is_unchanged(given: str, expected: bool) -> None:
    assert is_unchanged(Headers({"if-none-match": given}), ETAG) is expected
    assert not is_unchanged(Headers({}), ETAG)
