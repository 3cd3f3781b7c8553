"""Sound from a mel without a network, for comparison (D. Griffin and J. Lim, 1984)."""

import numpy as np

from shared.audio.mel import MEL_FORMAT, mel_amplitudes
from shared.http.tensors import Float32Array
from vocoder_service.waveform import de_emphasis

ITERATIONS = 60


def griffin_lim(mel: Float32Array) -> Float32Array:
    """mel: [80, T] in ±4. Returns [(T - 1) * 200] in ±1 at 16 kHz."""
    import librosa

    fmt = MEL_FORMAT
    spectrum = librosa.feature.inverse.mel_to_stft(
        mel_amplitudes(mel),
        sr=fmt.sample_rate,
        n_fft=fmt.n_fft,
        power=1,
        fmin=fmt.fmin,
        fmax=fmt.fmax,
    )
    emphasised = librosa.griffinlim(
        spectrum,
        n_iter=ITERATIONS,
        hop_length=fmt.hop_length,
        win_length=fmt.win_length,
        random_state=0,
    )
    wav, _ = de_emphasis(emphasised[np.newaxis], np.zeros((1, 1)))
    clipped: Float32Array = np.clip(wav[0], -1, 1)
    return clipped
