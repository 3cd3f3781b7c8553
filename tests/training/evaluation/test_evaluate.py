import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import training.evaluation.evaluate
from cli import processes
from cli.processes import ServiceDied, ready_chain
from client.chain import Chain, Synthesis
from client.wav_stream import Int16Array
from shared.audio.files import read_sound
from shared.http.tensors import Float32Array
from shared.voices import sample_path
from tests.support.stub_judge import JUDGED, QUALITY, StubDnsmos, StubJudge, StubRecogniser
from training import TrainingError
from training.data.features import CHECKPOINTS
from training.evaluation.copies import RECORDING
from training.evaluation.evaluate import Utterance, evaluate, speak_all
from training.evaluation.texts import TEXTS
from training.evaluation.voices import Recorded, Voice, read_voices


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
    utterance = Utterance("sentences", "Four words of text.", "rowan", seconds, JUDGED, faults)
    assert utterance.failure == failure


class StubChain:
    """One frame per character; one text never ends."""

    def synthesize(self, text: str, embed: Float32Array, seed: int | None) -> Synthesis:
        endless = "boiled" in text
        spec = np.zeros((80, 1_600 if endless else len(text)), np.float32)
        return Synthesis(spec, fault="never_stopped" if endless else None)

    def vocode(self, spec: Float32Array, seed: int | None) -> Iterator[Int16Array]:
        yield np.full(200 * spec.shape[1], seed, np.int16)


def spoken(rounds: int) -> list[Utterance]:
    embeds = {name: np.full(256, 1 / 16, np.float32) for name in ("ash", "elm", "oak")}
    chain = cast(Chain, StubChain())
    return list(speak_all(chain, StubJudge(), embeds, rounds, limit=None))


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
        training.evaluation.evaluate._embeds(StubJudge(), [Voice("still", still, ())])
    with pytest.raises(TrainingError, match="--voice"):
        training.evaluation.evaluate._embeds(StubJudge(), [])


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
