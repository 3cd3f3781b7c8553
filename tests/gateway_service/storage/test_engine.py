from pathlib import Path

import pytest

from gateway_service.storage.engine import StorageMisconfigured, parse_database_url

DATA = Path("/data")
PASSWORD = "s3cret"


def parsed(url: str) -> str:
    return parse_database_url(url, DATA).render_as_string(hide_password=False)


def test_empty_url_is_a_file_in_the_data_folder() -> None:
    assert parsed("") == "sqlite:////data/gateway.sqlite3"


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("mysql+pymysql://u:p@h:3307/d", "mysql+pymysql://u:p@h:3307/d"),
        ("mysql://u:p@h/d", "mysql+pymysql://u:p@h/d"),
        ("mysql://u:p@h:3306/d?reconnect=true", "mysql+pymysql://u:p@h:3306/d"),
        ("mysql2://u:p@h/d", "mysql+pymysql://u:p@h/d"),
        ("mariadb://u:p@h/d", "mariadb+pymysql://u:p@h/d"),
        ("mysql://u:p%40%2Fq@h/d", "mysql+pymysql://u:p%40%2Fq@h/d"),
        ("mysql://u:p@h/d?ssl_ca=/ca.pem", "mysql+pymysql://u:p@h/d?ssl_ca=%2Fca.pem"),
        ("sqlite:////var/voices.db", "sqlite:////var/voices.db"),
    ],
)
def test_url_is_normalised(url: str, normalised: str) -> None:
    assert parsed(url) == normalised


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://u:{PASSWORD}@h/d",
        f"mysql+asyncmy://u:{PASSWORD}@h/d",
        f"mysql://u:{PASSWORD}@h",
        f"mysql://u:{PASSWORD}@h:port/d",
        f"mysql://u:p@{PASSWORD}@h/d",
        f"u:{PASSWORD}@h/d",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_unsupported_url_is_rejected_without_its_password(url: str) -> None:
    with pytest.raises(StorageMisconfigured, match=r"DATABASE_URL .*percent-encoded") as caught:
        parse_database_url(url, DATA)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
