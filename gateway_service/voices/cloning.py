"""Cloning: from samples to a verdict on each, and to a voice in the library."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from client.chain import SAMPLE_RATE, Chain
from gateway_service.service_calls import as_api_errors
from gateway_service.voices.form import Sample, VoiceForm
from gateway_service.voices.library import Voice, VoiceLibrary
from gateway_service.voices.sample_checks import checked
from gateway_service.voices.sample_verdict import HeardSample, judge, mean_embed
from gateway_service.voices.schemas import SampleCheck
from shared.audio import files as audio
from shared.audio.files import MAX_READ_SECONDS, encode_flac
from shared.audio.media import READ_HERE, stream_media
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.tensors import Float32Array

_FIELDS = dict.fromkeys(["wav", "file", "body", "sr"], "audio_sample")
"""The encoder's names for a sample and its parts."""
_MEDIA_STARTS = (
    b"\x1aE\xdf\xa3",  # WebM, Matroska
    b"#!AMR",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: WMA
    b"caff",
)
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")


def clone(chain: Chain, voices: VoiceLibrary, form: VoiceForm) -> Voice:
    """Make a voice. Blocks while the encoder works. The samples are not kept.

    Raises InvalidRequest if the name is taken or no sample is usable, the errors of as_api_errors
    if the encoder fails, and StorageUnavailable.
    """
    voices.check_new(form.name)
    samples = _usable_samples(chain, form.samples)
    verdicts = judge(samples)
    found = [verdict.model_dump() for verdict in verdicts]
    return voices.add(form.name, mean_embed(samples, verdicts), form.consent, found)


def check_samples(chain: Chain, samples: Sequence[Sample]) -> list[SampleCheck]:
    """Judge samples and keep nothing. Raises as `clone`."""
    heard = _usable_samples(chain, samples)
    return [
        checked(verdict, sample.clip.report if sample.clip else None)
        for verdict, sample in zip(judge(heard), heard, strict=True)
    ]


def _usable_samples(chain: Chain, samples: Sequence[Sample]) -> list[HeardSample]:
    """Raises InvalidRequest if none is usable."""
    heard = [_hear(chain, sample) for sample in samples]
    if any(sample.clip for sample in heard):
        return heard
    problems = "; ".join(f"{sample.file}: {sample.problem}" for sample in heard)
    raise InvalidRequest(f"audio_sample: {problems}", param="audio_sample", code="unusable_samples")


def _hear(chain: Chain, sample: Sample) -> HeardSample:
    digest = sha256(sample.data).hexdigest()
    warnings: list[str] = []
    try:
        data = _for_the_encoder(sample.data, warnings) if _is_media(sample.data) else sample.data
        with as_api_errors(_FIELDS):
            clip = chain.embed_with_report(data)
    except (InvalidRequest, UnsupportedMediaType, TooLarge) as error:
        # The encoder lists the formats that it reads itself, which are fewer.
        problem = error.message.removeprefix("audio_sample: ").replace(audio.READ_HERE, READ_HERE)
        return HeardSample(sample.file, digest, problem=problem)
    return HeardSample(sample.file, digest, clip, file_warnings=tuple(warnings))


def _is_media(data: bytes) -> bool:
    """A format that phones, browsers and recorders write, and that the encoder does not read."""
    is_aac = len(data) > 1 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0
    return is_aac or data[4:8] in _MP4_BOXES or data.startswith(_MEDIA_STARTS)


def _for_the_encoder(data: bytes, warnings: list[str]) -> bytes:
    """A FLAC file of the first sound track, at 16 kHz: ten minutes fit into a request."""

    def sound() -> Iterator[Float32Array]:
        try:
            yield from stream_media(data, SAMPLE_RATE, MAX_READ_SECONDS, warnings)
        except TooLarge:
            warnings.append(
                f"only the first {MAX_READ_SECONDS / 60:g} minutes of the file were read; "
                "ten seconds of a voice are plenty"
            )

    return encode_flac(sound(), SAMPLE_RATE)
