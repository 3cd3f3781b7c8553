import io
import re
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from shared.audio import files as audio
from shared.audio.formats import listed
from shared.audio.media import READ_FORMATS, READ_HERE, read_media, stream_media
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from tests.conftest import REPOSITORY
from tests.support.media_files import (
    RATE,
    SECONDS,
    cut_recording,
    media_file,
    sound_file,
    voice_file,
)


@pytest.mark.parametrize(
    "data",
    [
        sound_file("WAV"),
        sound_file("FLAC", channels=2),
        sound_file("AIFF"),
        media_file("mp3", "libmp3lame"),
        media_file("ogg", "libopus"),
        media_file("adts", "aac"),
        media_file("mp4", "aac"),
        media_file("webm", "libopus"),
        media_file("amr", "libopencore_amrnb"),
        media_file("3gp", "libopencore_amrnb"),
        media_file("asf", "wmav2"),
        media_file("asf", "wmav1"),
    ],
    ids=["wav", "flac", "aiff", "mp3", "ogg", "aac", "mp4", "webm", "amr", "3gp", "wma", "wma1"],
)
def test_usual_kinds_are_read_as_mono_at_the_rate_asked_for(data: bytes) -> None:
    wav = read_media(data, 16_000, max_seconds=10)
    assert wav.dtype == np.float32
    assert len(wav) == pytest.approx(SECONDS * 16_000, abs=0.1 * 16_000)  # codecs pad
    loudest = np.abs(np.fft.rfft(wav[4_000:20_000])).argmax()
    assert loudest == pytest.approx(440, abs=2)
    assert 0.4 < np.abs(wav).max() < 0.8  # FFmpeg adds channels up by power


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9])
def test_values_that_are_no_sound_are_refused(value: float) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full(RATE, value), RATE, format="WAV", subtype="FLOAT")
    with pytest.raises(InvalidRequest, match="not finite"):
        read_media(file.getvalue(), RATE, max_seconds=10)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"nothing of the kind" * 100])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaType, match=re.escape(READ_HERE)):
        read_media(data, 16_000, max_seconds=10)


def test_formats_are_those_that_documents_and_page_list() -> None:
    of_the_encoder = (REPOSITORY / "docs/api.md").read_text()
    assert f"a sound file: {listed(audio.READ_FORMATS)}. " in of_the_encoder
    of_the_gateway = (REPOSITORY / "docs/gateway.md").read_text()
    assert f"(a sound file: {listed(READ_FORMATS)}; " in of_the_gateway
    page = (REPOSITORY / "gateway_service/page/static/index.html").read_text()
    for name in READ_FORMATS:
        assert f",.{name.split()[0].lower()}" in page


def test_playlist_does_not_lead_to_other_files(tmp_path: Path) -> None:
    (tmp_path / "other.wav").write_bytes(sound_file("WAV"))
    name = tmp_path / "other.wav"
    for playlist in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{name}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{name}'\n",
    ):
        with pytest.raises(UnsupportedMediaType):
            read_media(playlist.encode(), 16_000, max_seconds=10)


@pytest.mark.parametrize(("rate", "channels"), [(1, 1), (3_999, 1), (192_001, 1), (16_000, 9)])
def test_odd_rate_or_channels_are_refused_before_they_take_memory(rate: int, channels: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((4_000, channels)), rate, format="WAV")
    with pytest.raises(InvalidRequest, match=r"rate|channels"):
        read_media(file.getvalue(), 16_000, max_seconds=1e9)


FRAGMENTED = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp4", "aac", FRAGMENTED),
        ("webm", "libopus", {}),
        ("flac", "flac", {}),
        ("adts", "aac", {}),
        ("amr", "libopencore_amrnb", {}),
        ("asf", "wmav2", {}),
    ],
)
def test_cut_recording_is_read_as_far_as_it_goes(
    container: str, codec: str, options: dict[str, str]
) -> None:
    whole = voice_file(container, codec, options)
    warnings: list[str] = []
    wav = np.concatenate([*stream_media(whole, 16_000, 60, warnings)])
    assert warnings == []
    cut = np.concatenate([*stream_media(cut_recording(whole), 16_000, 60, warnings)])
    assert 0.3 < len(cut) / len(wav) < 0.75
    assert ["cut off" in warning for warning in warnings] == [True]


def test_cut_m4a_with_its_index_in_front_is_read(tmp_path: Path) -> None:
    whole = voice_file("mp4", "aac")
    file = tmp_path / "voice.m4a"
    with (
        av.open(io.BytesIO(whole), "r") as source,
        av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    warnings: list[str] = []
    cut = cut_recording(file.read_bytes())
    wav = np.concatenate([*stream_media(cut, 16_000, 60, warnings)])
    assert 2.5 < len(wav) / 16_000 < 4
    assert ["cut off" in warning for warning in warnings] == [True]


def test_m4a_without_its_index_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"index at its end is missing.*record again"):
        read_media(cut_recording(voice_file("mp4", "aac")), 16_000, 60)


def test_long_file_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(TooLarge, match="longer than 1 s"):
        read_media(sound_file("FLAC"), 16_000, max_seconds=1)
