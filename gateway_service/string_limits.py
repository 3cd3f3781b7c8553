"""Limits for the strings of a request.

A string's length is checked before anything else is done with it. Normalising Unicode takes time
that grows with the square of the length, and megabytes would occupy the event loop.
"""

from typing import Annotated

from fastapi import Path

MAX_ID_CHARACTERS = 64
MAX_MODEL_CHARACTERS = 100
MAX_VOICE_CHARACTERS = 240
"""A voice's name as it is sent. With combining characters, a name of 80 may take three times as
many."""
MAX_FILE_NAME_CHARACTERS = 255

JobId = Annotated[str, Path(max_length=MAX_ID_CHARACTERS, description="Id of the job.")]
ModelPath = Annotated[str, Path(max_length=MAX_MODEL_CHARACTERS, description="Name of the model.")]
VoicePath = Annotated[
    str, Path(max_length=MAX_VOICE_CHARACTERS, description="Name or id of the voice.")
]
