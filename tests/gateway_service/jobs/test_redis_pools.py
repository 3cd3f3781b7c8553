import ssl

import pytest
import redis
from redis import asyncio as aio

from gateway_service.jobs.redis_pools import async_redis_pool, redis_pool

URL = "rediss://:secret@127.0.0.1:6379/0"


@pytest.mark.parametrize(
    ("url", "checked", "mode"),
    [(URL, True, ssl.CERT_REQUIRED), (URL + "?ssl_cert_reqs=none", False, ssl.CERT_NONE)],
)
def test_certificate_is_checked_unless_the_address_says_not_to(
    url: str, checked: bool, mode: ssl.VerifyMode
) -> None:
    connection = redis_pool(url, 1).make_connection()
    async_connection = async_redis_pool(url, 1).make_connection()  # type: ignore[no-untyped-call]

    assert isinstance(connection, redis.SSLConnection)
    assert isinstance(async_connection, aio.SSLConnection)
    assert (connection.check_hostname, async_connection.check_hostname) == (checked, checked)
    assert (connection.cert_reqs, async_connection.cert_reqs) == (mode, mode)
