"""The way from sound to embedding, against RTVC's own."""

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encoder_service import embedding
from encoder_service.embedding import embed_utterance
from encoder_service.features import Array, mel_frames, partial_starts
from encoder_service.hparams import Hparams
from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import preprocess
from shared.checkpoints import reading as checkpoints

REPOSITORY = Path(__file__).parents[2]
TINY = Hparams(model_hidden_size=8, model_embedding_size=16, model_num_layers=1)
VOICES = ("p240_00000", "1320_00000", "3575_00000")


@pytest.fixture(scope="module")
def official() -> SpeakerEncoder:
    model = SpeakerEncoder(Hparams())
    checkpoints.load_into(model, checkpoints.load(REPOSITORY / "checkpoints/encoder").state_dict)
    return model.eval().requires_grad_(False)


@pytest.fixture
def tiny() -> SpeakerEncoder:
    torch.manual_seed(0)
    return SpeakerEncoder(TINY).eval().requires_grad_(False)


@pytest.fixture(params=VOICES)
def voice(request: pytest.FixtureRequest, golden: Path) -> Mapping[str, Any]:
    vectors = np.load(golden / "encoder.npz")
    keys = [key for key in vectors if key.startswith(request.param)]
    return {key.partition("/")[2]: vectors[key] for key in keys}


@pytest.fixture
def preprocessed(voice: Mapping[str, Any]) -> Array:
    return preprocess(voice["wav"] / np.float32(32768), int(voice["sr"]))


def tones(seconds: float) -> Array:
    """Sound whose partials differ from each other."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    return (0.1 * np.sin(2 * np.pi * (300 + 40 * t) * t)).astype(np.float32)


def test_preprocessing_equals_rtvc(voice: Mapping[str, Any], preprocessed: Array) -> None:
    assert preprocessed.dtype == np.float32
    assert len(preprocessed) == voice["pre_len"]


def test_features_equal_rtvc(voice: Mapping[str, Any], preprocessed: Array) -> None:
    frames = mel_frames(preprocessed, Hparams())
    assert frames.shape == tuple(voice["mel_shape"])
    head = voice["mel_head"]
    # The reference divided its samples by 32767, so its powers are 6e-5 of themselves higher.
    np.testing.assert_allclose(frames[: len(head)], head, rtol=1e-4, atol=1e-4)
    starts = [160 * start for start in partial_starts(len(preprocessed), Hparams())]
    assert starts == voice["slice_starts"].tolist()


def test_embeddings_equal_rtvc(
    official: SpeakerEncoder, voice: Mapping[str, Any], preprocessed: Array
) -> None:
    heard = embed_utterance(official, preprocessed)
    np.testing.assert_allclose(heard.partials, voice["partial_embeds"], atol=1e-4)
    np.testing.assert_allclose(heard.embed, voice["embed"], atol=1e-4)
    assert heard.voiced_seconds == voice["pre_len"] / 16_000


def test_embedding_has_unit_length_and_no_negative_part(tiny: SpeakerEncoder) -> None:
    heard = embed_utterance(tiny, tones(4))
    assert heard.embed.dtype == np.float32
    assert heard.embed.shape == (16,)
    assert heard.embed.min() >= 0
    assert np.linalg.norm(heard.embed) == pytest.approx(1, abs=1e-6)


def test_short_clip_is_padded_with_silence(tiny: SpeakerEncoder) -> None:
    clip = tones(0.5)
    heard, padded = embed_utterance(tiny, clip), np.pad(clip, (0, 25_600 - len(clip)))
    assert len(heard.partials) == 1
    np.testing.assert_allclose(heard.embed, embed_utterance(tiny, padded).embed, atol=1e-6)
    assert heard.voiced_seconds == 0.5


def test_batches_are_bounded_and_do_not_show(
    tiny: SpeakerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = embed_utterance(tiny, tones(6))
    sizes: list[int] = []
    tiny.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    monkeypatch.setattr(embedding, "PARTIALS_PER_BATCH", 3)
    np.testing.assert_allclose(embed_utterance(tiny, tones(6)).partials, whole.partials, atol=1e-6)
    assert sizes == [3, 3, 1]


def test_concurrent_requests_do_not_mix(tiny: SpeakerEncoder) -> None:
    clips = [tones(1 + i / 4) for i in range(12)]
    alone = [embed_utterance(tiny, clip).embed for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: embed_utterance(tiny, clip).embed, clips))
    np.testing.assert_array_equal(together, alone)


def test_import_brings_no_sound_libraries_that_a_small_machine_cannot_afford() -> None:
    heavy = {"librosa", "numba", "scipy", "sklearn"}
    code = (
        "import sys, encoder_service.embedding, encoder_service.preprocess;"
        f"assert not {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
