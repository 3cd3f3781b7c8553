"""What a model makes of a clip, as PNG."""

from pathlib import Path

import soundfile

from shared.atomic_files import replacing
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array

INCHES = (9, 3)  # of one panel
DOTS_PER_INCH = 80


def draw_synthesis(
    picture: Path, *, target: Float32Array, mel: Float32Array, attention: Float32Array
) -> None:
    """target, mel: [80, T]; attention: [S, L]."""
    _draw(picture, {"recorded": target, "predicted": mel, "attention": attention.T})


def draw_listening(picture: Path, *, mel: Float32Array, phonemes: Float32Array) -> None:
    """mel: [80, T]; phonemes: [H, 1 + phonemes], their probabilities."""
    _draw(picture, {"recorded": mel, "heard": phonemes.T})


def draw_copy(picture: Path, wav: Float32Array, *, target: Float32Array, mel: Float32Array) -> None:
    """target, mel: [80, T]; wav: [n], which goes into a sound file beside the picture."""
    _draw(picture, {"recorded": target, "made": mel})
    soundfile.write(picture.with_suffix(".wav"), wav, MEL_FORMAT.sample_rate)


def _draw(picture: Path, panels: dict[str, Float32Array]) -> None:
    """One above the other, low bands and early characters at the bottom."""
    # Imported late: whoever only exports has no need of it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(INCHES[0], INCHES[1] * len(panels)), layout="tight")
    FigureCanvasAgg(figure)
    for place, (title, values) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(len(panels), 1, place, title=title)
        axes.imshow(values, origin="lower", aspect="auto", interpolation="nearest")
    with replacing(picture) as part:
        figure.savefig(part, dpi=DOTS_PER_INCH, format="png")
