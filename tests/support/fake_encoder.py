"""The encoder as `clone` sees it, without HTTP: what a sample is said to hold is fixed."""

from client.chain import ClipReport
from client.errors import ServiceError
from shared.audio.files import READ_HERE
from shared.http.tensors import Float32Array
from shared.voices import sample_embeds

WEIGHTS = "e" * 64
"""The hash of its weights."""


class FakeEncoder:
    """b"ash" is a sample of the preset ash; b"ash 7.5" one that holds so many seconds of speech.

    heard: the samples that came. error: is raised while it is set.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.error: Exception | None = None

    def embed_with_report(self, clip: bytes) -> tuple[Float32Array, ClipReport]:
        if self.error:
            raise self.error
        self.heard.append(clip)
        name, _, seconds = clip.decode(errors="replace").partition(" ")
        if name not in sample_embeds():
            raise ServiceError(
                "encoder", 415, f"the sound file cannot be decoded; {READ_HERE}", param="file"
            )
        voiced = float(seconds or 5)
        report = ClipReport(
            voiced + 1, voiced, 0.0, -20.0, 40.0, ("a little far away",), encoder=WEIGHTS
        )
        return sample_embeds()[name], report
