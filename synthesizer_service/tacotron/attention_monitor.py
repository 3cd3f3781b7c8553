"""Attention monitor: checks that every character was read once and in order.

The attention of good speech is monotonic. Where it is not, words are missing, repeated or drawn
out. Another draw of the prenet's dropout often helps.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

Fault = Literal["skipped", "repeated", "stalled", "ended_early", "never_stopped"]
"""Attention faults, in order of severity."""

MAX_JUMP = 10  # characters in one step, either way; good speech stays within 7
MAX_DWELL = 1.5  # seconds on one character; a pause at a comma takes half a second
MAX_UNREAD = 4  # characters at the end, such as closing quotes and the end symbol
RELEASE = 0.4  # seconds for which the last letter sounds on after it was read
KEPT_DWELL = 0.5  # seconds kept of a dwell that is too long
MIN_FOCUS = 0.2  # highest weight of a step; below, the step is ignored


def find_fault(attention: Tensor, stopped: bool, seconds_per_step: float) -> Fault | None:
    """The first fault of an utterance, or None.

    attention: [S, L], the weights of each decoder step. stopped: the stop token came in time.
    """
    if not stopped:
        return "never_stopped"
    focus, character = attention.max(dim=1)
    path = character[focus >= MIN_FOCUS]  # [at most S]
    length = attention.shape[1]
    if len(path) and _longest_run(path) * seconds_per_step > MAX_DWELL:
        return "stalled"
    if not len(path) or int(path.max()) < length - 1 - max(MAX_UNREAD, length // 50):
        return "ended_early"
    front = path.cummax(dim=0).values
    if int((front - path).max()) > MAX_JUMP:
        return "repeated"
    if int(front.diff(prepend=front.new_zeros(1)).max()) > MAX_JUMP:
        return "skipped"
    return None


def severity(fault: Fault | None) -> int:
    """Rank of a fault: 0 for none, 5 for the worst."""
    return 0 if fault is None else 1 + get_args(Fault).index(fault)


def _longest_run(path: Tensor) -> int:
    """The most consecutive steps on one character."""
    _, counts = torch.unique_consecutive(path, return_counts=True)
    return int(counts.max())


def steps_to_keep(attention: Tensor, seconds_per_step: float) -> Tensor | None:
    """[S] bool: the steps that remain when an overlong utterance is cut.

    Drops the excess of long dwells and everything after the end of the text. Returns None if the
    end was never read. attention: [S, L], over a text that ends in a mark and the end symbol.
    """
    focus, character = attention.max(dim=1)
    read = _last_seen(torch.where(focus >= MIN_FOCUS, character, -1))
    at_mark = (read >= attention.shape[1] - 2).nonzero()
    if not len(at_mark):
        return None
    end = int(at_mark[0]) + round(RELEASE / seconds_per_step)
    keep = torch.zeros(len(read), dtype=torch.bool)
    keep[: end + 1] = True
    start = 0
    for count in torch.unique_consecutive(read, return_counts=True)[1].tolist():
        if count * seconds_per_step > MAX_DWELL:
            keep[start + round(KEPT_DWELL / seconds_per_step) : start + count] = False
        start += count
    return keep


def _last_seen(character: Tensor) -> Tensor:
    """[S]: each -1 replaced by the last character before it."""
    steps = torch.arange(len(character))
    seen = torch.where(character >= 0, steps, 0).cummax(dim=0).values
    return character[seen]
