"""Plots of the trained models' output, as PNG files."""

from pathlib import Path

import soundfile

from shared.atomic_files import replacing
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array

PANEL_INCHES = (9, 3)  # width, height
DOTS_PER_INCH = 80


def plot_synthesis(
    file: Path, *, target: Float32Array, mel: Float32Array, attention: Float32Array
) -> None:
    """Plot a synthesizer's mel below the recorded one. target, mel: [80, T]; attention: [S, L]."""
    _plot(file, {"recorded": target, "predicted": mel, "attention": attention.T})


def plot_phonemes(file: Path, *, mel: Float32Array, phonemes: Float32Array) -> None:
    """Plot a clip and its recognised phonemes. mel: [80, T]; phonemes: [H, 1 + phonemes], in
    probabilities."""
    _plot(file, {"recorded": mel, "recognised": phonemes.T})


def plot_copy(file: Path, wav: Float32Array, *, target: Float32Array, mel: Float32Array) -> None:
    """Plot a vocoder's copy of a clip, and write its sound beside the plot as WAV.

    target, mel: [80, T]. wav: [n] in ±1 at 16 kHz.
    """
    _plot(file, {"recorded": target, "copied": mel})
    soundfile.write(file.with_suffix(".wav"), wav, MEL_FORMAT.sample_rate)


def _plot(file: Path, panels: dict[str, Float32Array]) -> None:
    """Stack the panels. Low bands and early characters are at the bottom."""
    # Imported late: matplotlib is slow to load, and exporting needs none of it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = PANEL_INCHES
    figure = Figure(figsize=(width, height * len(panels)), layout="tight")
    FigureCanvasAgg(figure)
    for number, (title, values) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(len(panels), 1, number, title=title)
        axes.imshow(values, origin="lower", aspect="auto", interpolation="nearest")
    with replacing(file) as part:
        figure.savefig(part, dpi=DOTS_PER_INCH, format="png")
