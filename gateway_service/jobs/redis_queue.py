"""The job queue in Redis: Huey with JSON messages.

rediss:// verifies the server's certificate. For a server with a self-signed certificate, such as
Heroku's, append ?ssl_cert_reqs=none to the URL.
"""

import json
import logging
import ssl
from collections.abc import Callable

from huey import Huey, RedisHuey
from huey.exceptions import HueyException
from huey.registry import Message
from redis import ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    InvalidResponse,
    NoPermissionError,
    ResponseError,
)
from redis.retry import Retry

from gateway_service.storage.engine import StorageMisconfigured

log = logging.getLogger("better")
# Huey logs every message, and a traceback for every call while Redis is down.
logging.getLogger("huey").setLevel(logging.CRITICAL)

_NAME = "better"
_RESPONSE_SECONDS = 5.0
_PERMANENT_ERRORS = (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    NoPermissionError,
    InvalidResponse,  # the server is not a Redis
)


def redis_pool(url: str) -> ConnectionPool:
    """Connections for the queue. A failed call is retried once."""
    return ConnectionPool.from_url(
        url,
        socket_connect_timeout=_RESPONSE_SECONDS,
        socket_timeout=_RESPONSE_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


def open_huey(redis_url: str) -> Huey:
    """Open the queue. Nothing connects yet."""
    pool = redis_pool(redis_url)
    return RedisHuey(_NAME, connection_pool=pool, results=False, serializer=_JsonSerializer())


def is_reachable(huey: Huey) -> bool:
    """Connect to Redis. Raises StorageMisconfigured for errors that waiting does not resolve."""
    try:
        huey.pending_count()
    except RedisError as error:
        if _is_permanent(error):
            raise StorageMisconfigured(
                f"Redis refused the connection ({error}); check the user, the password and the "
                "database number in REDIS_URL"
            ) from None
        log.warning("the job queue is unreachable, jobs wait: %s", error)
        return False
    return True


def message_sender(huey: Huey, run: Callable[[], object] | None) -> Callable[[], object]:
    """A function that adds one message to the queue.

    run: called by `run_next_message` for each message; None in a process that only sends.
    """

    def run_next() -> object:
        return (run or _reject)()

    # Huey finds a task by module and name, which must be the same in gateway and worker.
    run_next.__module__ = _NAME
    task: Callable[[], object] = huey.task()(run_next)
    return task


def run_next_message(huey: Huey) -> bool:
    """Receive a message and run its task. Blocks for a second while the queue is empty.

    False if the caller should wait before the next call.
    """
    try:
        task = huey.dequeue()
    except RedisError:
        return False  # `JobQueue` checks the connection regularly and logs the error
    except HueyException as error:
        log.warning("an unknown message in the queue was dropped: %s", error)
        return True
    if task is not None:
        huey.execute(task)
    return task is not None or bool(huey.storage.blocking)


def _reject() -> None:
    raise NotImplementedError("this process only sends messages")


def _is_permanent(error: RedisError) -> bool:
    # A plain ResponseError means an unknown database number; its subclasses are temporary.
    if isinstance(error, _PERMANENT_ERRORS) or type(error) is ResponseError:
        return True
    causes: list[BaseException | None] = [error, error.__cause__, error.__context__]
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)


class _JsonSerializer:
    """Replaces Huey's pickle: write access to the queue can start jobs, but not run code."""

    def serialize(self, message: Message) -> bytes:
        return json.dumps(message).encode()

    def deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))
