"""How much one caller may ask for: RATE_LIMIT, counted here or, for several processes, in Redis."""

import logging
import math
import time
from contextlib import aclosing

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway_service.jobs.redis_pools import async_redis_pool
from shared.http.errors import RateLimited
from shared.http.json_routes import ErrorResponse

log = logging.getLogger("better")

REDIS_SECONDS = 0.5
"""An answer of Redis that takes longer is not waited for."""
REDIS_REST_SECONDS = 10.0
"""After Redis failed it is left alone for so long; meanwhile it is counted here."""


class RateLimit:
    """Answers 429 with Retry-After. Reading is free: what starts work is a POST.

    limits: such as "60/minute; 1000/day". redis_url: in memory if empty.
    """

    def __init__(self, app: ASGIApp, limits: str, redis_url: str = "") -> None:
        self.app = app
        self.counts = Counts(redis_url)
        self.limits = parse_many(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with aclosing(self.counts):
                return await self.app(scope, receive, send)
        # Access sets the caller, but for paths that are open to all.
        if scope["type"] == "http" and scope["method"] == "POST" and "caller" in scope:
            for limit in self.limits:
                seconds = await self.counts.seconds_until_allowed(limit, scope["caller"])
                if seconds:
                    error = RateLimited(
                        f"a caller may send {limit}; try again in {seconds} s",
                        retry_after_seconds=seconds,
                    )
                    return await ErrorResponse(error)(scope, receive, send)
        return await self.app(scope, receive, send)


class Counts:
    """Requests by caller, each forgotten when its window has passed."""

    def __init__(self, redis_url: str) -> None:
        self._redis = async_redis_pool(redis_url, REDIS_SECONDS) if redis_url else None
        self._shared = _counted_in(self._redis) if self._redis else None
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._redis_rests_until = -math.inf

    async def seconds_until_allowed(self, limit: RateLimitItem, caller: str) -> int:
        """0 if it is now, which counts."""
        if self._shared and time.monotonic() >= self._redis_rests_until:
            try:
                return await _hit(self._shared, limit, caller)
            except (RedisError, OSError) as error:
                log.warning("Redis does not count requests now: %s", error)
                self._redis_rests_until = time.monotonic() + REDIS_REST_SECONDS
        return await _hit(self._here, limit, caller)

    async def aclose(self) -> None:
        if self._redis:
            await self._redis.aclose()


def _counted_in(pool: ConnectionPool) -> MovingWindowRateLimiter:
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix="better:rate",
        connection_pool=pool,  # type: ignore[arg-type]  # which the library only passes on
    )
    return MovingWindowRateLimiter(storage)


async def _hit(limiter: MovingWindowRateLimiter, limit: RateLimitItem, caller: str) -> int:
    if await limiter.hit(limit, caller):
        return 0
    window = await limiter.get_window_stats(limit, caller)
    return max(1, math.ceil(window.reset_time - time.time()))
