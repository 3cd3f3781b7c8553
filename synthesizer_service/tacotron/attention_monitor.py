"""Tells from an utterance's attention whether the text was read: each character once, in order.

Speech moves on monotonically through its text. Where the attention does not, words are missing,
doubled or drawn out, which another draw of the prenet's dropout often mends.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

Fault = Literal["skipped", "repeated", "stalled", "ended_early", "never_stopped"]
"""What may go wrong, the least bad first."""

MAX_LEAP = 10  # characters in one step, either way; speech that is well read stays within 7
MAX_STAY = 1.5  # seconds on one character; a pause at a comma takes half a second
UNREAD_AT_END = 4  # characters, such as closing quotes and the sign for the end of the text
LAST_SOUND = 0.4  # seconds that the last letter may still be heard after it was read
KEPT_OF_A_STAY = 0.5  # seconds, of a stay that is too long
MIN_FOCUS = 0.2  # a step whose attention is spread wider says nothing


def find_fault(attention: Tensor, stopped: bool, seconds_per_step: float) -> Fault | None:
    """attention: [S, L], what each step read; stopped: whether the stop token came in time."""
    if not stopped:
        return "never_stopped"
    focus, character = attention.max(dim=1)
    path = character[focus >= MIN_FOCUS]  # [at most S]
    length = attention.shape[1]
    if len(path) and _longest_run(path) * seconds_per_step > MAX_STAY:
        return "stalled"
    if not len(path) or int(path.max()) < length - 1 - max(UNREAD_AT_END, length // 50):
        return "ended_early"
    front = path.cummax(dim=0).values
    if int((front - path).max()) > MAX_LEAP:
        return "repeated"
    if int(front.diff(prepend=front.new_zeros(1)).max()) > MAX_LEAP:
        return "skipped"
    return None


def severity(fault: Fault | None) -> int:
    """0 for none."""
    return 0 if fault is None else 1 + get_args(Fault).index(fault)


def _longest_run(path: Tensor) -> int:
    """Steps in a row on the same character."""
    _, counts = torch.unique_consecutive(path, return_counts=True)
    return int(counts.max())


def steps_to_keep(attention: Tensor, seconds_per_step: float) -> Tensor | None:
    """[S] bool: which steps of an utterance that is far too long make one that is not.

    attention: [S, L] over a text whose last symbols are a mark and the sign for its end. Left out
    are the rest of a stay that is too long, and what follows the end of the text. None where the
    end was never read.
    """
    focus, character = attention.max(dim=1)
    read = _last_seen(torch.where(focus >= MIN_FOCUS, character, -1))
    at_mark = (read >= attention.shape[1] - 2).nonzero()
    if not len(at_mark):
        return None
    end = int(at_mark[0]) + round(LAST_SOUND / seconds_per_step)
    keep = torch.zeros(len(read), dtype=torch.bool)
    keep[: end + 1] = True
    start = 0
    for count in torch.unique_consecutive(read, return_counts=True)[1].tolist():
        if count * seconds_per_step > MAX_STAY:
            keep[start + round(KEPT_OF_A_STAY / seconds_per_step) : start + count] = False
        start += count
    return keep


def _last_seen(character: Tensor) -> Tensor:
    """[S], each -1 replaced by the character before it."""
    steps = torch.arange(len(character))
    seen = torch.where(character >= 0, steps, 0).cummax(dim=0).values
    return character[seen]
