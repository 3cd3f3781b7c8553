"""The evaluation as a Markdown table."""

from collections import Counter
from collections.abc import Iterator, Sequence

from training.evaluation.copies import GRIFFIN_LIM, RECORDING, Copy
from training.evaluation.evaluate import Evaluation, Utterance
from training.evaluation.judging import Judgement
from training.evaluation.recognition import RECOGNISERS

COLUMNS = (
    "", "clips", "OVRL", "SIG", "BAK", "P808", "likeness",
    *(f"words wrong, {name}" for name in reversed(RECOGNISERS)), "mel L1", "failures",
)  # fmt: skip

Results = Sequence[Utterance] | Sequence[Copy]


def markdown(evaluation: Evaluation) -> str:
    """The table of an evaluation and its failures.

    OVRL to P808 are means of DNSMOS; likeness is the mean over voices of mean cosines; word errors
    are in per cent of all words.
    """
    spoken = evaluation.utterances
    rows = [*_spoken_rows(spoken), *_copied_rows(evaluation.copies)]
    rows.append(_likeness("two halves of one clip", evaluation.two_halves))
    rows.append(_likeness("two speakers", evaluation.two_speakers))
    failures = Counter(one.failure for one in spoken if one.failure)
    named = ", ".join(f"{count} {failure}" for failure, count in sorted(failures.items()))
    return f"{_table(rows)}\nFailures: {named or 'none'}.\n"


def copies_markdown(copies: Sequence[Copy]) -> str:
    """The table of copies alone, without empty columns."""
    return _table([*_copied_rows(copies)])


def _table(rows: Sequence[Sequence[str]]) -> str:
    used = [at for at in range(len(COLUMNS)) if any(row[at] not in ("", "–") for row in rows)]
    rule = ["---", *["---:"] * (len(COLUMNS) - 1)]
    return "".join(f"| {' | '.join(row[at] for at in used)} |\n" for row in (COLUMNS, rule, *rows))


def _spoken_rows(spoken: Sequence[Utterance]) -> Iterator[Sequence[str]]:
    for kind in dict.fromkeys(utterance.kind for utterance in spoken):
        yield _spoken(kind, [one for one in spoken if one.kind == kind])
    for voice in sorted({utterance.voice for utterance in spoken}):
        yield _spoken(f"voice {voice}", [one for one in spoken if one.voice == voice])
    yield _spoken("**all texts**", spoken)


def _spoken(name: str, utterances: Sequence[Utterance]) -> Sequence[str]:
    failures = sum(utterance.failure is not None for utterance in utterances)
    return *_judged(name, utterances), "", f"{failures} of {len(utterances)}"


def _copied_rows(copies: Sequence[Copy]) -> Iterator[Sequence[str]]:
    """Recordings first, Griffin-Lim last."""
    makers = {one.maker for one in copies} - {RECORDING, GRIFFIN_LIM}
    for maker in (RECORDING, *sorted(makers), GRIFFIN_LIM):
        name = "recordings" if maker == RECORDING else f"copies by {maker}"
        made = [one for one in copies if one.maker == maker]
        yield *_judged(name, made), _mean([one.mel_error for one in made], 3), ""


def _judged(name: str, results: Results) -> Sequence[str]:
    judged = [result.judged for result in results]
    qualities = [
        _mean([getattr(one.quality, score) for one in judged])
        for score in ("ovrl", "sig", "bak", "p808")
    ]
    words = [_words_wrong(judged, recogniser) for recogniser in reversed(RECOGNISERS)]
    return name, str(len(results)), *qualities, _mean(_by_voice(results)), *words


def _words_wrong(judged: Sequence[Judgement], recogniser: str) -> str:
    errors = [one.errors[recogniser] for one in judged if recogniser in one.errors]
    wrong, said = sum(one.words for one in errors), sum(one.of_words for one in errors)
    return f"{100 * wrong / said:.1f} %" if said else "–"


def _by_voice(results: Results) -> list[float]:
    """Mean likeness of each voice that the encoder found."""
    found: dict[str, list[float]] = {}
    for result in results:
        if result.judged.likeness is not None:
            found.setdefault(result.voice, []).append(result.judged.likeness)
    return [sum(values) / len(values) for values in found.values()]


def _likeness(name: str, values: Sequence[float]) -> Sequence[str]:
    blank = [""] * len(RECOGNISERS)
    return name, str(len(values)), "", "", "", "", _mean(values), *blank, "", ""


def _mean(values: Sequence[float], digits: int = 2) -> str:
    return f"{sum(values) / len(values):.{digits}f}" if values else "–"
