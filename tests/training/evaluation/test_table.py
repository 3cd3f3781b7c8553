from dataclasses import replace

from tests.support.stub_judge import JUDGED, PERFECT
from training.evaluation.copies import RECORDING, Copy
from training.evaluation.evaluate import Evaluation, Utterance
from training.evaluation.recognition import Errors
from training.evaluation.table import copies_markdown, markdown

GOOD = Utterance(
    kind="sentences",
    text="Four words of text.",
    voice="rowan",
    seconds=1.6,
    judged=JUDGED,
    faults=(),
)


def cells(table: str, row: str) -> list[str]:
    [line] = [line for line in table.splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_table_averages_over_words_and_names_failures() -> None:
    wrong = replace(JUDGED, errors={"tiny.en": Errors(6, 6, 12, 36), "base": PERFECT})
    long = replace(GOOD, judged=replace(wrong, likeness=None), faults=("repeated",))
    copies = [Copy("rowan", maker, JUDGED, 0.125) for maker in (RECORDING, "Vocos", "Griffin-Lim")]
    table = markdown(Evaluation([GOOD, long], copies, [0.95], [0.5, 0.7]))
    assert cells(table, "**all texts**") == [
        "2", "3.00", "3.50", "4.00", "3.25", "0.90", "0.0 %", "60.0 %", "", "1 of 2",
    ]  # fmt: skip
    assert cells(table, "copies by Vocos")[-4:] == ["0.0 %", "0.0 %", "0.125", ""]
    assert cells(table, "two speakers")[5] == "0.60"
    assert "words wrong, base | words wrong, tiny.en" in table
    assert table.endswith("\nFailures: 1 repeated.\n")
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {12}


def test_table_of_copies_has_no_empty_columns() -> None:
    unheard = replace(JUDGED, heard={}, errors={})
    copies = [Copy("rowan", maker, unheard, 0.125) for maker in (RECORDING, "Griffin-Lim")]
    table = copies_markdown(copies)
    assert cells(table, "recordings") == ["1", "3.00", "3.50", "4.00", "3.25", "0.90", "0.125"]


def test_likeness_is_averaged_over_voices() -> None:
    often = [replace(GOOD, judged=replace(JUDGED, likeness=0.9))] * 3
    rarely = replace(GOOD, voice="elm", judged=replace(JUDGED, likeness=0.5))
    table = markdown(Evaluation([*often, rarely], [], [], []))
    assert cells(table, "**all texts**")[5] == "0.70"
