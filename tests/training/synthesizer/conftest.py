import pytest

import training.synthesizer.recogniser_loss
from tests.support.tiny_training import tiny_data
from training.data.clips import ClipFolder
from training.synthesizer.recogniser_loss import phoneme_ids


class Speller:
    """A stub of espeak: letters as phonemes, some with stress or length."""

    def phonemize(self, text: str, language: str) -> str:
        return text.lower().replace("e", "ˈeː").replace("q", "ʔ")


@pytest.fixture
def speller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.synthesizer.recogniser_loss, "_tokenizer", Speller)
    phoneme_ids.cache_clear()


@pytest.fixture(scope="session")
def long_clips(tmp_path_factory: pytest.TempPathFactory) -> ClipFolder:
    """Five clips long enough for their texts. Read-only."""
    return tiny_data(tmp_path_factory.mktemp("long-clips"), frames=40)
