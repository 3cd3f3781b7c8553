"""The documentation: its examples run, its links lead somewhere, its tables agree with the code."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

import client.settings
import encoder_service.settings
import gateway_service.settings
import shared.http.errors
import synthesizer_service.settings
import vocoder_service.settings
from shared.settings import AppSettings, ServiceSettings
from synthesizer_service.text import NO_LEXICON
from tests.conftest import REPOSITORY, Service

README, KOREAN = REPOSITORY / "README.md", REPOSITORY / "README.ko.md"
API, GATEWAY = REPOSITORY / "docs/api.md", REPOSITORY / "docs/gateway.md"
COMPOSE = REPOSITORY / "docs/deploy-compose.md"
DOCUMENTS = [README, KOREAN, REPOSITORY / "CONTRIBUTING.md", *REPOSITORY.glob("docs/**/*.md")]
PORTS = {"gateway": 8000, "encoder": 8001, "synthesizer": 8002, "vocoder": 8003}
SERVICES = ["encoder", "synthesizer", "vocoder"]
every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY))
)


class Block(NamedTuple):
    language: str
    code: str


def blocks(document: Path) -> list[Block]:
    """The fenced code blocks, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.M | re.S)
    return [Block(*block) for block in found]


def shell_blocks(document: Path, *programs: str) -> list[str]:
    """The shell blocks that begin with one of the programs."""
    shell = (block.code for block in blocks(document) if block.language == "sh")
    return [code for code in shell if code.startswith(programs)]


def prose(document: Path) -> str:
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)


# The examples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to run examples in, with what they expect to find."""
    (tmp_path / "samples").symlink_to(REPOSITORY / "samples")
    (tmp_path / "story.txt").write_text("Once upon a time.")
    shutil.copy(REPOSITORY / "samples/elm.wav", tmp_path / "recording.wav")
    return tmp_path


def at_test_addresses(code: str, service: Service) -> str:
    for name, port in PORTS.items():
        if (address := f"http://127.0.0.1:{port}") in code:
            code = code.replace(address, str(service(name).base_url).rstrip("/"))
    return code


def run(command: list[str], folder: Path, **environment: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": programs, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_shell(code: str, folder: Path, **environment: str) -> str:
    return run(["bash", "-euo", "pipefail", "-c", code], folder, **environment)


def assert_speech(file: Path, of_rate: int = 16_000) -> None:
    wav, rate = soundfile.read(file)
    assert rate == of_rate
    assert len(wav) > 0.1 * rate
    assert 0.001 < np.abs(wav).max() <= 1


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on the PATH")
def test_curl_examples_give_embedding_spectrogram_and_sound(folder: Path, service: Service) -> None:
    examples = shell_blocks(README, "curl")
    assert len(examples) == 4, "one example for each app"
    for example in examples:
        run_shell(at_test_addresses(example, service), folder)
    assert_speech(folder / "morning.mp3", of_rate=24_000)
    embed = json.loads((folder / "embed.json").read_text())["embed"]
    assert np.shape(embed) == (256,)
    assert np.linalg.norm(embed) == pytest.approx(1, abs=1e-4)
    spec = json.loads((folder / "spec.json").read_text())["spec"]
    assert len(spec) == 80
    assert_speech(folder / "speech.wav")


def test_python_example_chains_the_services(folder: Path, service: Service) -> None:
    (example,) = [block.code for block in blocks(README) if block.language == "python"]
    assert len([line for line in example.splitlines() if line]) <= 20
    run([sys.executable, "-c", at_test_addresses(example, service)], folder)
    assert_speech(folder / "speech.wav")


def test_better_examples_speak_and_keep_a_voice(folder: Path, service: Service) -> None:
    addresses = {f"{name.upper()}_URL": str(service(name).base_url) for name in SERVICES}
    for example in shell_blocks(README, "better"):
        run_shell(example, folder, VOICES_DIR=str(folder / "voices"), **addresses)
    assert_speech(folder / "hello.wav")
    assert_speech(folder / "story.wav")
    voices = run_shell("better voices list", folder, VOICES_DIR=str(folder / "voices"))
    assert "mine" in voices.splitlines()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on the PATH")
def test_curl_examples_of_the_api_page_answer_as_it_says(folder: Path, service: Service) -> None:
    examples = shell_blocks(API, "curl")
    clip, chars, sound = (run_shell(at_test_addresses(code, service), folder) for code in examples)
    promised = {
        "clip": next(block.code for block in blocks(API) if block.code.startswith('{"embed"')),
        "chars": next(block.code for block in blocks(API) if block.code.startswith('{"chars"')),
    }
    assert list(json.loads(clip)["report"]) == list(json.loads(promised["clip"])["report"])
    assert json.loads(chars) == json.loads(promised["chars"])
    assert not sound
    assert_speech(folder / "speech.flac")


# The gateway's page


def test_python_examples_of_the_gateway_page_speak(folder: Path, service: Service) -> None:
    examples = [block.code for block in blocks(GATEWAY) if block.language == "python"]
    assert len(examples) == 2
    for example in examples:
        run([sys.executable, "-c", at_test_addresses(example, service)], folder)
    assert_speech(folder / "morning.wav", of_rate=24_000)
    assert_speech(folder / "evening.flac", of_rate=24_000)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on the PATH")
def test_shell_examples_of_the_gateway_page_do_what_it_says(folder: Path, service: Service) -> None:
    examples = [at_test_addresses(code, service) for code in shell_blocks(GATEWAY, "curl", "job=")]
    said = [run_shell(example, folder, KEY="any") for example in examples]
    for file in ("morning.mp3", "story.mp3"):
        assert_speech(folder / file, of_rate=24_000)
    assert json.loads((folder / "speech.json").read_text())["sr"] == 16_000
    output = "\n".join(said)
    assert '"name":"mine"' in output  # the voice that an example made
    assert "speech.audio.done" in output
    assert '"state":"completed"' in output
    assert '"object":"speech.job.deleted"' in output
    assert '"object":"audio.voice.deleted"' in output


def test_compose_overrides_of_the_documents_are_accepted(tmp_path: Path) -> None:
    program = shutil.which("docker-compose") or pytest.skip("docker-compose is not on the PATH")
    shutil.copy(REPOSITORY / "docker-compose.yml", tmp_path)
    overrides = [block.code for block in blocks(COMPOSE) if block.language == "yaml"]
    assert len(overrides) >= 3
    for override in overrides:
        (tmp_path / "docker-compose.override.yml").write_text(override)
        run([program, "config", "--quiet"], tmp_path)


# The translation


def without_comments(block: Block) -> Block:
    return Block(block.language, re.sub(r"\s+#.*$", "", block.code, flags=re.M))


def test_korean_readme_has_the_same_code() -> None:
    assert [*map(without_comments, blocks(KOREAN))] == [*map(without_comments, blocks(README))]


def links(document: Path) -> list[str]:
    text = prose(document)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^]]+\]: (\S+)$", text, re.M)


def test_korean_readme_has_the_same_links() -> None:
    switched = [target.replace(KOREAN.name, README.name) for target in links(README)]
    assert sorted(links(KOREAN)) == sorted(switched)


def test_korean_readme_has_the_same_structure() -> None:
    outlines = [re.findall(r"^(#+|-) ", prose(document), re.M) for document in (README, KOREAN)]
    assert outlines[0] == outlines[1]


# Links and commands


def anchors(document: Path) -> set[str]:
    """The ids that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_relative_links_lead_to_something(document: Path) -> None:
    for target in links(document):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@every_document
def test_make_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    code = "\n".join(block.code for block in blocks(document))
    named = re.findall(r"`make (\S+)`", document.read_text()) + re.findall(
        r"^make ([a-z-]+)", code, re.M
    )
    assert set(named) <= targets


# The tables of docs/api.md


def tables(document: Path, first_column: str) -> Iterator[dict[str, list[str]]]:
    """By what stands in the first column, without backticks: the other columns of each row."""
    lines = iter(document.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            rows = itertools.takewhile(lambda row: row.startswith("|"), lines)
            cells = [[cell.strip(" `") for cell in row.split(" | ")] for row in rows]
            yield {row[0].strip("|` "): row[1:] for row in cells[1:]}


SETTINGS: list[type[BaseSettings]] = [
    ServiceSettings,
    encoder_service.settings.Settings,
    synthesizer_service.settings.Settings,
    vocoder_service.settings.Settings,
    gateway_service.settings.Settings,
    client.settings.Settings,
]


def shown(default: object) -> str:
    """As a table writes it."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).rstrip("/") if default not in ("", None, (), NO_LEXICON) else "none"


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda kind: kind.__module__)
def test_api_page_lists_every_setting_with_its_default(settings: type[BaseSettings]) -> None:
    above: set[type[BaseSettings]] = {ServiceSettings, AppSettings, client.settings.Settings}
    above.discard(settings)
    if settings is ServiceSettings:
        above = set()
    inherited = {name for kind in above for name in kind.model_fields}
    own = {
        name.upper(): field.default
        for name, field in settings.model_fields.items()
        if name not in inherited
    }
    listed = [table for table in tables(API, "variable") if set(table) == set(own)]
    assert listed, f"no table has exactly {sorted(own)}"
    for name, default in own.items():
        if isinstance(default, Path) or default is PydanticUndefined:
            continue  # depends on the machine
        assert any(table[name][0] == shown(default) for table in listed), name


def test_api_page_lists_every_error() -> None:
    (listed,) = tables(API, "status")
    kinds = set(shared.http.errors.ApiError.__subclasses__())
    assert listed.keys() == {str(kind.status) for kind in kinds}


CODES = r'(?:code=|code = |_refuse\()"(\w+)"'


def test_api_page_lists_every_code() -> None:
    folders = ["shared", *(f"{name}_service" for name in PORTS)]
    sources = [path.read_text() for name in folders for path in (REPOSITORY / name).rglob("*.py")]
    raised = {code for text in sources for code in re.findall(CODES, text)}
    assert len(raised) > 8
    text = API.read_text()
    assert {code for code in raised if f"| `{code}` |" not in text} == set()
