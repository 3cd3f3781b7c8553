"""Connections to the Redis of REDIS_URL.

rediss:// checks the server's certificate, unless the address itself ends in ?ssl_cert_reqs=none, as
it must for one that the server made for itself, such as Heroku's.
"""

from typing import Any

import redis
from redis import asyncio as aio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry


def redis_pool(url: str, seconds: float) -> redis.ConnectionPool:
    """seconds: that an answer may take. What fails is tried twice."""
    return redis.ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 1), **_within(seconds))


def async_redis_pool(url: str, seconds: float) -> aio.ConnectionPool:
    """seconds: that an answer may take. What fails is tried once."""
    return aio.ConnectionPool.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **_within(seconds))


def _within(seconds: float) -> dict[str, Any]:
    return {"socket_connect_timeout": seconds, "socket_timeout": seconds}
