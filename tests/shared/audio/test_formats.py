"""The table of sound formats, and everything that is derived from it."""

from typing import get_args

from cli.sound_output import check_output
from gateway_service.speech import encoding as stream
from shared.audio import files, media
from shared.audio.formats import FORMATS, MEDIA_TYPE_BY_SUFFIX, READ_BY_GATEWAY, listed
from tests.conftest import REPOSITORY


def test_every_writer_takes_its_media_types_from_the_table() -> None:
    for written in (files.MEDIA_TYPES, stream.MEDIA_TYPES):
        assert written == {name: FORMATS[name].media_type for name in written}
    assert {*get_args(stream.ResponseFormat)} <= FORMATS.keys()
    assert {*get_args(files.SoundFormat)} <= FORMATS.keys()


def test_gateway_reads_the_formats_of_the_services_and_more() -> None:
    assert media.READ_FORMATS[: len(files.READ_FORMATS)] == files.READ_FORMATS
    assert media.READ_FORMATS[-2:] == ("AMR", "WMA")


def test_page_offers_every_suffix_that_the_gateway_reads() -> None:
    page = (REPOSITORY / "gateway_service/page/static/index.html").read_text()
    for name in READ_BY_GATEWAY:
        assert any(f",{suffix}" in page for suffix in FORMATS[name].suffixes), name


def test_suffixes_are_of_one_format_each() -> None:
    suffixes = [suffix for info in FORMATS.values() for suffix in info.suffixes]
    assert len(suffixes) == len({*suffixes}) == len(MEDIA_TYPE_BY_SUFFIX)
    assert MEDIA_TYPE_BY_SUFFIX[".m4a"] == "audio/mp4"


def test_command_writes_the_formats_that_libsndfile_has() -> None:
    for suffix in (".wav", ".flac", ".ogg", ".opus", ".mp3"):
        check_output(REPOSITORY / f"speech{suffix}")


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listed(["WAV", "FLAC", "MP3"]) == "WAV, FLAC and MP3"
