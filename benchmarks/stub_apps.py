"""Stub apps: the services' real apps with a constant instead of a model.

For `uvicorn --factory`. Each factory replaces its model before the app is imported, and is called
once in a process of its own.
"""

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from fastapi import FastAPI

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array

SECONDS = 5
SAMPLES = SECONDS * MEL_FORMAT.sample_rate  # 80,000
FRAMES = SAMPLES // MEL_FORMAT.hop_length  # 400


def constant_wav() -> Float32Array:
    """[80000] in ±1, random, so that numbers have as many digits as those of speech."""
    return np.random.default_rng(0).uniform(-1, 1, SAMPLES).astype(np.float32)


def constant_mel() -> Float32Array:
    """[80, 400] in ±4"""
    shape = MEL_FORMAT.n_mels, FRAMES
    return np.random.default_rng(1).uniform(-4, 4, shape).astype(np.float32)


def encoder() -> FastAPI:
    """POST /preprocess/ returns the samples it received."""
    from encoder_service import inference

    _replace(inference, "load", lambda settings: None)
    _replace(inference, "clean", lambda decode: {"wav": decode().wav, "sr": MEL_FORMAT.sample_rate})
    from encoder_service.app import build_app

    return build_app()


def synthesizer() -> FastAPI:
    """POST /inference/ returns `constant_mel` for any text."""
    from synthesizer_service import inference

    mel = torch.from_numpy(constant_mel())

    def generate(chars: torch.Tensor, *_: object, **__: object) -> SimpleNamespace:
        read = torch.eye(chars.shape[1])  # one character per step
        return SimpleNamespace(mels=[mel], attention=[read], stopped=[True])

    decoder = SimpleNamespace(r=2)
    model = SimpleNamespace(generate=generate, stop_threshold=-3.4, decoder=decoder)
    _replace(inference, "load", lambda settings: model)
    from synthesizer_service.app import build_app

    return build_app()


def vocoder() -> FastAPI:
    """POST /inference/ returns `constant_wav` for any mel, in ten pieces."""
    from vocoder_service import inference

    pieces = np.array_split(constant_wav(), 2 * SECONDS)
    network = SimpleNamespace(generate=lambda *_: iter(pieces))
    _replace(inference, "load", lambda settings: network)
    from vocoder_service.app import build_app

    return build_app()


def _replace(module: Any, name: str, substitute: Any) -> None:
    """Patch for the life of this process. Raises AttributeError for an unknown name."""
    patch.object(module, name, substitute).start()
