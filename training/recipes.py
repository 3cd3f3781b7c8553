"""Training recipes: schedules, hyperparameters and model sizes."""

import math
from dataclasses import dataclass

from synthesizer_service.tacotron.hparams import Hparams as SynthesizerHparams
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams

SYNTHESIZER_SIZES = {
    "compact": SynthesizerHparams(
        embed_dims=256, encoder_dims=128, postnet_dims=128, lstm_dims=384
    ),
    "full": SynthesizerHparams(),
}
WAVERNN_SIZES = {"compact": WaveRNNHparams(rnn_dims=256, fc_dims=256), "full": WaveRNNHparams()}
VOCOS_SIZES = {"compact": VocosHparams(), "full": VocosHparams(dims=512, hidden_dims=1_536)}
INFERENCE_DROPOUT = 0.1
"""Dropout of a synthesizer's prenets at inference. Little is more intelligible, even after training
with more; with none, a retry would repeat the first attempt.
(docs/experiments/2026-11-26-scheduled-sampling.md)"""


@dataclass(frozen=True)
class Schedule:
    """Optimizer settings of a run. The learning rate rises linearly over `warmup` steps, stays at
    `rate`, and falls to `last_rate` over the last `cooldown` of the steps."""

    steps: int
    """Steps of the whole run."""
    rate: float
    last_rate: float
    warmup: int
    """Steps."""
    cooldown: float = 0.25
    """Share of the steps."""
    cosine: bool = False
    """Cool down along half a cosine in place of a line."""
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    max_gradient: float = 1.0
    """Norm at which the gradient is clipped."""
    save_every: int = 200
    plot_every: int = 1_000

    def rate_at(self, step: int) -> float:
        """The learning rate. step: of this run, from 0."""
        remaining = (self.steps - step) / max(1.0, self.cooldown * self.steps)
        remaining = max(0.0, min(1.0, remaining))
        if self.cosine:
            remaining = (1 - math.cos(math.pi * remaining)) / 2
        cooled = self.last_rate + (self.rate - self.last_rate) * remaining
        return min(cooled, self.rate * (step + 1) / max(1, self.warmup))


@dataclass(frozen=True)
class SynthesizerRecipe:
    batch: int = 16
    r: int = 4
    """Reduction factor: frames per decoder step. More align sooner, fewer sound better."""
    min_frames: int = 30
    max_frames: int = 700
    postnet_from: float = 0.85
    """Share of the run after which the postnet, a third of a step's time, is trained too."""
    guide_weight: float = 1.0
    """Weight of the guided-attention loss."""
    sampling_from: float = 0.1
    """Share of the run after which scheduled sampling begins."""
    sampling_passes: int = 2
    """Decoder passes of scheduled sampling: the first is fed true frames, each further one the
    output of the pass before, which is closer to inference."""
    frame_dropout: float = 0.1
    """Share of the decoder's input frames replaced by a constant."""
    encoder_dropout: float = 0.1
    decoder_dropout: float = 0.2
    """Dropout of both prenets in training, at any size. RTVC uses 0.5; the compact network makes as
    many errors on its training data as on new data, so it needs less regularisation."""
    lifter: tuple[tuple[int, float], ...] = ((1, 1.0), (3, 1.5), (10, 3.0), (10, 4.0), (56, 2.0))
    """Loss weights of the mel error's cepstral coefficients: (count, weight), from the lowest.
    Coefficients 4 to 13 are the formants; those from 24, in high voices from 14, the harmonics.
    Intelligibility was lost from 14 on (docs/experiments/2026-11-26-cepstral-loss.md)."""
    phoneme_weight: float = 0.5
    feature_weight: float = 3.0
    voice_weight: float = 2.0
    """Weights of the recogniser losses: phonemes (of free-running speech too), distance of layer
    outputs, voice. The mel loss has weight 1."""
    speaker_weight: float = 4.0
    """Weight of the speaker-consistency loss."""
    by_speaker: bool = True
    """Draw a speaker, then one of their clips, so that a hundred people of one clip count more than
    one of a hundred. Otherwise an epoch holds each clip once."""
    recorded_share: float = 0.5
    """With `by_speaker`, share of recorded speakers among the utterances where the data holds
    synthetic speech too, whose voices change every two lines."""
    seed: int = 1
    schedule: Schedule = Schedule(steps=60_000, rate=1e-3, last_rate=5e-5, warmup=300, cooldown=0.4)


@dataclass(frozen=True)
class RecogniserRecipe:
    batch: int = 48
    min_frames: int = 40
    max_frames: int = 600
    dropout: float = 0.1
    seed: int = 1
    schedule: Schedule = Schedule(
        steps=2_000, rate=1.2e-3, last_rate=2e-5, warmup=200, cooldown=0.6, beta2=0.98
    )


@dataclass(frozen=True)
class MelSources:
    """The mels that a vocoder learns from."""

    synthesized: bool = False
    """Train on a synthesizer's mels of the clips where they exist."""
    true_mel_share: float = 0.25
    """With `synthesized`, share of the windows that keep the clip's true mel, so that copies of
    recordings do not get worse."""


@dataclass(frozen=True)
class WaveRNNRecipe(MelSources):
    batch: int = 16
    """Windows. Many small steps teach more in an hour than few large ones."""
    window: int = 5
    """Frames: 1,000 samples."""
    min_frames: int = 40
    max_frames: int = 10_000
    degraded_share: float = 0.5
    """Share of the windows of true mels that are blurred and distorted as a synthesizer's mels
    are."""
    norm_steps: int = 3_000
    """Step of the network after which the batch norms keep their statistics: those of a few windows
    are noisy."""
    seed: int = 1
    schedule: Schedule = Schedule(
        steps=80_000,
        rate=4e-4,
        last_rate=1e-5,
        warmup=200,
        cooldown=0.75,
        beta2=0.99,
        max_gradient=4.0,
        save_every=100,
    )


@dataclass(frozen=True)
class DiscriminatorSizes:
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)  # samples
    period_channels: tuple[int, ...] = (16, 32, 64, 128)
    n_ffts: tuple[int, ...] = (256, 512, 1024)  # samples
    spectrogram_channels: int = 16


@dataclass(frozen=True)
class VocosRecipe(MelSources):
    batch: int = 8
    """Windows."""
    window: int = 64
    """Frames: 0.8 s."""
    recorded_share: float = 0.6
    """Share of the windows from recordings where the data holds synthetic speech too."""
    quiet_share: float = 0.25
    """Share of the windows whose clip peaks at -30 to -12 dBFS; the others peak at -12 to 0."""
    silent_edge_share: float = 0.15
    """Share of the windows that begin before their clip or end after it, in silence, as the
    services' speech does."""
    adversarial_from: int = 3_000
    """Step of the network at which the discriminators come in. Spectral losses alone are three
    times as fast."""
    spectral_weight: float = 5.0
    feature_weight: float = 1.0
    """Weights of the spectral and feature-matching losses. The adversarial loss has weight 1."""
    discriminators: DiscriminatorSizes = DiscriminatorSizes()
    seed: int = 1
    schedule: Schedule = Schedule(
        steps=20_000,
        rate=5e-4,
        last_rate=2e-5,
        warmup=300,
        cooldown=1.0,
        cosine=True,
        beta1=0.8,
        beta2=0.99,
        weight_decay=1e-3,
        max_gradient=5.0,
    )
