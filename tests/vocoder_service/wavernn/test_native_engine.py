"""The native sample loop gives the results of the loop in torch."""

import logging
import platform
from shutil import which

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shared.native import modules as native_modules
from tests.vocoder_service.conftest import precisions, small_network
from vocoder_service.wavernn.engine import FoldState, TorchEngine
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import Labels
from vocoder_service.wavernn.native_engine import (
    NativeEngine,
    Precision,
    built,
    engine_for,
    supported,
)

Array = NDArray[np.float32]
FOLDS, FRAMES = 5, 10

needs_build = pytest.mark.skipif(not built(), reason="native sample loop: not built here")


class Batch:
    """Conditioning and random numbers of some folds."""

    def __init__(self, hparams: Hparams, engine: TorchEngine, folds: int, frames: int) -> None:
        random = np.random.default_rng(1)
        mel = random.uniform(-1, 1, (folds, frames + 2 * hparams.pad, hparams.feat_dims))
        self.mel: Array = mel.astype(np.float32)
        self.aux: Array = np.stack([engine.aux_features(each) for each in self.mel])
        self.uniforms: Array = random.random((folds, frames * hparams.hop_length), np.float32)
        self.temperature: Array = np.linspace(0.8, 1.2, folds, dtype=np.float32)

    def through(
        self, engine: TorchEngine | NativeEngine, some: slice = slice(None)
    ) -> tuple[Labels, FoldState]:
        state = FoldState.at_rest(len(self.mel[some]), engine.hparams.rnn_dims)
        inputs = [self.mel, self.aux, self.uniforms, self.temperature]
        labels = engine.run(state, *(each[some] for each in inputs))
        return labels, state


@pytest.fixture(scope="module")
def batch(tiny: WaveRNN, tiny_engine: TorchEngine) -> Batch:
    return Batch(tiny.hparams, tiny_engine, FOLDS, FRAMES)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets: not an x86_64")
@pytest.mark.skipif(not (which("c++") or which("g++")), reason="C++ compiler: none on the PATH")
def test_native_loop_is_built_for_all_that_the_cpu_has() -> None:
    wanted = {"portable"} | supported() & {"avx2", "avx512"}
    assert wanted - set(built()) == set(), "`pip install -e .` builds them; its -v tells why not"


@pytest.mark.parametrize("instruction_set", built())
def test_same_uniforms_choose_the_same_samples_as_torch(
    tiny: WaveRNN, tiny_engine: TorchEngine, batch: Batch, instruction_set: str
) -> None:
    labels, state = batch.through(NativeEngine(tiny, instruction_set=instruction_set))
    wanted, wanted_state = batch.through(tiny_engine)
    assert labels.shape == (FOLDS, 2_000)
    # In the other folds rounding may tip a sample whose uniform lies at the edge of a class.
    np.testing.assert_array_equal(labels[0], wanted[0])
    assert (labels == wanted).mean() > 0.999
    np.testing.assert_allclose(state.h1[0], wanted_state.h1[0], atol=1e-5)
    np.testing.assert_allclose(state.h2[0], wanted_state.h2[0], atol=1e-5)
    np.testing.assert_allclose(state.x[0], wanted_state.x[0], atol=1e-6)


@needs_build
def test_golden_network_makes_the_same_two_thousand_samples_as_in_torch(
    model: WaveRNN, engine: TorchEngine
) -> None:
    batch = Batch(model.hparams, engine, folds=1, frames=10)
    labels, _ = batch.through(NativeEngine(model))
    wanted, _ = batch.through(engine)
    assert labels.shape == (1, 2_000)
    np.testing.assert_array_equal(labels, wanted)


@pytest.mark.parametrize("instruction_set", built())
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("fc_dims", [24, 25, 26])
def test_logits_equal_the_network_whether_or_not_fc_dims_are_whole_vectors_or_pairs(
    instruction_set: str, precision: Precision, fc_dims: int
) -> None:
    if precision not in precisions(instruction_set):
        pytest.skip(f"{precision}: not in {instruction_set} here")
    torch.manual_seed(2)
    network = small_network(fc_dims)
    batch = Batch(network.hparams, TorchEngine(network), FOLDS, frames=1)
    native = NativeEngine(network, precision=precision, instruction_set=instruction_set)
    labels, _ = batch.through(TorchEngine(network))
    wanted = teacher_forced(network, batch, labels)
    logits = native.logits(batch.mel, batch.aux, labels)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(logits, wanted, atol=1e-5 if precision == "float32" else 4e-3)


@pytest.mark.parametrize("instruction_set", built())
def test_teacher_forced_logits_equal_the_network_at_every_step(
    tiny: WaveRNN, batch: Batch, instruction_set: str
) -> None:
    native = NativeEngine(tiny, instruction_set=instruction_set)
    labels, _ = batch.through(native)
    logits = native.logits(batch.mel, batch.aux, labels)
    np.testing.assert_allclose(logits, teacher_forced(tiny, batch, labels), atol=1e-4)


@torch.inference_mode()
def teacher_forced(network: WaveRNN, batch: Batch, labels: Labels) -> Array:
    """Logits of the plain network. [F, T * hop, 512]"""
    last = np.pad(labels[:, :-1] * np.float32(2 / 511) - 1, [(0, 0), (1, 0)])
    mel = torch.from_numpy(batch.mel).transpose(1, 2)  # [F, 80, T + 2 pad]
    logits: Array = network(torch.from_numpy(last), mel).numpy()
    return logits


@needs_build
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_do_not_change_a_sample(tiny: WaveRNN, batch: Batch, threads: int) -> None:
    wanted, _ = batch.through(NativeEngine(tiny))
    labels, _ = batch.through(NativeEngine(tiny, threads))
    np.testing.assert_array_equal(labels, wanted)


@needs_build
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fold_is_bit_equal_alone_and_in_any_batch(
    tiny: WaveRNN, batch: Batch, precision: Precision
) -> None:
    if precision not in precisions():
        pytest.skip(f"{precision}: this CPU does not multiply it")
    native = NativeEngine(tiny, precision=precision)
    together, state = batch.through(native)
    for some in (slice(0, 1), slice(1, 3), slice(1, 5)):
        labels, own = batch.through(native, some)
        np.testing.assert_array_equal(labels, together[some])
        np.testing.assert_array_equal(own.h1, state.h1[some])
        np.testing.assert_array_equal(own.h2, state.h2[some])


@needs_build
def test_frames_may_come_one_by_one(tiny: WaveRNN, batch: Batch) -> None:
    native = NativeEngine(tiny)
    whole, _ = batch.through(native)
    state = FoldState.at_rest(FOLDS, tiny.hparams.rnn_dims)
    hop, context = tiny.hparams.hop_length, 2 * tiny.hparams.pad + 1
    for frame in range(FRAMES):
        now = slice(frame * hop, (frame + 1) * hop)
        labels = native.run(
            state,
            batch.mel[:, frame : frame + context],
            batch.aux[:, frame : frame + 1],
            batch.uniforms[:, now],
            batch.temperature,
        )
        np.testing.assert_array_equal(labels, whole[:, now])


@needs_build
@pytest.mark.parametrize("uniform", [0.0, np.nextafter(np.float32(1), np.float32(0))])
def test_extreme_uniforms_stay_among_the_classes(
    tiny: WaveRNN, batch: Batch, uniform: float
) -> None:
    state = FoldState.at_rest(1, tiny.hparams.rnn_dims)
    uniforms = np.full((1, tiny.hparams.hop_length), uniform, np.float32)
    temperature = np.ones(1, np.float32)
    mel, aux = batch.mel[:1, :5], batch.aux[:1, :1]
    labels = NativeEngine(tiny).run(state, mel, aux, uniforms, temperature)
    assert labels.min() >= 0
    assert labels.max() <= 511


@needs_build
def test_sizes_that_are_no_whole_vectors_go_to_torch(caplog: pytest.LogCaptureFixture) -> None:
    odd = WaveRNN(Hparams(rnn_dims=20, fc_dims=16, compute_dims=8, res_out_dims=8, res_blocks=1))
    with pytest.raises(ValueError, match="rnn_dims"):
        NativeEngine(odd.eval(), instruction_set=built()[0])
    with caplog.at_level(logging.WARNING):
        assert isinstance(engine_for(odd, threads=1, precision="float32"), TorchEngine)
    assert len(caplog.records) == 1


def test_nothing_built_means_torch_and_says_so_once(
    tiny: WaveRNN, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(native_modules, "INSTRUCTION_SETS", ())
    with caplog.at_level(logging.WARNING):
        assert isinstance(engine_for(tiny, threads=1, precision="float32"), TorchEngine)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "install g++" in caplog.text
