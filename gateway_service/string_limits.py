"""How long the strings of a request may be.

A length is checked before anything else is done with a string: one of megabytes would occupy the
event loop, for normalising Unicode takes time that grows with the square of the length.
"""

from typing import Annotated

from fastapi import Path

MAX_ID_CHARACTERS = 64
MAX_MODEL_CHARACTERS = 100
MAX_VOICE_CHARACTERS = 240
"""Of a voice's name as it is sent: written with combining characters, a name of 80 may take up
three times as many."""
MAX_FILE_NAME_CHARACTERS = 255

JobId = Annotated[str, Path(max_length=MAX_ID_CHARACTERS)]
ModelPath = Annotated[str, Path(max_length=MAX_MODEL_CHARACTERS)]
VoicePath = Annotated[str, Path(max_length=MAX_VOICE_CHARACTERS)]
