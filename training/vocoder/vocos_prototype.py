"""States of the first Vocos that was trained, {"g", "d", "ema", "s"}, under today's names."""

import re
from typing import Any

import torch

from training.run_folder import StateDict

NAMES = {
    r"inp\.": "embed.conv.",
    r"n0\.": "embed.norm.",
    r"(blocks\.\d+)\.dw\.": r"\1.dwconv.",
    r"(blocks\.\d+)\.p1\.": r"\1.pwconv1.",
    r"(blocks\.\d+)\.p2\.": r"\1.pwconv2.",
    r"(blocks\.\d+)\.g$": r"\1.gamma",
    r"n1\.": "final_norm.",
}
PERIODS = 5  # discriminators before those of spectrograms
LAYERS = {"L.": "convs.", "o.": "out."}


def wrote(content: Any) -> bool:
    """True if `content` is that of one of its state files."""
    return isinstance(content, dict) and {"g", "d", "s"} <= content.keys()


def weights(content: dict[str, Any], *, averaged: bool) -> StateDict:
    """Of the vocoder. averaged: their running average, where there is one."""
    state = content["ema"] if averaged and "ema" in content else content["g"]
    renamed = {_renamed(name): tensor for name, tensor in state.items() if name != "window"}
    return {"step": torch.tensor([content["s"]]), **renamed}


def _renamed(name: str) -> str:
    for old, new in NAMES.items():
        name = re.sub(f"^{old}", new, name)
    return name


def discriminators(content: dict[str, Any]) -> StateDict:
    """Their convolutions' axes, time and period or frequency and time, are the other way round."""
    state = {}
    for name, tensor in content["d"].items():
        _, number, rest = name.split(".", maxsplit=2)
        if rest == "w":  # a window
            continue
        which = int(number)
        kind = f"periods.{which}" if which < PERIODS else f"spectrograms.{which - PERIODS}"
        renamed = f"{kind}.{LAYERS[rest[:2]]}{rest[2:]}"
        state[renamed] = tensor.transpose(2, 3) if tensor.dim() == 4 else tensor
    return state
