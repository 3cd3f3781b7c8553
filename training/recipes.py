"""How the models are trained: what a run may set, and the sizes that there are."""

import math
from dataclasses import dataclass

from synthesizer_service.tacotron.hparams import Hparams as SynthesizerHparams
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.wavernn.hparams import Hparams as VocoderHparams

SYNTHESIZER_SIZES = {
    "compact": SynthesizerHparams(
        embed_dims=256, encoder_dims=128, postnet_dims=128, lstm_dims=384
    ),
    "full": SynthesizerHparams(),
}
VOCODER_SIZES = {"compact": VocoderHparams(rnn_dims=256, fc_dims=256), "full": VocoderHparams()}
VOCOS_SIZES = {"compact": VocosHparams(), "full": VocosHparams(dims=512, hidden_dims=1_536)}
SPEAKING_DROPOUT = 0.1
"""Of a synthesizer's prenets in use. Even trained with more, it is understood better with little
(docs/training.md); with none, a second attempt would be like the first."""


@dataclass(frozen=True)
class Pace:
    """steps: of the whole run. The rate rises over `warmup` steps from 0 to `rate`, stays, and
    falls over the last `cooldown` of all steps to `last_rate`, so that a run can be made longer."""

    steps: int
    rate: float
    last_rate: float
    warmup: int
    cooldown: float = 0.25
    cosine: bool = False
    """Fall along half a cosine, not along a line."""
    beta1: float = 0.9
    """Adam's memory of gradients."""
    beta2: float = 0.999
    """Adam's memory of squared gradients."""
    weight_decay: float = 0.0
    max_gradient: float = 1.0
    """Norm to which a longer gradient is cut."""
    save_every: int = 200
    draw_every: int = 1_000

    def rate_at(self, step: int) -> float:
        """step: from 0, of this run."""
        left = (self.steps - step) / max(1.0, self.cooldown * self.steps)
        left = max(0.0, min(1.0, left))
        if self.cosine:
            left = (1 - math.cos(math.pi * left)) / 2
        falling = self.last_rate + (self.rate - self.last_rate) * left
        return min(falling, self.rate * (step + 1) / max(1, self.warmup))


@dataclass(frozen=True)
class SynthesizerRecipe:
    batch: int = 16
    r: int = 4
    """Frames a decoder step. The attention is learnt faster with more, the sound with fewer."""
    min_frames: int = 30
    max_frames: int = 700
    postnet_from: float = 0.85
    """Share of the run after which the postnet, a third of a step, is trained too."""
    guide: float = 1.0
    """Weight of the pull towards a diagonal attention."""
    own_from: float = 0.1
    """Share of the run after which the decoder is fed frames of its own among the true ones."""
    own_passes: int = 2
    """Passes that make those frames: the first from true frames, each further one from what the
    pass before made, which is nearer to what the decoder is fed in use."""
    withheld: float = 0.1
    """Share of the frames fed that are replaced by one that tells nothing."""
    encoder_dropout: float = 0.1
    decoder_dropout: float = 0.2
    """Both of the prenets in training, whatever the size. RTVC's are 0.5; the bundled network
    erred in what it had learnt as often as in what was new, and so needs less."""
    lifter: tuple[tuple[int, float], ...] = ((1, 1.0), (3, 1.5), (10, 3.0), (10, 4.0), (56, 2.0))
    """How many coefficients of the cepstrum of the mel's error count how much, from the lowest.
    4 to 13, counted from 0, are the formants; from 24 on, in high voices from 14, the harmonics.
    What was misheard of earlier weights, fed true frames, lay from 14 on (docs/training.md)."""
    phonemes: float = 0.5
    layers: float = 3.0
    voice: float = 2.0
    """Weights of what a listener hears: the phonemes, how far its layers are from what they make
    of the true mel, and the voice. The mel's error counts 1."""
    by_speaker: bool = True
    """Draw a speaker, then a clip of theirs, so that a hundred people of one clip teach more than
    one of a hundred. Otherwise each clip comes once an epoch."""
    recorded: float = 0.5
    """With `by_speaker`, share of the utterances that recorded speakers have, where teachers' are
    there as well: each two lines of a teacher are another voice, thousands in all."""
    seed: int = 1
    pace: Pace = Pace(steps=60_000, rate=1e-3, last_rate=5e-5, warmup=300, cooldown=0.4)


@dataclass(frozen=True)
class ListenerRecipe:
    batch: int = 48
    min_frames: int = 40
    max_frames: int = 600
    dropout: float = 0.1
    seed: int = 1
    pace: Pace = Pace(
        steps=2_000, rate=1.2e-3, last_rate=2e-5, warmup=200, cooldown=0.6, beta2=0.98
    )


@dataclass(frozen=True)
class VocoderRecipe:
    batch: int = 16
    """Windows. Many steps of few of them teach more in an hour than few steps of many."""
    window: int = 5
    """Frames in a row that are learnt from: 1,000 samples."""
    min_frames: int = 40
    max_frames: int = 10_000
    roughened: float = 0.5
    """Share of the windows of the clips' own mels that are made as blurred and inexact as a
    synthesizer's."""
    norms_steps: int = 3_000
    """Of all the network's steps: after them the batch norms keep their statistics, for those of
    a few windows are noise."""
    synthesized: bool = False
    """Learn from a synthesizer's mels of the clips, where there are some."""
    true_mels: float = 0.25
    """With `synthesized`, share of the windows that keep the clips' own mels, so that copies of
    recordings do not get worse."""
    seed: int = 1
    pace: Pace = Pace(
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
class VocosRecipe:
    batch: int = 8
    """Windows."""
    window: int = 64
    """Frames: 0.8 s."""
    recorded: float = 0.6
    """Share of the windows of recordings, where there are clips of a teacher, too."""
    quiet: float = 0.25
    """Share of the windows whose clip is drawn with its loudest sample at -30 to -12 dBFS. The
    others have it at -12 to 0 dBFS."""
    silent_edge: float = 0.15
    """Share of the windows that begin before their clip or end after it, in silence, as speech of
    the services does."""
    adversarial_from: int = 3_000
    """The network's step from which the discriminators take part. Before it, it learns from spectra
    alone, which is three times as fast."""
    spectra: float = 5.0
    features: float = 1.0
    """Weights of the spectra's loss and of the discriminators' features. Their verdict counts 1."""
    discriminators: DiscriminatorSizes = DiscriminatorSizes()
    synthesized: bool = False
    """Learn from a synthesizer's mels of the clips, where there are some."""
    true_mels: float = 0.25
    """With `synthesized`, share of the windows that keep the clips' own mels, so that copies of
    recordings do not get worse."""
    seed: int = 1
    pace: Pace = Pace(
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
