"""Memory as a training wants it: kept by the process, not given back after each step."""

from shared.http.process_memory import set_malloc_option

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h
_MAX = 2**31 - 1


def keep_freed_memory() -> None:
    """Otherwise glibc maps every large temporary anew, and a step takes up to half as long again.

    Does nothing where the C library is another.
    """
    set_malloc_option(_M_MMAP_MAX, 0)
    set_malloc_option(_M_TRIM_THRESHOLD, _MAX)
