"""The bundled weights with one damaged file, as a copy that broke off leaves them."""

import shutil
from pathlib import Path

from tests.conftest import REPOSITORY

DAMAGED = "vocos/001_embed.conv.weight.pt"


def damaged_weights(folder: Path) -> Path:
    """Make them in a new folder, and return it."""
    shutil.copytree(REPOSITORY / "checkpoints", folder)
    file = folder / DAMAGED
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return folder
