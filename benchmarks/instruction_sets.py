"""`python -m benchmarks.instruction_sets`: one core's time with each instruction set of this CPU.

Each runs in a process of its own with one thread, in which PyTorch, oneDNN and the native loops may
use no better instruction set. It shows what an older CPU would need. The time is the processor's,
not the clock's, so other work on the machine changes it little.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import click
import torch

from benchmarks.machine import load_average, machine_facts
from benchmarks.stages import SENTENCE
from encoder_service import inference as encoding
from encoder_service.embedding import embed_utterance
from encoder_service.preprocess import usable_voice
from encoder_service.settings import Settings as EncoderSettings
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from shared.native import modules as native_modules
from shared.settings import REPOSITORY
from shared.voices import sample_clip, sample_embeds
from synthesizer_service import inference as synthesis
from synthesizer_service.schemas import TextRequest
from synthesizer_service.settings import Settings as SynthesizerSettings
from synthesizer_service.tacotron.native_decoder import LOOP
from vocoder_service import inference as vocoding
from vocoder_service.settings import Settings as VocoderSettings

VOICE, SEED = "ash", 1
LIMITS_OF_TORCH = {
    "avx512": {},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "portable": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
"""Settings that keep PyTorch and oneDNN from better instruction sets. MKL_ENABLE_INSTRUCTIONS does
the same for MKL, which reads it on Intel's CPUs."""
MKL = {"avx2": "AVX2", "portable": "SSE4_2"}
NO_LOOPS = "no compiler"


@click.command()
@click.option(
    "--runs", default=5, show_default=True, help="Of each measurement; the median counts."
)
@click.option("--only", help="Measure this one in this process, and print JSON.")
def main(runs: int, only: str | None) -> None:
    """Measure one core's time with each instruction set of this CPU."""
    if only:
        native_modules.INSTRUCTION_SETS = () if only == NO_LOOPS else (only, "portable")
        click.echo(json.dumps(dict(_seconds_per_second(runs))))
        return
    for name, fact in machine_facts().items():
        click.echo(f"{name:20} {fact}")
    click.echo(f"{'load average':20} {load_average()}\n\nProcessor seconds per second of speech:")
    for name in [*native_modules.built(LOOP), NO_LOOPS]:
        command = [sys.executable, "-m", "benchmarks.instruction_sets", "--only", name]
        limits = LIMITS_OF_TORCH.get(name, {})
        limits |= {"MKL_ENABLE_INSTRUCTIONS": MKL[name]} if name in MKL else {}
        measured = subprocess.run(
            [*command, "--runs", str(runs)],
            cwd=REPOSITORY,
            env={**os.environ, **limits, "TORCH_THREADS": "1", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            check=True,
        )
        numbers = json.loads(measured.stdout)
        click.echo(f"{name:12} " + "  ".join(f"{k} {v:.3f}" for k, v in numbers.items()))


@torch.inference_mode()
def _seconds_per_second(runs: int) -> Iterator[tuple[str, float]]:
    clip = sample_clip(seconds=9)
    voice, _ = usable_voice(clip.wav, clip.rate)
    encoder = encoding.load(EncoderSettings())
    yield "embed", _median(lambda: embed_utterance(encoder, voice), runs) / 9

    settings = SynthesizerSettings()
    tacotron = synthesis.load(settings)
    request = TextRequest(text=SENTENCE, embed=sample_embeds()[VOICE].tolist(), seed=SEED)
    mel = synthesis.synthesize(tacotron, request, settings)["spec"]
    speech = mel.shape[1] * MEL_FORMAT.hop_length / MEL_FORMAT.sample_rate
    yield (
        "synthesize",
        _median(lambda: synthesis.synthesize(tacotron, request, settings), runs) / speech,
    )

    for name in ("vocos", "wavernn"):
        vocoder = vocoding.load(VocoderSettings(vocoder=name, vocoder_threads=1))
        yield name, _median(partial(_vocode, vocoder, mel), runs) / speech


def _vocode(vocoder: vocoding.Vocoder, mel: Float32Array) -> None:
    for _ in vocoder.generate(mel, SEED, 1.0):
        pass


def _median(work: Callable[[], object], runs: int) -> float:
    """Processor seconds of the process, after a first run that warms up."""
    work()
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
