"""A stand-in for the encoder without HTTP, with a fixed report for each sample."""

from client.chain import EmbeddedClip
from client.errors import ServiceError
from shared.audio.clip_report import ClipReport
from shared.audio.files import READ_HERE
from shared.voices import sample_embeds

WEIGHTS = "e" * 64
"""The hash of its weights."""


class FakeEncoder:
    """b"ash" is a sample of the preset ash; b"ash 7.5" one that holds so many seconds of speech.
    A FLAC file is one of ash, too.

    heard: the received samples. error: raised by each call if set.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.error: Exception | None = None

    def embed_with_report(self, clip: bytes) -> EmbeddedClip:
        if self.error:
            raise self.error
        self.heard.append(clip)
        text = "ash" if clip.startswith(b"fLaC") else clip.decode(errors="replace")
        name, _, seconds = text.partition(" ")
        if name not in sample_embeds():
            raise ServiceError(
                "encoder", 415, f"the sound file cannot be decoded; {READ_HERE}", param="file"
            )
        voiced = float(seconds or 5)
        report = ClipReport(voiced + 1, voiced, 0.0, -20.0, 40.0, warnings=("a little far away",))
        return EmbeddedClip(sample_embeds()[name], report, WEIGHTS)
