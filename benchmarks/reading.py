"""Word error rate of Whisper base on synthesized speech, by kind of text.

python -m benchmarks.reading [--lines N] [--voice NAME] [--said FILE]: speaks N lines of each kind
in the tests' corpus with the bundled weights, and compares Whisper base's transcripts with the
readings in the corpus. FILE holds other readings of the lines (written, tab, said), such as those
of another version, to be measured beside ours. Needs the extra `train`.
"""

from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np

from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY
from shared.voices import DEFAULT_VOICE, sample_embeds
from synthesizer_service import inference as synthesizer
from synthesizer_service.schemas import CharsRequest
from synthesizer_service.settings import Settings as SynthesizerSettings
from synthesizer_service.text import ids_of, normalize
from training.evaluation.recognition import Recogniser, edits
from vocoder_service import inference as vocoder
from vocoder_service.settings import Settings as VocoderSettings

CORPUS = REPOSITORY / "tests/synthesizer_service/text/corpus.tsv"
SEED = 1


class Speaker:
    """The bundled synthesizer and vocoder in one voice."""

    def __init__(self, voice: str) -> None:
        self._settings = SynthesizerSettings()
        self._synthesizer = synthesizer.load(self._settings)
        self._vocoder = vocoder.load(VocoderSettings())
        self._embed = sample_embeds()[voice]

    def speak(self, said: str) -> Float32Array:
        """[n] samples at 16 kHz in ±1. said: normalized text."""
        request = CharsRequest.model_construct(
            chars=np.array([ids_of(said)]), batched_embeds=self._embed[None], seed=SEED
        )
        mel = synthesizer.synthesize(self._synthesizer, request, self._settings)["mel"][0]
        return np.concatenate([*self._vocoder.generate(mel, SEED, 1.0)])


def corpus(lines: int) -> dict[str, list[tuple[str, str]]]:
    """(written, said) by kind, `lines` of each, evenly spaced."""
    kinds: dict[str, list[tuple[str, str]]] = defaultdict(list)
    kind = ""
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        written, tab, said = line.partition("\t")
        if tab:
            kinds[kind].append((written, said))
        else:
            kind = line.removeprefix("# ")
    return {
        kind: [*islice(all_lines, 0, None, max(1, len(all_lines) // lines))][:lines]
        for kind, all_lines in kinds.items()
    }


def words_wrong(meant: str, heard: str) -> int:
    """Word edits between two texts, however numbers and initialisms are written."""
    return edits(_words(meant), _words(normalize(heard)))


def _words(said: str) -> list[str]:
    return "".join(c if c.isalpha() or c == "'" else " " for c in said).split()


@click.command()
@click.option("--lines", default=4, show_default=True, help="Lines of each kind.")
@click.option("--voice", default=DEFAULT_VOICE, show_default=True)
@click.option(
    "--said", type=click.Path(exists=True, path_type=Path), help="Other readings to compare."
)
@click.option("--show", is_flag=True, help="Show what was heard of each line.")
def main(lines: int, voice: str, said: Path | None, show: bool) -> None:
    """Measure the share of words that Whisper base hears wrong, by kind of text."""
    others = dict(line.split("\t") for line in said.read_text().splitlines()) if said else {}
    totals: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
    recogniser, speaker = Recogniser("base"), Speaker(voice)
    for kind, chosen in corpus(lines).items():
        counts = np.zeros(3, np.int64)  # words, wrong in this reading, wrong in the other
        for written, meant in chosen:
            heard = [recogniser.transcribe(speaker.speak(normalize(written)))]
            if written in others:
                heard.append(recogniser.transcribe(speaker.speak(others[written])))
            counts += [len(_words(meant)), *_padded([words_wrong(meant, h) for h in heard])]
            if show:
                click.echo(f"  {written!r}: {' | '.join(heard)}")
        totals[kind] = counts
        click.echo(_row(kind, counts, bool(others)))
    click.echo(_row("all", np.sum([*totals.values()], axis=0), bool(others)))


def _padded(wrong: list[int]) -> list[int]:
    return [*wrong, 0][:2]


def _row(kind: str, counts: Any, second: bool) -> str:
    words, wrong, other = map(int, counts)
    row = f"{kind:24} {words:4} words  {100 * wrong / max(1, words):5.1f} % wrong"
    return row + (f"   other reading {100 * other / max(1, words):5.1f} %" if second else "")


if __name__ == "__main__":
    main()
