import pytest
from click.testing import CliRunner

from cli.main import better


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("REDIS_URL", raising=False)
    return CliRunner()


def test_worker_without_redis_says_who_runs_the_jobs(invoke: CliRunner) -> None:
    result = invoke.invoke(better, ["worker"])

    assert result.exit_code == 1
    assert "REDIS_URL is not set" in result.output


def test_worker_names_a_setting_that_is_wrong_without_its_password(invoke: CliRunner) -> None:
    result = invoke.invoke(better, ["worker"], env={"REDIS_URL": "http://:secret@host"})

    assert result.exit_code == 1
    assert "REDIS_URL: cannot be read" in result.output
    assert "secret" not in result.output


def test_worker_without_a_database_says_what_to_set(invoke: CliRunner) -> None:
    given = {"REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgres://host/database"}
    result = invoke.invoke(better, ["worker"], env=given)

    assert result.exit_code == 1
    assert "DATABASE_URL" in result.output
