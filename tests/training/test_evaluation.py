import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import training.evaluate
from client.chain import Chain, Synthesis
from client.processes import ServiceDied
from client.wav_stream import Int16Array
from encoder_service.preprocess import resample
from shared.audio import read_sound
from shared.mel import mel_spectrogram
from shared.samples import sample_path
from shared.tensors import Float32Array
from training.errors import TrainingError
from training.evaluate import Copy, Evaluation, Judge, Utterance, evaluate, read_voices, speak_all
from training.evaluation_table import markdown
from training.evaluation_texts import FORTY_WORDS, SENTENCES, TEXTS
from training.features import CHECKPOINTS
from training.griffin_lim import griffin_lim
from training.recognition import Errors, edits

PERFECT = Errors(words=0, of_words=4, characters=0, of_characters=18)
GOOD = Utterance(
    kind="sentences",
    text="Four words of text.",
    voice="rowan",
    heard="four words of text",
    seconds=1.6,
    errors=PERFECT,
    likeness=0.9,
    faults=(),
)


def test_edits_count_what_is_missing_added_and_replaced() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits(["same", "words", "here"], ["same", "here", "too"]) == 2


def test_writing_does_not_count_as_an_error() -> None:
    said = "In 1987, DR. ELLIS paid $27.50."
    heard = "in nineteen eighty-seven doctor Ellis paid 27 dollars fifty cents"
    same = Errors.between(said, heard)
    assert (same.words, same.characters) == (0, 0)
    assert Errors.between("a grey harbour", "A gray harbor.").words == 0
    wrong = Errors.between("a red door", "a bread door")
    assert (wrong.words, wrong.of_words, wrong.characters) == (1, 3, 2)


@pytest.mark.parametrize(
    ("seconds", "faults", "failed"),
    [(1.6, (), False), (0.3, (), True), (9.0, (), True), (1.6, ("repeated",), True)],
)
def test_length_far_off_and_an_attention_astray_are_failures(
    seconds: float, faults: tuple[str, ...], failed: bool
) -> None:
    assert replace(GOOD, seconds=seconds, faults=faults).failed == failed


def test_table_sums_up_words_not_rates() -> None:
    long = replace(GOOD, errors=Errors(6, 6, 12, 36), likeness=None, faults=("repeated",))
    copies = [Copy("rowan", maker, PERFECT, 0.8) for maker in ("vocoder", "Griffin-Lim")]
    table = markdown(Evaluation([GOOD, long], copies, [0.95], [0.5, 0.7]))
    assert "| **all texts** | 2 | 60.0 % | 22.2 % | 0.90 | 1 of 2 |" in table
    assert "| copy by vocoder | 1 | 0.0 % | 0.0 % | 0.80 |  |" in table
    assert "| two speakers | 2 |  |  | 0.60 |  |" in table
    assert {line.count("|") for line in table.splitlines()} == {7}


def test_texts_are_what_they_are_called() -> None:
    assert len(set(SENTENCES)) == 40
    assert [len(text.split()) for text in FORTY_WORDS] == [40, 40]
    assert all(len(text.split()) == 1 for text in TEXTS["one word"])
    assert all(any(map(str.isdigit, text)) for text in TEXTS["numbers"])
    assert all(text.endswith("?") for text in TEXTS["questions"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of librosa's own dependencies
def test_griffin_lim_gives_the_mel_back() -> None:
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    wav = resample(clip.wav, clip.rate)[:3_200]
    mel = mel_spectrogram(wav)
    copy = griffin_lim(mel)
    assert len(copy) == len(wav)
    assert np.abs(mel_spectrogram(copy) - mel).mean() < 0.5


class FakeChain:
    """A mel of a frame a character, which sounds for as long; one text never ends."""

    def synthesize(self, text: str, embed: Float32Array, seed: int | None) -> Synthesis:
        endless = "boiled" in text
        spec = np.zeros((80, 1_600 if endless else len(text)), np.float32)
        return Synthesis(spec, fault="never_stopped" if endless else None)

    def vocode(self, spec: Float32Array, seed: int | None) -> Iterator[Int16Array]:
        yield np.full(200 * spec.shape[1], seed, np.int16)


class FakeJudge:
    """Hears nothing, and the same voice everywhere but in silence of one sample."""

    def heard(self, wav: Float32Array) -> str:
        return ""

    def embed(self, wav: Float32Array) -> Float32Array | None:
        return None if len(wav) == 1 else np.full(256, 1 / 16, np.float32)


def spoken(rounds: int) -> list[Utterance]:
    clips = {name: np.zeros(100, np.float32) for name in ("ash", "elm", "oak")}
    chain, judge = cast(Chain, FakeChain()), cast(Judge, FakeJudge())
    return list(speak_all(chain, judge, clips, rounds, limit=None))


def test_every_text_is_spoken_once_a_round_and_voices_take_turns() -> None:
    utterances = spoken(rounds=3)
    texts = [text for texts in TEXTS.values() for text in texts]
    assert len(utterances) == 3 * len(texts)
    assert {(u.text, u.voice) for u in utterances} == {
        (text, voice) for text in texts for voice in ("ash", "elm", "oak")
    }


def test_utterance_is_judged_by_what_came_back() -> None:
    by_text = {utterance.text: utterance for utterance in spoken(rounds=1)}
    [endless] = [utterance for text, utterance in by_text.items() if "boiled" in text]
    assert endless.faults == ("never_stopped",)
    assert endless.failed
    hello = by_text["Hello."]
    assert (hello.faults, hello.errors.words, hello.errors.of_words) == ((), 1, 1)
    assert hello.seconds == pytest.approx(6 * 200 / 16_000)
    assert hello.likeness == pytest.approx(1)


def test_clip_without_a_voice_is_named() -> None:
    clips = {"oak": np.zeros(100, np.float32), "still": np.zeros(1, np.float32)}
    chain, judge = cast(Chain, FakeChain()), cast(Judge, FakeJudge())
    with pytest.raises(TrainingError, match="no voice in still"):
        next(speak_all(chain, judge, clips, rounds=1, limit=1))


def test_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    other = tmp_path / sample_path("rowan").name
    shutil.copy(sample_path("rowan"), other)
    assert [*read_voices([other])] == ["rowan"]
    with pytest.raises(TrainingError, match="two clips are called rowan"):
        read_voices([sample_path("rowan"), other])
    with pytest.raises(TrainingError, match="--voice"):
        read_voices([])


class Parrot:
    """Stands in for the recogniser, which the extra `dev` does not hold."""

    def transcribe(self, wav: Float32Array) -> str:
        return "hello"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of librosa's own dependencies
def test_bundled_voice_is_evaluated_through_the_services(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(training.evaluate, "TEXTS", {"one word": ("Hello.",)})
    monkeypatch.setattr(training.evaluate, "Recogniser", Parrot)
    details = tmp_path / "details.jsonl"
    details.write_text("of another evaluation")
    found = evaluate(CHECKPOINTS, [sample_path("rowan"), sample_path("hazel")], details=details)
    [spoken] = found.utterances
    assert (spoken.text, spoken.voice, spoken.faults, spoken.errors.words) == (
        "Hello.", "hazel", (), 0,
    )  # fmt: skip
    assert spoken.likeness is not None
    assert 0.5 < spoken.likeness < 1
    assert [(copy.voice, copy.maker) for copy in found.copies] == [
        ("rowan", "vocoder"), ("rowan", "Griffin-Lim"),
        ("hazel", "vocoder"), ("hazel", "Griffin-Lim"),
    ]  # fmt: skip
    assert min(found.two_halves) > max(found.two_speakers)
    lines = [json.loads(line) for line in details.read_text().splitlines()]
    assert [line["voice"] for line in lines] == ["hazel", "rowan", "rowan", "hazel", "hazel"]


def test_the_log_of_a_service_that_fails_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training.evaluate, "Recogniser", Parrot)
    monkeypatch.setattr(training.evaluate, "SERVICES", ["vocoder"])
    (tmp_path / "encoder").symlink_to(CHECKPOINTS / "encoder")
    with pytest.raises(ServiceDied, match="its log says why"):
        evaluate(tmp_path, [sample_path("rowan")])
    assert str(tmp_path / "vocos") in capfd.readouterr().err
