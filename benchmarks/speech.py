"""End-to-end text to speech: the chain over HTTP against other programs, on the same text."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from benchmarks.baselines import NEEDED, SpeakerProcess, missing, speaking
from benchmarks.machine import threads_called, usable_cores
from benchmarks.memory import MB_PER_MIB
from benchmarks.results import Row, Table, ratios
from benchmarks.services import running
from benchmarks.stages import QUICK_SENTENCE, SEED, SENTENCE
from cli.peak_memory import peak_mib
from client.chain import SAMPLE_RATE, Chain
from client.options import SpeechOptions
from shared.services import SERVICES
from shared.voices import sample_path

PARAGRAPH = (
    "The north wind and the sun disputed which of them was the stronger, when a traveller came "
    "along wrapped in a warm cloak. They agreed that the one who first made the traveller take "
    "his cloak off should be considered stronger than the other. Then the north wind blew as hard "
    "as he could. But the more he blew, the more closely did the traveller fold his cloak around "
    "him, and at last the north wind gave up. Then the sun shone out warmly, and at once the "
    "traveller took off his cloak. And so the north wind had to confess that the sun was the "
    "stronger of the two."
)
TEXTS = {"ten words": SENTENCE, "a paragraph": PARAGRAPH}
QUICK_TEXTS = {"three words": QUICK_SENTENCE}
MAX_RTF = {"ten words": 0.07, "a paragraph": 0.05}
OURS = "Better API"


@dataclass(frozen=True)
class Spoken:
    """Times in seconds. speech: length of the output. first_sound: latency, if it is streamed."""

    took: float
    speech: float
    first_sound: float = math.nan


Speak = Callable[[str], Spoken]


def measure(runs: int, quick: bool) -> Table:
    texts = QUICK_TEXTS if quick else TEXTS
    threads = usable_cores()
    here = [name for name in NEEDED if not missing(name)]
    with ExitStack() as stack:
        services = stack.enter_context(running(SERVICES))
        chain = stack.enter_context(Chain(settings=services.client_settings()))
        others = {name: stack.enter_context(speaking(name, threads)) for name in here}
        speakers: dict[str, Speak] = {OURS: partial(_clone, chain)}
        speakers |= {name: partial(_say, other) for name, other in others.items()}
        rows = [
            row for called in texts for row in rows_of_text(called, texts[called], speakers, runs)
        ]
        ours = sum(map(peak_mib, services.groups.values()))
        peaks = {OURS: ours} | {name: other.peak_mib() for name, other in others.items()}
    for name, peak in peaks.items():
        rows.append(Row(f"peak memory: {name}", "MB", [peak * MB_PER_MIB]))
    note = (
        f"seconds per second of speech; {OURS} is wav + text to wav, the three services over HTTP, "
        f"bundled weights; the others speak in a voice of their own, in a process of their own, on "
        f"{threads_called(threads)}; they take turns"
    )
    skipped = [why_not(name) for name in NEEDED if name not in here]
    return Table("Text to speech", note, rows, skipped)


def rows_of_text(called: str, text: str, speakers: Mapping[str, Speak], runs: int) -> Iterator[Row]:
    spoken = _side_by_side(text, speakers, runs)
    factors = {
        name: ratios([run.took for run in own], [run.speech for run in own])
        for name, own in spoken.items()
    }
    for name, factor in factors.items():
        limit = MAX_RTF.get(called) if name == OURS else None
        yield Row(f"{called}: {name}", "s/s", factor, limit)
        if name != OURS:
            yield Row(f"{called}: {name} / {OURS}", "×", ratios(factor, factors[OURS]))
    ours = spoken[OURS]
    yield Row(f"{called}: {OURS}, speech that was made", "s", [run.speech for run in ours])
    yield Row(f"{called}: {OURS}, until the first sound", "s", [run.first_sound for run in ours])


def _side_by_side(
    text: str, speakers: Mapping[str, Speak], runs: int
) -> dict[str, Sequence[Spoken]]:
    """The runs of each speaker, after a warm-up run. The speakers alternate."""
    turns = [[speak(text) for speak in speakers.values()] for _ in range(runs + 1)][1:]
    return dict(zip(speakers, zip(*turns, strict=True), strict=True))


def _clone(chain: Chain, text: str) -> Spoken:
    started = time.perf_counter()
    sound = chain.speak(text, chain.embed(sample_path()), SpeechOptions(seed=SEED))
    samples = len(next(sound))
    heard = time.perf_counter() - started
    samples += sum(map(len, sound))
    return Spoken(time.perf_counter() - started, samples / SAMPLE_RATE, heard)


def _say(other: SpeakerProcess, text: str) -> Spoken:
    started = time.perf_counter()
    speech = other.speak(text)
    return Spoken(time.perf_counter() - started, speech)


def why_not(name: str) -> str:
    lacking = ", ".join(missing(name))
    return f"{name}, which needs {lacking}: pip install -e '.[compare]'"
