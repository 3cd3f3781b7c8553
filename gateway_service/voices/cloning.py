"""From samples to a voice in the library."""

from hashlib import sha256

from client.chain import SAMPLE_RATE, Chain
from gateway_service.service_errors import as_api_errors
from gateway_service.voices.form import Sample, VoiceForm
from gateway_service.voices.library import Voice, VoiceLibrary
from gateway_service.voices.sample_verdict import HeardSample, judge, mean_embed
from shared.audio import files as audio
from shared.audio.files import encode_sound
from shared.audio.media import READ_HERE, read_media
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType

MAX_SECONDS = 60.0
"""Of a sample in a format that the encoder does not read, and so cannot measure."""
_FIELDS = dict.fromkeys(["wav", "file", "body"], "audio_sample")
"""What the encoder calls a sample."""


def clone(chain: Chain, voices: VoiceLibrary, form: VoiceForm) -> Voice:
    """Blocks while the encoder works. The samples are heard and forgotten.

    Raises InvalidRequest: a name that is taken, or no sample that can be used; what as_api_errors
    raises for an encoder that fails; StorageUnavailable.
    """
    voices.check_new(form.name)
    samples = [_hear(chain, sample) for sample in form.samples]
    verdicts = judge(samples)
    if not any(verdict.usable for verdict in verdicts):
        raise _unusable(samples)
    found = [verdict.model_dump() for verdict in verdicts]
    return voices.add(form.name, mean_embed(samples, verdicts), form.consent, found)


def _hear(chain: Chain, sample: Sample) -> HeardSample:
    digest = sha256(sample.data).hexdigest()
    try:
        with as_api_errors(_FIELDS):
            embed, report = chain.embed_with_report(_for_the_encoder(sample.data))
    except (InvalidRequest, UnsupportedMediaType, TooLarge) as error:
        # The encoder tells of what it reads itself, which is less. (The words
        # of one of another version stay.)
        problem = error.message.removeprefix("audio_sample: ").replace(audio.READ_HERE, READ_HERE)
        return HeardSample(sample.file, digest, problem=problem)
    return HeardSample(sample.file, digest, embed, report)


def _for_the_encoder(data: bytes) -> bytes:
    """MP4 (.m4a), WebM and AAC, as phones and browsers record, become WAV; all else stays."""
    is_aac = len(data) > 1 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0
    if data[4:8] == b"ftyp" or data[:4] == b"\x1aE\xdf\xa3" or is_aac:
        return encode_sound(read_media(data, SAMPLE_RATE, MAX_SECONDS), SAMPLE_RATE, "wav")
    return data


def _unusable(samples: list[HeardSample]) -> InvalidRequest:
    problems = "; ".join(f"{sample.file}: {sample.problem}" for sample in samples)
    return InvalidRequest(
        f"audio_sample: {problems}", param="audio_sample", code="unusable_samples"
    )
