from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from vocoder_service.wavernn.engine import Array, FoldState, TorchEngine
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import Labels

HOP, CONTEXT = 200, 4  # samples a frame, frames around a mel


@dataclass(frozen=True)
class Folds:
    """An engine's inputs for some folds."""

    mel: Array
    aux: Array
    uniforms: Array
    temperature: Array

    def only(self, chosen: slice, frames: slice = slice(None)) -> "Folds":
        around = slice(frames.start, frames.stop and frames.stop + CONTEXT)
        samples = slice((frames.start or 0) * HOP, frames.stop and frames.stop * HOP)
        return Folds(
            self.mel[chosen, around],
            self.aux[chosen, frames],
            self.uniforms[chosen, samples],
            self.temperature[chosen],
        )


def run(engine: TorchEngine, folds: Folds, state: FoldState | None = None) -> Labels:
    state = state or FoldState.at_rest(len(folds.mel), engine.hparams.rnn_dims)
    return engine.run(state, folds.mel, folds.aux, folds.uniforms, folds.temperature)


def random_folds(engine: TorchEngine, count: int, frames: int) -> Folds:
    rng = np.random.default_rng(0)
    mel = rng.uniform(-1, 1, (count, frames + CONTEXT, 80)).astype(np.float32)
    return Folds(
        mel=mel,
        aux=np.stack([engine.aux_features(one) for one in mel]),
        uniforms=rng.random((count, frames * HOP), dtype=np.float32),
        temperature=np.linspace(0.5, 1.5, count, dtype=np.float32),
    )


@pytest.fixture(scope="module")
def folds(engine: TorchEngine) -> Folds:
    return random_folds(engine, count=5, frames=10)


@pytest.fixture(scope="module")
def labels(engine: TorchEngine, folds: Folds) -> Labels:
    """2,000 samples of each fold."""
    return run(engine, folds)


@torch.no_grad()
def cumulative_probabilities(model: WaveRNN, folds: Folds, labels: Labels) -> Array:
    """Logits of the plain teacher-forced pass on an engine's samples. [F, N, 512]"""
    classes = model.hparams.classes
    x = 2 * torch.from_numpy(labels).float() / (classes - 1) - 1
    before = torch.nn.functional.pad(x[:, :-1], (1, 0))  # zero before the first
    logits = model(before, torch.from_numpy(folds.mel).transpose(1, 2))
    p = torch.softmax(logits / torch.from_numpy(folds.temperature)[:, None, None], dim=-1)
    cumulative: Array = p.double().cumsum(-1).numpy()
    return cumulative


def test_engine_chooses_the_samples_that_the_plain_network_would(
    model: WaveRNN, folds: Folds, labels: Labels
) -> None:
    cumulative = cumulative_probabilities(model, folds, labels)
    plain = (cumulative <= folds.uniforms[..., np.newaxis]).sum(-1)
    assert labels.shape == (5, 2000)
    assert len(np.unique(labels)) > 300
    rounding = np.abs(cumulative - folds.uniforms[..., np.newaxis]).min(-1) < 1e-5
    assert rounding.mean() < 0.02
    np.testing.assert_array_equal(labels[~rounding], plain[~rounding])
    assert np.abs(labels - plain).max() <= 1


def test_engine_in_pieces_equals_the_whole(
    engine: TorchEngine, folds: Folds, labels: Labels
) -> None:
    state = FoldState.at_rest(5, engine.hparams.rnn_dims)
    pieces = [
        run(engine, folds.only(slice(None), slice(start, start + 2)), state)
        for start in range(0, 10, 2)
    ]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), labels)


@pytest.mark.parametrize("chosen", [slice(0, 1), slice(7, 9), slice(13, 32), slice(31, 32)])
def test_a_fold_does_not_depend_on_its_batch(engine: TorchEngine, chosen: slice) -> None:
    folds = random_folds(engine, count=32, frames=1)
    together = FoldState.at_rest(32, engine.hparams.rnn_dims)
    apart = FoldState.at_rest(chosen.stop - chosen.start, engine.hparams.rnn_dims)
    labels = run(engine, folds, together)
    np.testing.assert_array_equal(run(engine, folds.only(chosen), apart), labels[chosen])
    np.testing.assert_array_equal(apart.h1, together.h1[chosen])  # to the last bit
    np.testing.assert_array_equal(apart.h2, together.h2[chosen])


def test_threads_share_an_engine(engine: TorchEngine, folds: Folds, labels: Labels) -> None:
    others = replace(folds, uniforms=1 - folds.uniforms)
    alone = run(engine, others)
    with ThreadPoolExecutor(2) as threads:
        ours, theirs = threads.map(run, [engine, engine], [folds, others])
    np.testing.assert_array_equal(ours, labels)
    np.testing.assert_array_equal(theirs, alone)
    assert not np.array_equal(ours, theirs)


def test_run_leaves_the_model_as_it_was(engine: TorchEngine, model: WaveRNN, folds: Folds) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run(engine, folds.only(slice(None), slice(0, 1)))
    assert not model.training
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_cold_folds_take_the_likeliest_class(
    engine: TorchEngine, model: WaveRNN, folds: Folds
) -> None:
    cold = replace(
        folds, uniforms=folds.uniforms.copy(), temperature=np.full(5, 1e-7, np.float32)
    ).only(slice(None), slice(0, 2))
    cold.uniforms[:, ::2] = 0
    cold.uniforms[:, 1::2] = np.nextafter(np.float32(1), np.float32(0))
    labels = run(engine, cold)
    cumulative = cumulative_probabilities(
        model, replace(cold, temperature=folds.temperature), labels
    )
    likeliest = np.diff(cumulative, axis=-1, prepend=0).argmax(-1)
    assert (labels == likeliest).mean() > 0.99


def test_resumed_state_continues_the_last_fold_first(engine: TorchEngine, folds: Folds) -> None:
    state = FoldState.at_rest(5, engine.hparams.rnn_dims)
    run(engine, folds.only(slice(None), slice(0, 1)), state)
    resumed = state.resumed(3)
    np.testing.assert_array_equal(resumed.h1[0], state.h1[4])
    np.testing.assert_array_equal(resumed.h2[0], state.h2[4])
    assert resumed.x[0] == state.x[4] != 0
    assert not resumed.h1[1:].any()
    assert not resumed.x[1:].any()


def test_engine_refuses_a_model_in_training_mode(hparams: Hparams) -> None:
    with pytest.raises(ValueError, match=r"eval\(\)"):
        TorchEngine(WaveRNN(hparams))
