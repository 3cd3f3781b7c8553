"""States of the Vocos prototype, {"g", "d", "ema", "s"}, under the names of today's networks."""

import re
from typing import Any

import torch

from training.run_folder import StateDict

NEW_NAMES = {
    r"inp\.": "embed.conv.",
    r"n0\.": "embed.norm.",
    r"(blocks\.\d+)\.dw\.": r"\1.dwconv.",
    r"(blocks\.\d+)\.p1\.": r"\1.pwconv1.",
    r"(blocks\.\d+)\.p2\.": r"\1.pwconv2.",
    r"(blocks\.\d+)\.g$": r"\1.gamma",
    r"n1\.": "final_norm.",
}
PERIODS = 5  # period discriminators, which come before the spectrogram ones
LAYERS = {"L.": "convs.", "o.": "out."}


def is_state(content: Any) -> bool:
    """True for the content of the prototype's state files."""
    return isinstance(content, dict) and {"g", "d", "s"} <= content.keys()


def weights(content: dict[str, Any], *, averaged: bool) -> StateDict:
    """The vocoder's weights. averaged: prefer their running average."""
    state = content["ema"] if averaged and "ema" in content else content["g"]
    renamed = {_renamed(name): tensor for name, tensor in state.items() if name != "window"}
    return {"step": torch.tensor([content["s"]]), **renamed}


def _renamed(name: str) -> str:
    for old, new in NEW_NAMES.items():
        name = re.sub(f"^{old}", new, name)
    return name


def discriminators(content: dict[str, Any]) -> StateDict:
    """The discriminators' weights. Their convolutions' last two axes are swapped."""
    state = {}
    for name, tensor in content["d"].items():
        _, number, rest = name.split(".", maxsplit=2)
        if rest == "w":  # a window
            continue
        index = int(number)
        kind = f"periods.{index}" if index < PERIODS else f"spectrograms.{index - PERIODS}"
        renamed = f"{kind}.{LAYERS[rest[:2]]}{rest[2:]}"
        state[renamed] = tensor.transpose(2, 3) if tensor.dim() == 4 else tensor
    return state
