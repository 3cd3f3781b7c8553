"""The deployment guides, walked through line by line, and held against the programs' files."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.support.file_server import file_server
from tests.support.guides import KEYS, check_of_better, check_of_curl, check_of_docker, walk
from tests.support.heroku_platform import Platform, check_of_git
from tests.system.test_deployment import APPS, dyno, environment, source

__all__ = ["source"]  # a fixture

HEROKU, COMPOSE, CLUSTER = (
    REPOSITORY / f"docs/deploy-{name}.md" for name in ("heroku", "compose", "cluster")
)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Heroku at the end of its guide."""
    platform = Platform()
    for program, *arguments in walk(HEROKU, tmp_path_factory.mktemp("heroku")):
        if program == "heroku":
            platform.call(*arguments)
        elif program == "git":
            check_of_git(platform, arguments)
        else:
            {"better": check_of_better, "curl": check_of_curl}[program](arguments)
    return platform


def test_heroku_guide_ends_with_an_app_for_each_of_the_four(platform: Platform) -> None:
    assert sorted(app.config["SERVICE"] for app in platform.apps.values()) == sorted(APPS)
    for name, app in platform.apps.items():
        assert name == f"my-better-{app.config['SERVICE']}"
        assert app.types == {"web": "basic"}, name
    gateway = platform.apps["my-better-gateway"]
    assert gateway.config["API_KEYS"] == KEYS
    assert gateway.addons == ["jawsdb-maria:kitefin"]
    for service in APPS[1:]:
        url = gateway.config[f"{service.upper()}_URL"]
        assert url == f"https://my-better-{service}.example.org"


def test_heroku_guide_sets_what_the_build_needs_before_it_pushes(platform: Platform) -> None:
    for name, app in platform.apps.items():
        if app.stack != "container":
            assert app.built_with, f"{name} was never pushed"
            assert app.built_with["SERVICE"] == app.config["SERVICE"]
            assert app.built_with["PIP_EXTRA_INDEX_URL"].startswith("https://download.pytorch.org/")


def test_heroku_guide_says_what_app_json_says(platform: Platform) -> None:
    listed = json.loads((REPOSITORY / "app.json").read_text())["env"]
    used = {name for app in platform.apps.values() for name in app.config}
    assert used - {"QUEUE_SECONDS"} <= set(listed)


@pytest.mark.parametrize(
    ("source", "service"), [(name, name) for name in APPS], indirect=["source"], ids=APPS
)
def test_app_of_the_heroku_guide_starts_with_its_settings(
    source: Path, service: str, platform: Platform, tmp_path: Path
) -> None:
    settings = platform.apps[f"my-better-{service}"].config
    with dyno(source, **settings, DATA_DIR=str(tmp_path / "data")) as running:
        running.wait_until_ready()
        secure = {"X-Forwarded-Proto": "https", "Host": "my-better.example.org"}
        page = httpx.get(f"{running.url}/", headers=secure, timeout=60)
        assert page.status_code == 200
        assert service == "gateway" or "https://my-better.example.org/" in page.text


def test_compose_guide_calls_what_there_is(tmp_path: Path) -> None:
    called: dict[str, list[list[str]]] = defaultdict(list)
    for program, *arguments in walk(COMPOSE, tmp_path):
        called[program].append(arguments)
    for arguments in called["docker"]:
        check_of_docker(arguments)
    for arguments in called["better"]:
        check_of_better(arguments)
    for arguments in called["curl"]:
        check_of_curl(arguments)
    assert set(called) == {"docker", "better", "curl"}


@pytest.mark.parametrize("source", ["synthesizer"], indirect=True)
def test_image_of_the_compose_guide_fetches_weights_that_all_users_can_read(
    source: Path, golden: Path, tmp_path: Path
) -> None:
    (listed,) = re.findall(r'command: (\[.*"fetch".*\])', COMPOSE.read_text())
    weights = tmp_path / "weights"
    arguments = {"/weights": str(weights), "all": "vocoder"}
    _, *command = [arguments.get(word, word) for word in json.loads(listed)]
    with file_server() as server:
        server.files["vocoder.pt"] = (golden / "wavernn_tiny.pt").read_bytes()
        subprocess.run(
            [sys.executable, *command, "--url", server.url],
            cwd=source,
            env=environment(),
            check=True,
            timeout=300,
        )
    manifest = weights / "vocoder/manifest.json"
    for path in (manifest, *manifest.parent.glob("*.pt")):
        assert path.stat().st_mode & 0o004, path
    assert manifest.parent.stat().st_mode & 0o005 == 0o005


def test_cluster_guide_calls_what_there_is(tmp_path: Path) -> None:
    called: dict[str, list[list[str]]] = defaultdict(list)
    for program, *arguments in walk(CLUSTER, tmp_path):
        called[program].append(arguments)
    for arguments in called["docker"]:
        check_of_docker(arguments)
    for arguments in called["better"]:
        check_of_better(arguments)
    for arguments in called["kubectl"]:
        folders = [a for a in arguments if a.startswith("deploy/")]
        assert all((REPOSITORY / folder / "kustomization.yaml").is_file() for folder in folders)
    assert ["deploy", "deploy/ray/serve.yaml"] in called["serve"]
    (extra,) = re.findall(r"\.\[(\w+)\]", called["pip"][0][-1])
    assert f"\n{extra} = " in (REPOSITORY / "pyproject.toml").read_text()
    assert set(called) == {"docker", "kubectl", "pip", "better", "ray", "serve"}


def test_cluster_guide_names_files_that_exist() -> None:
    named = re.findall(r"`(deploy/[\w./-]+)`", CLUSTER.read_text())
    assert {"deploy/kubernetes", "deploy/ray/serve.yaml"} <= set(named)
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_cluster_guide_lists_every_overlay() -> None:
    text = CLUSTER.read_text()
    for folder in (REPOSITORY / "deploy/kubernetes/overlays").iterdir():
        assert f"`deploy/kubernetes/overlays/{folder.name}`" in text


@pytest.mark.parametrize("guide", [HEROKU, COMPOSE, CLUSTER], ids=["heroku", "compose", "cluster"])
def test_every_setting_that_a_guide_names_exists(guide: Path) -> None:
    listed = [REPOSITORY / "docs/configuration.md", REPOSITORY / "app.json"]
    known = "".join(file.read_text() for file in listed)
    foreign = {"HEAD", "WEB_CONCURRENCY", "DOCKER_DEFAULT_PLATFORM", "SIGTERM"}
    foreign |= {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}
    named = set(re.findall(r"`([A-Z][A-Z_]{3,})(?:=[^`]*)?`", guide.read_text())) - foreign
    assert named
    assert {name for name in named if name not in known} == set()
