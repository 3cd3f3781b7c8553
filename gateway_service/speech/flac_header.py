"""How long a FLAC file says it is: a number in its first bytes, 0 if nobody knew it."""

HEAD_BYTES = 26
"""Which hold the whole number."""

_FIELD = slice(18, HEAD_BYTES)
_COUNT = 2**36 - 1  # the low bits of these 8 bytes of STREAMINFO count the samples


def length_of(head: bytes) -> int:
    """Samples of each channel, from the first HEAD_BYTES or more."""
    return int.from_bytes(head[_FIELD], "big") & _COUNT


def with_length(head: bytes, samples: int) -> bytes:
    """The same bytes, where they say another length. head: the first HEAD_BYTES or more."""
    field = int.from_bytes(head[_FIELD], "big") & ~_COUNT | samples
    return head[: _FIELD.start] + field.to_bytes(8, "big") + head[_FIELD.stop :]
