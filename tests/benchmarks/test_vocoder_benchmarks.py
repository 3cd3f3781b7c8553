"""Counts and comparisons of the vocoder's benchmarks."""

import math
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import httpx
import numpy as np
import pytest
import torch

from benchmarks import (
    crossfade,
    first_sound,
    gemm,
    precision,
    sample_loop,
    vocoding,
    warm_up,
)
from benchmarks.machine import thread_counts
from benchmarks.speech_clips import SpeechClip, cross_entropy, read_clips, shipped_clips
from shared.audio.files import endless_wav_header
from tests.vocoder_service.conftest import small_network
from vocoder_service.wavernn.engine import TorchEngine
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.native_engine import built

SMALL = Hparams(rnn_dims=32, fc_dims=24, compute_dims=16, res_out_dims=16, res_blocks=3)

needs_build = pytest.mark.skipif(not built(), reason="native sample loop: not built here")


@pytest.fixture
def small_sizes() -> Iterator[None]:
    """One size, which is quickly measured."""
    with (
        patch.dict(sample_loop.SIZES, {"small": SMALL}, clear=True),
        patch.dict(vocoding.LIMITS, {"small": 0.5}),
    ):
        yield


@pytest.fixture(scope="module")
def clip() -> SpeechClip:
    return read_clips(shipped_clips()[:1], seconds=0.25)[0]


@pytest.fixture
def network() -> WaveRNN:
    torch.manual_seed(2)
    return small_network(fc_dims=24)


@pytest.mark.parametrize(
    ("hparams", "millions"), [(Hparams(), 3.15), (Hparams(rnn_dims=256, fc_dims=256), 0.85)]
)
def test_multiply_adds_of_a_sample_are_those_of_the_design(
    hparams: Hparams, millions: float
) -> None:
    assert math.isclose(gemm.multiply_adds(hparams) / 1e6, millions, abs_tol=0.005)


@pytest.mark.parametrize(
    ("samples", "folds"), [(200, 1), (9_600, 1), (9_601, 2), (80_000, 9), (80_001, 10)]
)
def test_rtvc_cuts_an_utterance_into_folds_of_one_length(samples: int, folds: int) -> None:
    assert vocoding.rtvc_folds(samples) == folds


@needs_build
@pytest.mark.usefixtures("small_sizes")
def test_share_is_the_loops_rate_over_the_gemms() -> None:
    rows = {row.name: row for row in gemm.measure_efficiency(runs=2, quick=True).rows}
    peak, loop, share = (
        rows[f"small, 1 thread: {name}"].runs
        for name in ("GEMM, best of 2", "native float32", "native float32 / GEMM")
    )
    assert len(peak) == 1
    np.testing.assert_allclose(share, [100 * rate / peak[0] for rate in loop])


@pytest.mark.usefixtures("small_sizes")
def test_vocoding_compares_each_engine_with_the_plain_loop() -> None:
    rows = {row.name: row for row in vocoding.measure(runs=1, quick=True).rows}
    plain, ours, ratio = (
        rows[f"small, 1 thread: {name}"].runs[0]
        for name in ("RTVC's plain loop", "torch", "plain / torch")
    )
    assert math.isclose(ratio, plain / ours)


@pytest.mark.usefixtures("small_sizes")
def test_vocos_is_compared_with_the_best_of_wavernns_engines() -> None:
    rows = {row.name: row for row in vocoding.measure(runs=1, quick=True).rows}
    best = "native float32" if built() else "torch"
    (ratio,) = [row for name, row in rows.items() if name.endswith("/ Vocos")]
    assert ratio.name.startswith("Vocos, 1 thread: WaveRNN")
    assert best.split()[0] in ratio.name
    assert ratio.runs[0] > 0
    assert rows["Vocos, 1 thread"].limit == vocoding.MAX_VOCOS_RTF


@pytest.mark.usefixtures("small_sizes")
def test_rtvcs_loop_is_charged_for_all_of_its_steps() -> None:
    def a_second_each(works: list[object], runs: int) -> list[list[float]]:
        return [[1.0] * runs for _ in works]

    with patch.object(vocoding, "seconds_side_by_side", a_second_each):
        rows = {row.name: row for row in vocoding.measure(runs=1, quick=True).rows}
    assert rows["small, 1 thread: RTVC's plain loop"].runs == [9_600 / 200]
    assert rows["small, 1 thread: torch"].runs == [1.0]


def test_two_threads_are_measured_unless_in_haste_or_on_one_core() -> None:
    with patch("benchmarks.machine.usable_cores", lambda: 4):
        assert thread_counts() == [1, 2]
        assert thread_counts(quick=True) == [1]
    with patch("benchmarks.machine.usable_cores", lambda: 1):
        assert thread_counts() == [1]


def answering(content: bytes) -> httpx.Client:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    return httpx.Client(base_url="http://vocoder", transport=transport)


def test_header_is_not_yet_a_sound() -> None:
    header = endless_wav_header(16_000)
    with pytest.raises(RuntimeError, match="has no samples"):
        first_sound.hear(answering(header), b"{}")
    first_sound.hear(answering(header + b"\0\0"), b"{}")


def test_clip_gives_a_label_for_each_sample_of_its_mel(clip: SpeechClip) -> None:
    assert clip.mel.shape == (20 + 4, 80)
    assert clip.labels.shape == clip.fed.shape == (20 * 200,)
    np.testing.assert_allclose((clip.fed[1:] + 1) / 2 * 511, clip.labels[:-1], atol=1e-3)
    assert clip.labels.std() > 5


def test_cross_entropy_of_even_odds_is_the_logarithm_of_their_number() -> None:
    nats = cross_entropy(torch.zeros(2, 3, 8), np.zeros((2, 3), np.int16))
    np.testing.assert_allclose(nats, np.full((2, 3), np.log(8)))


@needs_build
def test_nats_of_the_native_loop_are_the_networks(network: WaveRNN, clip: SpeechClip) -> None:
    with torch.inference_mode():
        logits = network(torch.from_numpy(clip.fed)[None], torch.from_numpy(clip.mel.T)[None])
    wanted = cross_entropy(logits[0], clip.labels).mean()
    assert precision.nats_of_clips(network, "float32", [clip]) == pytest.approx([wanted], abs=1e-5)


def test_network_without_memory_needs_no_warming_up(network: WaveRNN, clip: SpeechClip) -> None:
    assert np.abs(warm_up.excess(network, clip)[1:]).max() > 1e-3
    for rnn in (network.rnn1, network.rnn2):
        _, weight, _, bias = rnn.all_weights[0]
        torch.nn.init.zeros_(weight)
        torch.nn.init.constant_(bias[32:64], -1e3)  # the update gate: nothing is kept
    assert np.abs(warm_up.excess(network, clip)[1:]).max() < 1e-5


def test_shifted_folds_agree_better_than_folds_in_place(network: WaveRNN, clip: SpeechClip) -> None:
    with patch.multiple(crossfade, FOLDS=6, UTTERANCE=60):
        table = crossfade.measure_joins(TorchEngine(network), [clip])
    rows = {row.name: row.runs[0] for row in table.rows}
    assert np.isfinite([*rows.values()]).all()
    shifted, in_place = (
        rows[f"correlation of the two folds, {how}"] for how in ("shifted", "in place")
    )
    assert shifted > in_place + 0.1
    assert rows["level, RTVC's: silence in mid-overlap, before mu-law decoding"] < -10


def test_precision_script_refuses_a_clip_that_is_not_there() -> None:
    with pytest.raises(SystemExit):
        precision.main([str(Path("nowhere.wav"))])
