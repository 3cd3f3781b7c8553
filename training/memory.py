"""Memory as a training wants it: kept by the process, not given back after each step."""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h
_MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Otherwise glibc maps every large temporary anew, and a step takes up to half as long again.

    Does nothing where the C library is another.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _MOST)
