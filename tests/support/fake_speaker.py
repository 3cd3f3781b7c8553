"""A stand-in for a baseline of benchmarks/baselines.py."""


class Speaker:
    def __init__(self, threads: int) -> None:
        self._threads = threads

    def speak(self, text: str) -> float:
        """As many seconds as there are words and threads."""
        return float(len(text.split()) + self._threads)
