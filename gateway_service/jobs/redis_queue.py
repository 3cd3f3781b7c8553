"""The job queue in Redis: Huey, with messages in JSON."""

import json
import logging
import ssl
from collections.abc import Callable
from typing import Any

from huey import Huey, RedisHuey
from huey.registry import Message
from redis import RedisError
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    InvalidResponse,
    NoPermissionError,
    ResponseError,
)

from gateway_service.jobs.redis_pools import redis_pool
from gateway_service.storage.database_url import StorageMisconfigured

log = logging.getLogger("better")
# It tells of every entry, and of Redis being away with a traceback every time.
logging.getLogger("huey").setLevel(logging.CRITICAL)

_NAME = "better"
_MAX_POLL_SECONDS = 1.0  # between two looks into an empty queue
_REDIS_SECONDS = 5.0
_WRONG_FOR_GOOD = (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    NoPermissionError,
    InvalidResponse,  # another kind of server
)


def open_huey(redis_url: str) -> Huey:
    """Connects to nothing yet."""
    pool = redis_pool(redis_url, _REDIS_SECONDS)
    return RedisHuey(_NAME, connection_pool=pool, results=False, serializer=_JsonMessages())


def is_reachable(huey: Huey) -> bool:
    """Raises StorageMisconfigured for what no waiting mends."""
    try:
        huey.pending_count()
    except RedisError as error:
        if _is_wrong_for_good(error):
            raise StorageMisconfigured(
                f"Redis refuses us ({error}); look at the user, the password and the number of the "
                "database in REDIS_URL"
            ) from None
        log.warning("the job queue is away, jobs wait: %s", error)
        return False
    return True


def make_consumer(huey: Huey, threads: int, stop_seconds: float) -> Any:
    """The threads that call what the entries name."""
    consumer = huey.create_consumer(
        workers=threads,
        periodic=False,
        max_delay=_MAX_POLL_SECONDS,
        scheduler_interval=60,  # nothing is ever scheduled
        shutdown_timeout=stop_seconds,
    )
    # The process has its own; and signals are the main thread's business.
    consumer._set_signal_handlers = lambda: None
    return consumer


def entry_maker(huey: Huey, run: Callable[[], object] | None) -> Callable[[], object]:
    """A function that adds an entry to the queue. run: what a worker does for one; None in a
    process that only adds them."""
    maker: Callable[[], object] = huey.task(name="run_next")(run or _run_nothing)
    return maker


def _run_nothing() -> None:
    raise NotImplementedError("this process only fills the queue")


def _is_wrong_for_good(error: RedisError) -> bool:
    # A plain one is of a database's number that Redis has not; one of a kind of its own passes.
    if isinstance(error, _WRONG_FOR_GOOD) or type(error) is ResponseError:
        return True
    causes: list[BaseException | None] = [error, error.__cause__, error.__context__]
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)


class _JsonMessages:
    """In place of Huey's pickle: who can write to the queue can run jobs, but no code."""

    def serialize(self, message: Message) -> bytes:
        return json.dumps(message).encode()

    def deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))
