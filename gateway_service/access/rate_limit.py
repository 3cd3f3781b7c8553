"""RATE_LIMIT: requests of each caller, counted in memory or, for several processes, in Redis."""

import logging
import math
import time
from contextlib import aclosing
from functools import partial

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.errors import RateLimited
from shared.http.json_routes import ErrorResponse

log = logging.getLogger("better")

COUNT_REQUEST = "count_request"
REDIS_RESPONSE_SECONDS = 0.5
"""Redis is treated as failed after this time."""
REDIS_RETRY_SECONDS = 10.0
"""After a failure of Redis, requests are counted in memory for this time."""


class RateLimit:
    """Middleware that responds with 429 and Retry-After to a caller over the limit.

    Only POST counts: other methods start no work. A WebSocket calls `scope[COUNT_REQUEST]` for each
    request within it.

    limits: such as "60/minute; 1000/day". redis_url: counts are kept in memory if empty.
    """

    def __init__(self, app: ASGIApp, limits: str, redis_url: str = "") -> None:
        self.app = app
        self.counter = RequestCounter(redis_url)
        self.limits = parse_many(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with aclosing(self.counter):
                return await self.app(scope, receive, send)
        # `Access` sets the caller, except for open paths.
        if scope["type"] == "websocket":
            scope[COUNT_REQUEST] = partial(self.count_request, scope["caller"])
        elif scope["type"] == "http" and scope["method"] == "POST" and "caller" in scope:
            try:
                await self.count_request(scope["caller"])
            except RateLimited as error:
                return await ErrorResponse(error)(scope, receive, send)
        return await self.app(scope, receive, send)

    async def count_request(self, caller: str) -> None:
        """Count a request of the caller. Raises RateLimited if it is one too many."""
        for limit in self.limits:
            if seconds := await self.counter.seconds_until_allowed(limit, caller):
                raise RateLimited(
                    f"the limit for one caller is {limit}; try again in {seconds} s",
                    retry_after_seconds=seconds,
                )


class RequestCounter:
    """Counts requests by caller in moving windows."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis_pool(redis_url) if redis_url else None
        self._in_redis = _redis_limiter(self._redis) if self._redis else None
        self._in_memory = MovingWindowRateLimiter(MemoryStorage())
        self._redis_retry_at = -math.inf

    async def seconds_until_allowed(self, limit: RateLimitItem, caller: str) -> int:
        """Seconds until the caller may send a request. 0 allows this one and counts it."""
        if self._in_redis and time.monotonic() >= self._redis_retry_at:
            try:
                return await _hit(self._in_redis, limit, caller)
            except (RedisError, OSError) as error:
                log.warning("Redis failed; requests are counted in memory: %s", error)
                self._redis_retry_at = time.monotonic() + REDIS_RETRY_SECONDS
        return await _hit(self._in_memory, limit, caller)

    async def aclose(self) -> None:
        if self._redis:
            await self._redis.aclose()


def redis_pool(url: str) -> ConnectionPool:
    """Connections for counting. A failed call is not retried."""
    return ConnectionPool.from_url(
        url,
        socket_connect_timeout=REDIS_RESPONSE_SECONDS,
        socket_timeout=REDIS_RESPONSE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _redis_limiter(pool: ConnectionPool) -> MovingWindowRateLimiter:
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix="better:rate",
        connection_pool=pool,  # type: ignore[arg-type]  # the library only passes it on
    )
    return MovingWindowRateLimiter(storage)


async def _hit(limiter: MovingWindowRateLimiter, limit: RateLimitItem, caller: str) -> int:
    if await limiter.hit(limit, caller):
        return 0
    window = await limiter.get_window_stats(limit, caller)
    return max(1, math.ceil(window.reset_time - time.time()))
