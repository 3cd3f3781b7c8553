import io

import numpy as np
import soundfile

from gateway_service.speech.flac import HEAD_BYTES, encode_flac, length_of, with_length


def test_length_is_read_from_the_head_alone() -> None:
    assert length_of(encode_flac(np.zeros(70_000, np.int16))[:HEAD_BYTES]) == 70_000


def test_length_is_replaced_and_all_else_stays() -> None:
    flac = encode_flac(np.arange(500, dtype=np.int16))

    other = with_length(flac, 2**33 + 5)

    assert length_of(other) == 2**33 + 5
    assert with_length(other, 500) == flac
    assert soundfile.info(io.BytesIO(other)).samplerate == 16_000
