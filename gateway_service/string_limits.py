"""Length limits for the strings of a request.

The length is checked before any other processing. Normalising Unicode takes quadratic time, and
megabytes of it would block the event loop.
"""

from typing import Annotated

from fastapi import Path

MAX_ID_CHARACTERS = 64
MAX_MODEL_CHARACTERS = 100
MAX_VOICE_CHARACTERS = 240
"""A voice's name as it is sent. A stored name has at most 80 characters, but with combining
characters its source may have three times as many."""
MAX_FILE_NAME_CHARACTERS = 255

JobId = Annotated[str, Path(max_length=MAX_ID_CHARACTERS)]
ModelPath = Annotated[str, Path(max_length=MAX_MODEL_CHARACTERS)]
VoicePath = Annotated[str, Path(max_length=MAX_VOICE_CHARACTERS)]
