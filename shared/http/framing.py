"""Refuses requests whose end is ambiguous, before h11 picks one of the readings.

A proxy in front may pick another one, and then takes a part of one request for the next: request
smuggling (RFC 9112, sections 5.2, 6.1 and 6.3).
"""

import re

import h11

_HEAD_END = re.compile(rb"\r?\n\r?\n")


class UnambiguousConnection(h11.Connection):
    """h11's, for a server. `problem` is what is ambiguous about the request, if it is refused."""

    problem: str | None = None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.IDLE:
            self.problem = _ambiguity(self.trailing_data[0])
            if self.problem:
                raise h11.RemoteProtocolError(self.problem)
        return super().next_event()


def _ambiguity(begun: bytes) -> str | None:
    """None while the head is incomplete; h11 limits its length."""
    end = _HEAD_END.search(begun)
    if end is None:
        return None
    request, *lines = begun[: end.start()].split(b"\n")
    if any(line[:1] in (b" ", b"\t") for line in lines):
        return "a header is continued on the next line; write each on one line"
    fields = [line.partition(b":") for line in lines]
    lengths = [value for name, _, value in fields if _is(name, b"content-length")]
    codings = [value for name, _, value in fields if _is(name, b"transfer-encoding")]
    if lengths and codings:
        return "the request has both Content-Length and Transfer-Encoding; send one of them"
    if len(lengths) > 1 or any(b"," in length for length in lengths):
        return "the request has more than one Content-Length; send one"
    if codings and [coding.strip().lower() for coding in codings] != [b"chunked"]:
        return "Transfer-Encoding must be chunked, and nothing else, or be left out"
    if codings and not request.rstrip().endswith(b"HTTP/1.1"):
        return "Transfer-Encoding needs HTTP/1.1"
    return None


def _is(name: bytes, wanted: bytes) -> bool:
    return name.strip().lower() == wanted
