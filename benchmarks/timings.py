"""Word times beside those that Whisper base hears, over the evaluation's sentences.

python -m benchmarks.timings [--sentences N]: the bundled models say each sentence in a preset
voice. The starts and ends of the words that Whisper recognises are compared with those
that the attention gives. Whisper's own times are good to about 0.05 s. Needs the extra `train`.
"""

from difflib import SequenceMatcher

import click
import numpy as np

from benchmarks.results import MILLISECONDS, Row, Table
from shared.http.tensors import Float32Array
from shared.voices import sample_embeds
from synthesizer_service import inference as synthesizer
from synthesizer_service.schemas import TextRequest
from synthesizer_service.settings import Settings as SynthesizerSettings
from synthesizer_service.text import normalize
from training.evaluation.recognition import Recogniser, TimedWord
from training.evaluation.texts import TEXTS
from vocoder_service import inference as vocoder
from vocoder_service.settings import Settings as VocoderSettings

SEED = 1
LIMITS = {"median": 60.0, "95 %": 150.0}  # ms


class Speaker:
    def __init__(self) -> None:
        self._settings = SynthesizerSettings()
        self._synthesizer = synthesizer.load(self._settings)
        self._vocoder = vocoder.load(VocoderSettings())

    def speak(
        self, text: str, embed: Float32Array
    ) -> tuple[Float32Array, list[tuple[str, float, float]]]:
        """[n] at 16 kHz, and (word, start, end) of each word."""
        request = TextRequest.model_construct(text=text, embed=embed, seed=SEED, timestamps=True)
        answer = synthesizer.synthesize(self._synthesizer, request, self._settings)
        wav = np.concatenate([*self._vocoder.generate(answer["spec"], SEED, 1.0)])
        return wav, [(word["word"], word["start"], word["end"]) for word in answer["words"]]


def errors(
    words: list[tuple[str, float, float]], heard: list[TimedWord]
) -> list[tuple[float, float]]:
    """Seconds between start and start, and end and end, of each word that was recognised."""
    said = [_plain(word) for word, _, _ in words]
    matcher = SequenceMatcher(None, said, [_plain(word.text) for word in heard], autojunk=False)
    return [
        (words[a + i][1] - heard[b + i].start, words[a + i][2] - heard[b + i].end)
        for a, b, size in matcher.get_matching_blocks()
        for i in range(size)
    ]


def _plain(word: str) -> str:
    return "".join(filter(str.isalpha, normalize(word)))


@click.command()
@click.option("--sentences", default=100, show_default=True)
def main(sentences: int) -> None:
    """Show how far the word times are from those that Whisper base hears."""
    texts = [text for kind in TEXTS.values() for text in kind if " " in text]
    texts = (texts * (1 + sentences // len(texts)))[:sentences]
    speaker, recogniser, voices = Speaker(), Recogniser("base"), sample_embeds()
    found: list[tuple[float, float]] = []
    for number, text in enumerate(texts):
        wav, words = speaker.speak(text, [*voices.values()][number % len(voices)])
        found += errors(words, recogniser.words(wav))
    starts, ends = MILLISECONDS * np.abs(np.array(found)).T
    rows = [
        Row(f"{kind}: {name}", "ms", [float(np.percentile(values, share))], limit=LIMITS[name])
        for kind, values in (("start", starts), ("end", ends))
        for name, share in (("median", 50), ("95 %", 95))
    ]
    note = f"{len(found)} words of {len(texts)} sentences, beside Whisper base"
    click.echo("\n".join(Table("Word times", note, rows).lines()))


if __name__ == "__main__":
    main()
