"""Clients that ask a gateway for speech without a pause, and compare every sound."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.ray_nodes import wait_until

SPEECH = {"voice": "ash", "response_format": "pcm", "seed": 1}
TEXTS = ["Good morning. How are you?", "It is late. We are at home."]


@dataclass
class SpeakingClients:
    """The results so far. right: number of right sounds. wrong, failed: a line for each."""

    url: str
    expected: dict[str, bytes]
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_for_more(self, count: int) -> None:
        """Wait until so many further sounds have come."""
        target = self.right + count
        wait_until(lambda: self.right >= target)

    def _speak(self, first: int) -> None:
        with httpx.Client(timeout=180) as http:
            position = first
            while not self._stopping.is_set():
                text = TEXTS[position % len(TEXTS)]
                position += 1
                self._note(text, _speech(http, self.url, text))

    def _note(self, text: str, answer: bytes | str) -> None:
        with self._lock:
            if isinstance(answer, str):
                self.failed.append(answer)
            elif answer == self.expected[text]:
                self.right += 1
            else:
                self.wrong.append(f"{text}: {len(answer)} bytes")


@contextmanager
def speaking_clients(url: str, count: int) -> Iterator[SpeakingClients]:
    """url: of a gateway that speaks now; its sounds are the right ones."""
    with httpx.Client(timeout=180) as http:
        expected = {text: _speech(http, url, text) for text in TEXTS}
    sounds = {text: sound for text, sound in expected.items() if isinstance(sound, bytes)}
    assert len(sounds) == len(TEXTS), expected
    clients = SpeakingClients(url, sounds)
    threads = [threading.Thread(target=clients._speak, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        clients._stopping.set()
        for thread in threads:
            thread.join()


def _speech(http: httpx.Client, url: str, text: str) -> bytes | str:
    """The sound, or a line about the failure."""
    try:
        answer = http.post(f"{url}/v1/audio/speech", json=SPEECH | {"input": text})
    except httpx.TransportError as error:
        return f"{type(error).__name__}: {error}"
    return answer.content if answer.is_success else f"{answer.status_code} {answer.text}"
