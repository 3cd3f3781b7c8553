"""A stand-in for the encoder without HTTP, with a fixed report for each sample."""

from client.chain import ClipReport
from client.errors import ServiceError
from shared.audio.files import READ_HERE
from shared.http.tensors import Float32Array
from shared.voices import sample_embeds


class FakeEncoder:
    """Samples are b"ash", a clip of the preset ash, or b"ash 7.5", one with 7.5 s of speech.

    heard: the received samples. error: raised by each call if set.
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
        report = ClipReport(voiced + 1, voiced, 0.0, -20.0, 40.0, warnings=("a little far away",))
        return sample_embeds()[name], report
