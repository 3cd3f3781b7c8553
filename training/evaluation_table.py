"""The evaluation as one table in Markdown."""

from collections.abc import Iterator, Sequence

from training.evaluate import Copy, Evaluation, Utterance
from training.recognition import Errors

MAKERS = ("vocoder", "Griffin-Lim")


def markdown(evaluation: Evaluation) -> str:
    """Rates in per cent of all that was said; likeness is a mean of cosines."""
    return "".join(f"| {' | '.join(row)} |\n" for row in _rows(evaluation))


def _rows(evaluation: Evaluation) -> Iterator[Sequence[str]]:
    yield "", "clips", "words wrong", "letters wrong", "likeness", "attention failures"
    yield "---", "---:", "---:", "---:", "---:", "---:"
    spoken = evaluation.utterances
    for kind in dict.fromkeys(utterance.kind for utterance in spoken):
        yield _spoken(kind, [one for one in spoken if one.kind == kind])
    for voice in sorted({utterance.voice for utterance in spoken}):
        yield _spoken(f"voice {voice}", [one for one in spoken if one.voice == voice])
    yield _spoken("**all texts**", spoken)
    for maker in MAKERS:
        yield _copied(f"copy by {maker}", [one for one in evaluation.copies if one.maker == maker])
    yield _likeness("two halves of one clip", evaluation.two_halves)
    yield _likeness("two speakers", evaluation.two_speakers)


def _spoken(name: str, utterances: Sequence[Utterance]) -> Sequence[str]:
    failures = sum(utterance.failed for utterance in utterances)
    return *_judged(name, utterances), f"{failures} of {len(utterances)}"


def _copied(name: str, copies: Sequence[Copy]) -> Sequence[str]:
    return *_judged(name, copies), ""


def _judged(name: str, results: Sequence[Utterance] | Sequence[Copy]) -> Sequence[str]:
    errors: list[Errors] = [result.errors for result in results]
    words = _share(sum(e.words for e in errors), sum(e.of_words for e in errors))
    letters = _share(sum(e.characters for e in errors), sum(e.of_characters for e in errors))
    likeness = [result.likeness for result in results if result.likeness is not None]
    return name, str(len(results)), words, letters, _mean(likeness)


def _likeness(name: str, values: Sequence[float]) -> Sequence[str]:
    return name, str(len(values)), "", "", _mean(values), ""


def _share(wrong: int, of: int) -> str:
    return f"{100 * wrong / of:.1f} %" if of else "–"


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else "–"
