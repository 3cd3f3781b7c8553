"""A client of the gateway's WebSocket, on the library `websockets`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.sync.client import ClientConnection, connect

PATH = "/v1/audio/speech/stream"
SECONDS = 60.0
"""Of waiting for a message: only a failed test waits for so long."""

Event = dict[str, Any]


@dataclass
class StreamClient:
    connection: ClientConnection

    def send(self, kind: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **fields}))

    def configure(self, **fields: Any) -> None:
        config = {"voice": "low", "response_format": "pcm", "stream_audio": True, "seed": 1}
        self.send("session.config", **config | fields)

    def say(self, *parts: str) -> None:
        for part in parts:
            self.send("input.text", text=part)

    def receive(self) -> Event | bytes:
        message = self.connection.recv(timeout=SECONDS)
        if isinstance(message, bytes):
            return message
        event: Event = json.loads(message)
        return event

    def until(self, kind: str) -> list[Event | bytes]:
        """The messages to the next event of a kind, which is the last of them."""
        received: list[Event | bytes] = []
        while True:
            received.append(message := self.receive())
            if isinstance(message, dict) and message["type"] == kind:
                return received

    def event(self, kind: str) -> Event:
        """The next event of a kind. Messages before it are dropped."""
        last = self.until(kind)[-1]
        assert isinstance(last, dict)
        return last

    def speak(self, *parts: str) -> list[Event | bytes]:
        """The messages of an utterance."""
        self.say(*parts)
        self.send("input.done")
        return self.until("session.done")


@contextmanager
def stream_client(url: str, path: str = PATH, **options: Any) -> Iterator[StreamClient]:
    """options: of `websockets`."""
    with connect(url.replace("http", "ws", 1) + path, **options) as connection:
        yield StreamClient(connection)


def events_of(messages: list[Event | bytes], kind: str) -> list[Event]:
    return [each for each in messages if isinstance(each, dict) and each["type"] == kind]


def sound_of(messages: list[Event | bytes]) -> bytes:
    return b"".join(each for each in messages if isinstance(each, bytes))
