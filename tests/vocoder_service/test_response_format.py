"""The formats of the vocoder's response."""

import json

import numpy as np

from vocoder_service.response_format import ResponseFormat


def test_json_is_clipped_where_resampling_overshoots() -> None:
    chunks = [np.array([0.5, 1.01], np.float32), np.array([-1.02], np.float32)]
    answer = json.loads(b"".join(ResponseFormat(None).encode_stream(iter(chunks), 48_000, 3)))
    assert answer == {"sr": 48_000, "wav": [0.5, 1.0, -1.0]}
