"""How the process keeps its memory small, and is not held up by looking after it."""

import ctypes
import gc

M_MMAP_THRESHOLD = -3  # from glibc's malloc.h
M_ARENA_MAX = -8


def share_heaps() -> None:
    """Let all threads take their memory from two heaps. Left alone, glibc gives each thread one,
    and what a request needed once stays in each: 600 MB under load instead of 450."""
    set_malloc_option(M_ARENA_MAX, 2)


def return_freed_memory(least: int) -> None:
    """Have blocks of so many bytes and more given back to the system as soon as they are freed.

    Left alone, glibc raises the size from which it does so, and a worker thread's heap fragments:
    the synthesizer's same request then peaks at 330 or at 560 MB by chance, and the encoder at 490
    instead of 450. It costs page faults: with 65,536, large JSON bodies take half as long again.
    """
    set_malloc_option(M_MMAP_THRESHOLD, least)


def set_malloc_option(option: int, value: int) -> None:
    """glibc's mallopt; without glibc nothing happens."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(option, value)


def freeze_gc() -> None:
    """Have Python's garbage collector leave alone what there is now, modules and model: 200,000
    objects, most of them torch's. To look through them takes 150 ms or more, again and again, and
    nothing else happens in the process meanwhile."""
    gc.collect()
    gc.freeze()
