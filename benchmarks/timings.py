"""Word times beside known cut points, and beside the times that Whisper base hears.

python -m benchmarks.timings [--sentences N] [--no-whisper]: the bundled models say each of the
evaluation's sentences in a preset voice. All are joined with silences of known length. In the
joined sound the speech of each sentence begins and ends at known places: the start of its first
word and the end of its last word are compared with these. Within the sentences, the starts and
ends of the words that Whisper recognises are compared with those that the attention gives. Then
Whisper's own times are compared with the known places, which shows how much of a difference is
Whisper's. Whisper needs the extra `train`.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.results import MILLISECONDS, Row, Table
from shared.audio.mel import MEL_FORMAT
from shared.captions import WordTime, shifted
from shared.http.tensors import Float32Array
from shared.voices import sample_embeds
from synthesizer_service import inference as synthesizer
from synthesizer_service.schemas import TextRequest
from synthesizer_service.settings import Settings as SynthesizerSettings
from synthesizer_service.text import normalize
from training.evaluation.texts import TEXTS
from vocoder_service import inference as vocoder
from vocoder_service.settings import Settings as VocoderSettings

if TYPE_CHECKING:
    from training.evaluation.recognition import TimedWord

SEED = 1
RATE = MEL_FORMAT.sample_rate
SILENCE_SECONDS = 0.7  # between two sentences
WINDOW_SECONDS = 0.01
EDGE_DB = -40.0
"""Speech begins in the first window of this level, relative to the sentence's loudest window."""
LIMITS = {"median": 60.0, "95 %": 150.0}  # ms, beside the cut points


class Speaker:
    def __init__(self) -> None:
        self._settings = SynthesizerSettings()
        self._synthesizer = synthesizer.load(self._settings)
        self._vocoder = vocoder.load(VocoderSettings())

    def speak(self, text: str, embed: Float32Array) -> tuple[Float32Array, list[WordTime]]:
        """[n] at 16 kHz, and the time of each word."""
        request = TextRequest.model_construct(text=text, embed=embed, seed=SEED, timestamps=True)
        answer = synthesizer.synthesize(self._synthesizer, request, self._settings)
        wav = np.concatenate([*self._vocoder.generate(answer["spec"], SEED, 1.0)])
        return wav, [WordTime(**word) for word in answer["words"]]


def joined(
    spoken: Sequence[tuple[Float32Array, Sequence[WordTime]]],
) -> tuple[Float32Array, list[list[WordTime]], list[int]]:
    """The sentences with a silence before each, their words in that sound, and the sample at which
    each silence ends."""
    silence = np.zeros(round(SILENCE_SECONDS * RATE), np.float32)
    parts, words, cuts, at = list[Float32Array](), list[list[WordTime]](), list[int](), 0
    for wav, times in spoken:
        at += len(silence)
        words.append(shifted(times, at / RATE))
        cuts.append(at)
        parts += [silence, wav]
        at += len(wav)
    return np.concatenate(parts), words, cuts


def speech_edges(wav: Float32Array) -> tuple[float, float]:
    """Seconds at which the speech in a sound begins and ends: its first and last window that is
    loud enough. wav: [n] at 16 kHz, over a window long."""
    size = round(WINDOW_SECONDS * RATE)
    windows = np.lib.stride_tricks.sliding_window_view(wav, size)[:: size // 4]
    level = np.sqrt((windows.astype(np.float64) ** 2).mean(axis=1))
    loud = np.flatnonzero(level >= level.max() * 10 ** (EDGE_DB / 20))
    return loud[0] * (size // 4) / RATE, (loud[-1] * (size // 4) + size) / RATE


def cut_errors(
    spoken: Sequence[tuple[Float32Array, Sequence[WordTime]]],
) -> list[tuple[float, float]]:
    """Seconds between each sentence's first word and the start of its speech in the joined sound,
    and between its last word and the end."""
    wav, words, cuts = joined(spoken)
    found = []
    for times, start, end in zip(words, cuts, [*cuts[1:], len(wav)], strict=True):
        first, last = (start / RATE + edge for edge in speech_edges(wav[start:end]))
        found.append((times[0].start - first, times[-1].end - last))
    return found


def errors(words: Sequence[WordTime], heard: "Sequence[TimedWord]") -> list[tuple[float, float]]:
    """Seconds between start and start, and end and end, of each word that was recognised."""
    said = [_plain(word.word) for word in words]
    matcher = SequenceMatcher(None, said, [_plain(word.text) for word in heard], autojunk=False)
    return [
        (words[a + i].start - heard[b + i].start, words[a + i].end - heard[b + i].end)
        for a, b, size in matcher.get_matching_blocks()
        for i in range(size)
    ]


def heard_edge_errors(
    wav: Float32Array, heard: "Sequence[TimedWord]"
) -> Iterator[tuple[float, float]]:
    """Seconds between Whisper's first word and the start of the speech, and its last and the end.

    Nothing if Whisper heard no word.
    """
    if heard:
        first, last = speech_edges(wav)
        yield heard[0].start - first, heard[-1].end - last


def _plain(word: str) -> str:
    return "".join(filter(str.isalpha, normalize(word)))


def table(
    found: Sequence[tuple[float, float]], note: str, limits: Mapping[str, float] | None = None
) -> Table:
    starts, ends = MILLISECONDS * np.abs(np.array(found)).T
    rows = [
        Row(
            f"{kind}: {name}",
            "ms",
            [float(np.percentile(values, share))],
            limit=limits[name] if limits else None,
        )
        for kind, values in (("start", starts), ("end", ends))
        for name, share in (("median", 50), ("95 %", 95))
    ]
    return Table("Word times", note, rows)


@click.command()
@click.option("--sentences", default=100, show_default=True)
@click.option("--whisper/--no-whisper", default=True, help="Compare with Whisper base too.")
def main(sentences: int, whisper: bool) -> None:
    """Show how far the word times are from known cut points, and from those of Whisper base."""
    texts = [text for kind in TEXTS.values() for text in kind if " " in text]
    texts = (texts * (1 + sentences // len(texts)))[:sentences]
    speaker, voices = Speaker(), [*sample_embeds().values()]
    spoken = [
        speaker.speak(text, voices[number % len(voices)]) for number, text in enumerate(texts)
    ]
    cuts = table(cut_errors(spoken), f"{len(texts)} sentences, beside their cut points", LIMITS)
    click.echo("\n".join(cuts.lines()))
    if whisper:
        from training.evaluation.recognition import Recogniser

        recogniser = Recogniser("base")
        found, own = list[tuple[float, float]](), list[tuple[float, float]]()
        for wav, words in spoken:
            heard = recogniser.words(wav)
            found += errors(words, heard)
            own += heard_edge_errors(wav, heard)
        note = f"{len(found)} words of {len(texts)} sentences, beside Whisper base"
        click.echo("\n".join(table(found, note).lines()))
        note = f"{len(own)} sentences: Whisper base beside their cut points"
        click.echo("\n".join(table(own, note).lines()))


if __name__ == "__main__":
    main()
