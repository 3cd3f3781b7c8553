from dataclasses import replace
from hashlib import sha256
from typing import cast

import numpy as np
import pytest

from client.chain import Chain
from client.errors import ServiceError, Unreachable
from gateway_service.storage.database import Storage
from gateway_service.voices.cloning import clone
from gateway_service.voices.form import Sample, VoiceForm
from gateway_service.voices.library import Voice, VoiceLibrary
from shared.audio.files import read_sound
from shared.audio.media import READ_HERE
from shared.http.errors import BadGateway, InvalidRequest, NotReady, QueueFull
from shared.settings import MIB
from shared.voices import sample_embeds
from tests.support.fake_encoder import FakeEncoder
from tests.support.media_files import cut_recording, media_file, voice_file
from tests.support.stub_services import Refusal, StubServices, stub_embed


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def library(storage: Storage) -> VoiceLibrary:
    return VoiceLibrary(storage)


def cloned(encoder: FakeEncoder, library: VoiceLibrary, *samples: bytes) -> Voice:
    files = [Sample(f"{place}.wav", data) for place, data in enumerate(samples)]
    return clone(cast(Chain, encoder), library, VoiceForm("anna", "Anna said yes.", files))


def test_voice_is_kept_with_its_consent_and_verdicts(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    made = cloned(encoder, library, b"ash")
    kept = library.find(made.id)
    np.testing.assert_allclose(kept.embed, sample_embeds()["ash"], atol=1e-6)
    assert kept.consent == "Anna said yes."
    (sample,) = kept.samples
    assert sample["sha256"] == sha256(b"ash").hexdigest()
    assert (sample["file"], sample["usable"], sample["voiced_seconds"]) == ("0.wav", True, 5.0)
    assert sample["warnings"] == ["a little far away"]


def test_samples_weigh_as_much_as_they_hold_speech(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    embed = cloned(encoder, library, b"elm 9", b"hazel 1").embed
    expected = 9 * sample_embeds()["elm"] + sample_embeds()["hazel"]
    np.testing.assert_allclose(embed, expected / np.linalg.norm(expected), atol=1e-6)


def test_unreadable_sample_among_others_is_reported_and_not_used(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    voice = cloned(encoder, library, b"%PDF-1.7", b"ash")
    assert [sample["usable"] for sample in voice.samples] == [False, True]
    assert voice.samples[0]["warnings"] == [f"the sound file cannot be decoded; {READ_HERE}"]
    np.testing.assert_allclose(voice.embed, sample_embeds()["ash"], atol=1e-6)


def test_voice_of_no_usable_sample_is_refused_with_the_reasons(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    with pytest.raises(InvalidRequest, match=r"0\.wav: .*decoded.*; 1\.wav: .*decoded") as caught:
        cloned(encoder, library, b"%PDF-1.7", b"GIF89a")
    assert (caught.value.param, caught.value.code) == ("audio_sample", "unusable_samples")
    assert len(library.list()) == 6


def test_name_that_is_taken_costs_the_encoder_nothing(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    cloned(encoder, library, b"ash")
    with pytest.raises(InvalidRequest, match="already"):
        cloned(encoder, library, b"elm")
    assert encoder.heard == [b"ash"]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Unreachable("encoder", "no answer"), NotReady),
        (ServiceError("encoder", 429, "busy", retry_after=3), QueueFull),
    ],
)
def test_encoder_that_fails_makes_no_voice(
    encoder: FakeEncoder, library: VoiceLibrary, error: Exception, answer: type[Exception]
) -> None:
    encoder.error = error
    with pytest.raises(answer):
        cloned(encoder, library, b"ash")
    assert len(library.list()) == 6


def test_encoder_that_sends_no_report_makes_no_voice(library: VoiceLibrary) -> None:
    form = VoiceForm("anna", "Anna said yes.", [Sample("a.wav", b"RIFF")])
    with StubServices() as services, Chain(services.encoder.url) as chain:
        assert clone(chain, library, form).name == "anna"
        services.encoder.answer = lambda *_: {"embed": stub_embed()}
        with pytest.raises(BadGateway):
            clone(chain, library, replace(form, name="boris"))


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "aac"),
        ("webm", "libopus"),
        ("adts", "aac"),
        ("3gp", "libopencore_amrnb"),
        ("amr", "libopencore_amrnb"),
        ("asf", "wmav2"),
        ("caf", "pcm_s16be"),
    ],
)
def test_recordings_of_phones_and_browsers_reach_the_encoder_as_flac(
    encoder: FakeEncoder, library: VoiceLibrary, container: str, codec: str
) -> None:
    recorded = media_file(container, codec)
    voice = cloned(encoder, library, recorded, b"ash")
    assert voice.samples[0]["sha256"] == sha256(recorded).hexdigest()
    assert [clip[:4] for clip in encoder.heard] == [b"fLaC", b"ash"]


def test_broken_recording_of_a_phone_is_reported_and_not_used(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    voice = cloned(encoder, library, media_file("mp4", "aac")[:100], b"ash")
    assert "cannot be decoded" in voice.samples[0]["warnings"][0]


def test_cut_recording_of_a_phone_is_used_with_a_warning(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    voice = cloned(encoder, library, cut_recording(voice_file("asf", "wmav2")))
    (sample,) = voice.samples
    assert sample["usable"]
    assert "cut off" in sample["warnings"][0]


def test_ten_minutes_of_a_phone_fit_into_a_request_to_the_encoder(
    encoder: FakeEncoder, library: VoiceLibrary
) -> None:
    long = np.random.default_rng(0).normal(0, 0.1, 11 * 60 * 8_000).astype(np.float32)
    recording = media_file("adts", "aac", long, rate=8_000)
    (sample,) = cloned(encoder, library, recording).samples
    assert "first 10 minutes" in sample["warnings"][0]
    (clip,) = encoder.heard
    assert len(clip) < 16 * MIB
    assert len(read_sound(clip, 601).wav) == pytest.approx(600 * 16_000, rel=0.01)


def test_refusal_of_the_rate_is_about_the_sample(library: VoiceLibrary) -> None:
    """As the encoder refuses a file at 1 Hz: it is no fault of the encoder."""
    form = VoiceForm("anna", "Anna said yes.", [Sample("a.wav", b"RIFF")])
    with StubServices() as services, Chain(services.encoder.url) as chain:
        services.encoder.refusal = Refusal(400, "the sound file's rate is 1 Hz", param="sr")
        with pytest.raises(InvalidRequest, match=r"audio_sample: a\.wav: .*1 Hz"):
            clone(chain, library, form)
